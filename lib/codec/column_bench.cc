// Columns of real scrapes, 15 s apart, in runs as the head (128 rows) and slots (120 rows) hold
// them: nanoseconds a sample, bytes a sample as they are (B) and after zstd of 32 columns together
// (zstd).

#include <algorithm>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/codec/column.h"
#include "benchmark/benchmark.h"
#include "scrape_capture.h"

namespace baro::codec {
namespace {

constexpr size_t kColumnsPerGroup = 32;

// All columns of a capture, cut into runs.
std::vector<std::vector<double>> Runs(const ScrapeCapture& capture, size_t row_count) {
  std::vector<std::vector<double>> runs;
  for (size_t row = 0; row < capture.rows.size(); row += row_count) {
    for (size_t column = 0; column < capture.column_count; ++column) {
      runs.push_back(capture.Column(column, row, row_count));
    }
  }
  return runs;
}

void Report(benchmark::State& state, const ScrapeCapture& capture) {
  state.counters["per_sample"] = benchmark::Counter(
      static_cast<double>(capture.sample_count()),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetLabel(capture.exporter);
}

void BM_EncodeColumns(benchmark::State& state) {
  const ScrapeCapture& capture = ScrapeCaptures()[static_cast<size_t>(state.range(0))];
  const auto runs = Runs(capture, static_cast<size_t>(state.range(1)));
  std::string bytes;
  for (auto _ : state) {
    bytes.clear();
    for (const auto& run : runs) EncodeColumn(run, &bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  Report(state, capture);
  size_t zstd_bytes = 0;
  for (size_t begin = 0; begin < runs.size(); begin += kColumnsPerGroup) {
    std::string group;
    for (size_t i = begin; i < std::min(begin + kColumnsPerGroup, runs.size()); ++i) {
      EncodeColumn(runs[i], &group);
    }
    zstd_bytes += ZstdSize(group);
  }
  const auto samples = static_cast<double>(capture.sample_count());
  state.counters["B"] = static_cast<double>(bytes.size()) / samples;
  state.counters["zstd"] = static_cast<double>(zstd_bytes) / samples;
}
BENCHMARK(BM_EncodeColumns)->ArgsProduct({{0, 1, 2}, {120, 480}});

void BM_DecodeColumns(benchmark::State& state) {
  const ScrapeCapture& capture = ScrapeCaptures()[static_cast<size_t>(state.range(0))];
  auto runs = Runs(capture, static_cast<size_t>(state.range(1)));
  std::string bytes;
  for (const auto& run : runs) EncodeColumn(run, &bytes);
  for (auto _ : state) {
    std::string_view left = bytes;
    for (auto& run : runs) BARO_CHECK(DecodeColumn(&left, run).ok());
    benchmark::DoNotOptimize(runs.back().data());
  }
  Report(state, capture);
}
BENCHMARK(BM_DecodeColumns)->ArgsProduct({{0, 1, 2}, {120, 480}});

}  // namespace
}  // namespace baro::codec
