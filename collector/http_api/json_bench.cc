// How fast a matrix becomes JSON: whole numbers (counters), short and full-length fractions.

#include <random>

#include "benchmark/benchmark.h"
#include "http_api/json_writer.h"

namespace baro::collector {
namespace {

void WriteMatrix(benchmark::State& state, const std::vector<double>& values) {
  size_t bytes = 0;
  for (auto step : state) {
    JsonWriter writer;
    int64_t time_ms = 1'700'000'000'000;
    for (const double value : values) {
      writer.Raw(",");
      writer.Sample(time_ms += 15'000, value);
    }
    for (const std::string& block : writer.Take()) bytes += block.size();
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.SetItemsProcessed(static_cast<int64_t>(values.size()) * state.iterations());
}

void BM_WholeNumbers(benchmark::State& state) {
  std::vector<double> values;
  for (int i = 0; i < 10'000; ++i) values.push_back(i * 977.0);
  WriteMatrix(state, values);
}
BENCHMARK(BM_WholeNumbers);

void BM_ShortFractions(benchmark::State& state) {
  std::vector<double> values;
  for (int i = 0; i < 10'000; ++i) values.push_back(i / 100.0 + 0.01);
  WriteMatrix(state, values);
}
BENCHMARK(BM_ShortFractions);

void BM_FullFractions(benchmark::State& state) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> any(0, 1);
  std::vector<double> values;
  for (int i = 0; i < 10'000; ++i) values.push_back(any(random));
  WriteMatrix(state, values);
}
BENCHMARK(BM_FullFractions);

void BM_Labels(benchmark::State& state) {
  const model::Labels labels{{"__name__", "node_cpu_seconds_total"},
                             {"cpu", "12"},
                             {"instance", "10.0.0.1:9100"},
                             {"job", "node"},
                             {"mode", "idle"}};
  JsonWriter writer;
  for (auto step : state) {
    for (int i = 0; i < 1'000; ++i) writer.Labels(labels);
    benchmark::DoNotOptimize(writer.Take());
  }
  state.SetItemsProcessed(1'000 * state.iterations());
}
BENCHMARK(BM_Labels);

}  // namespace
}  // namespace baro::collector
