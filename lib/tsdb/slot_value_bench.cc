// Decoding columns of one merged value of two hours: one column, some neighbours, and all of them.
// The columns are buckets of a histogram, which refer to one another, or gauges, which do not.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/codec/column.h"
#include "slot_value.h"

namespace baro::tsdb {
namespace {

enum Fleet : int64_t { kBuckets = 0, kGauges = 1 };

std::string MergedValue(Fleet fleet) {
  std::mt19937 random(11);
  std::vector<std::vector<double>> columns(kBlockColumns, std::vector<double>(kChunkRows));
  for (size_t row = 1; row < kChunkRows; ++row) {
    double below = 0;
    for (auto& column : columns) {
      if (fleet == kBuckets) {
        below += static_cast<double>(random() % 16 == 0 ? random() % 100 : 0);
        column[row] = column[row - 1] + below;
      } else {
        column[row] = static_cast<double>(random() % 100'000) / 100;
      }
    }
  }
  const uint32_t rows = kChunkRows;
  ChunkedValues values({&rows, 1});
  codec::ColumnGroupEncoder encoder;
  for (const auto& column : columns) {
    std::string bytes;
    encoder.Append(column, &bytes);
    const std::string_view piece = bytes;
    values.Add({&piece, 1});
  }
  return std::move(values).Finish();
}

// As a reader of series does it: the value is parsed once, the columns lie side by side.
void BM_DecodeMerged(benchmark::State& state) {
  const std::string bytes = MergedValue(static_cast<Fleet>(state.range(0)));
  const auto count = static_cast<size_t>(state.range(1));
  const size_t first = kBlockColumns - count;
  std::vector<double> values(count * kChunkRows);
  for (auto _ : state) {
    const auto parsed = SlotValues::Parse(bytes);
    BARO_CHECK(parsed.ok());
    SlotValues::Referred referred;
    for (size_t i = 0; i < count; ++i) {
      const std::span<double> column = std::span(values).subspan(i * kChunkRows, kChunkRows);
      BARO_CHECK(parsed->Decode(first + i, 0, 1, column, &referred).ok());
      referred.Know(first + i, column);
    }
    benchmark::DoNotOptimize(values.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count * kChunkRows));
}
BENCHMARK(BM_DecodeMerged)->ArgNames({"fleet", "columns"})->ArgsProduct({{0, 1}, {1, 8, 32}});

}  // namespace
}  // namespace baro::tsdb
