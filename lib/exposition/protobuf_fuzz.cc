// Any bytes as a protobuf exposition: refused, or lines that the parser accepts.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "baro/exposition/layout_cache.h"
#include "baro/exposition/protobuf.h"
#include "baro/model/histogram.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace baro::exposition;
  if (size == 0 || size > 20'000) return 0;
  const std::string body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  ProtobufBody read;
  const ProtobufOptions options{(bytes[0] & 1) != 0, (bytes[0] & 2) != 0};
  if (!ReadProtobuf(body, options, {}, &read).ok()) return 0;
  const auto parsed = ParseExposition(read.text, Format::kProtobuf);
  // A label told twice is seen only by the parser.
  if (!parsed.ok() && parsed.status().message().find("occurs twice") == std::string::npos) {
    std::fprintf(stderr, "%s\n%s", parsed.status().ToString().c_str(), read.text.c_str());
    std::abort();
  }
  for (const NativeSample& sample : read.histograms) {
    if (!baro::model::CheckHistogram(sample.histogram).ok()) std::abort();
  }
  return 0;
}
