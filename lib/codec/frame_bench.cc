// Frames of real scrapes, 15 s apart: nanoseconds a column, and bytes a sample as they are (B),
// after zstd of each frame alone (zstd1, live) and of 16 together (zstd16, backlog).

#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/codec/frame.h"
#include "benchmark/benchmark.h"
#include "scrape_capture.h"

namespace baro::codec {
namespace {

// One key frame, then delta frames.
std::vector<std::string> Encoded(const ScrapeCapture& capture) {
  FrameEncoder encoder(capture.column_count);
  std::vector<std::string> frames;
  for (const auto& row : capture.rows) {
    encoder.Encode({row.time_ms, row.values}, false, &frames.emplace_back());
  }
  return frames;
}

size_t ZstdSizeOfBatches(const std::vector<std::string>& frames, size_t batch) {
  size_t size = 0;
  for (size_t begin = 0; begin < frames.size(); begin += batch) {
    std::string body;
    for (size_t i = begin; i < std::min(begin + batch, frames.size()); ++i) body += frames[i];
    size += ZstdSize(body);
  }
  return size;
}

void Report(benchmark::State& state, const ScrapeCapture& capture) {
  state.counters["per_column"] = benchmark::Counter(
      static_cast<double>(capture.sample_count()),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetLabel(capture.exporter);
}

void BM_EncodeFrames(benchmark::State& state) {
  const ScrapeCapture& capture = ScrapeCaptures()[static_cast<size_t>(state.range(0))];
  std::string bytes;
  for (auto _ : state) {
    FrameEncoder encoder(capture.column_count);
    bytes.clear();
    for (const auto& row : capture.rows) encoder.Encode({row.time_ms, row.values}, false, &bytes);
    benchmark::DoNotOptimize(bytes.data());
  }
  Report(state, capture);
  const auto frames = Encoded(capture);
  const auto samples = static_cast<double>(capture.sample_count());
  state.counters["B"] = static_cast<double>(bytes.size()) / samples;
  state.counters["zstd1"] = static_cast<double>(ZstdSizeOfBatches(frames, 1)) / samples;
  state.counters["zstd16"] = static_cast<double>(ZstdSizeOfBatches(frames, 16)) / samples;
  state.counters["key_B"] =
      static_cast<double>(frames[0].size()) / static_cast<double>(capture.column_count);
}
BENCHMARK(BM_EncodeFrames)->DenseRange(0, 2);

void BM_DecodeFrames(benchmark::State& state) {
  const ScrapeCapture& capture = ScrapeCaptures()[static_cast<size_t>(state.range(0))];
  std::string bytes;
  for (const std::string& frame : Encoded(capture)) bytes += frame;
  std::vector<uint64_t> changed;
  for (auto _ : state) {
    FrameDecoder decoder(capture.column_count);
    std::string_view left = bytes;
    Row row;
    while (!left.empty()) BARO_CHECK(decoder.Decode(&left, &row, &changed).ok());
    benchmark::DoNotOptimize(row.values.data());
  }
  Report(state, capture);
}
BENCHMARK(BM_DecodeFrames)->DenseRange(0, 2);

}  // namespace
}  // namespace baro::codec
