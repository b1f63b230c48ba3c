// Real scrapes for the benchmarks: testdata/scrapes.txt.zst (testdata/README.md says how it was
// made).
#pragma once

#include <zstd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/model/sample.h"

namespace baro::codec {

// The rows of one exporter; a column that was not yet or no longer there is absent.
struct ScrapeCapture {
  struct Row {
    int64_t time_ms = 0;
    std::vector<double> values;
  };

  std::string exporter;
  size_t column_count = 0;
  std::vector<Row> rows;

  size_t sample_count() const { return column_count * rows.size(); }
  std::vector<double> Column(size_t column, size_t first_row, size_t row_count) const {
    std::vector<double> values;
    for (size_t r = first_row; r < std::min(first_row + row_count, rows.size()); ++r) {
      values.push_back(rows[r].values[column]);
    }
    return values;
  }
};

inline std::string UncompressedFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string compressed((std::istreambuf_iterator<char>(file)),
                               std::istreambuf_iterator<char>());
  const auto size = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  BARO_CHECK(size < (1u << 30));
  std::string content(size, '\0');
  BARO_CHECK_EQ(
      ZSTD_decompress(content.data(), content.size(), compressed.data(), compressed.size()), size);
  return content;
}

// Each line says what changed since the row before: "t TIME_MS" begins a row, "+ SERIES" adds a
// column, "COLUMN VALUE" changes it, "- COLUMN" says it is gone.
inline std::vector<ScrapeCapture> LoadScrapeCaptures(const std::string& path) {
  std::istringstream lines(UncompressedFile(path));
  std::vector<ScrapeCapture> captures;
  std::vector<double> row;
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.find(' ');
    BARO_CHECK(space != std::string::npos);
    const std::string word = line.substr(0, space);
    const char* const rest = line.c_str() + space + 1;
    if (word == "exporter") {
      captures.emplace_back().exporter = rest;
      row.clear();
    } else if (word == "t") {
      captures.back().rows.push_back({std::strtoll(rest, nullptr, 10), {}});
    } else if (word == "+") {
      row.push_back(model::kStaleNan);
      captures.back().column_count = row.size();
    } else if (word == "-") {
      row[std::strtoull(rest, nullptr, 10)] = model::kStaleNan;
    } else {
      row[std::strtoull(word.c_str(), nullptr, 10)] = std::strtod(rest, nullptr);
    }
    if (!captures.back().rows.empty()) captures.back().rows.back().values = row;
  }
  for (ScrapeCapture& capture : captures) {
    for (auto& each : capture.rows) each.values.resize(capture.column_count, model::kStaleNan);
  }
  return captures;
}

inline const std::vector<ScrapeCapture>& ScrapeCaptures() {
  static const auto kCaptures = LoadScrapeCaptures(BARO_TESTDATA_DIR "/scrapes.txt.zst");
  return kCaptures;
}

// Bytes after zstd, as batches and slots are compressed.
inline size_t ZstdSize(const std::string& bytes) {
  constexpr int kLevel = 3;
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  return ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
}

}  // namespace baro::codec
