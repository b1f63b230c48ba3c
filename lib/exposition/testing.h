// What the tests, the fuzzer and the benchmark of this module share.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <bit>
#include <map>
#include <string>
#include <string_view>

#include "baro/exposition/layout_cache.h"
#include "baro/exposition/parser.h"
#include "baro/model/sample.h"

namespace baro::exposition {

// A file of testdata/, gunzipped.
inline std::string ReadCapture(const std::string& name) {
  const std::string path = std::string(BARO_TESTDATA_DIR) + "/" + name;
  gzFile file = gzopen(path.c_str(), "rb");
  std::string text;
  char piece[4096];
  for (int got = 1; file != nullptr && got > 0;) {
    got = gzread(file, piece, sizeof piece);
    if (got > 0) text.append(piece, static_cast<size_t>(got));
  }
  if (file != nullptr) gzclose(file);
  return text;
}

// A capture of the text format as OpenMetrics has it.
inline std::string AsOpenMetrics(std::string text) {
  for (size_t at = text.find(" untyped\n"); at != std::string::npos; at = text.find(" untyped\n")) {
    text.replace(at, 8, " unknown");
  }
  return text + "# EOF\n";
}

}  // namespace baro::exposition
