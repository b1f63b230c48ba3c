// Cost of a sample on the remote write path up to the point where the series is looked up: snappy,
// protobuf, samples. Requests as Prometheus sends them: 2,000 series of one sample, ten labels
// each.

#include <snappy.h>

#include <string>

#include "baro/wire/remote_write.h"
#include "benchmark/benchmark.h"
#include "prometheus/remote.pb.h"

namespace baro::wire {
namespace {

constexpr int kSeries = 2000;

std::string Request() {
  prometheus::WriteRequest request;
  for (int i = 0; i < kSeries; ++i) {
    prometheus::TimeSeries* const series = request.add_timeseries();
    const auto add = [series](const std::string& name, const std::string& value) {
      prometheus::Label* const label = series->add_labels();
      label->set_name(name);
      label->set_value(value);
    };
    add("__name__", "http_request_duration_seconds_bucket");
    add("cluster", "prod-eu-1");
    add("code", std::to_string(200 + i % 5));
    add("container", "app");
    add("instance", "10.32." + std::to_string(i % 200) + ".17:8080");
    add("job", "default/app");
    add("le", std::to_string(0.005 * (i % 14)));
    add("method", i % 3 == 0 ? "POST" : "GET");
    add("namespace", "default");
    add("pod", "app-6d4cf56db6-" + std::to_string(10000 + i / 70));
    prometheus::Sample* const sample = series->add_samples();
    sample->set_timestamp(1'700'000'000'000);
    sample->set_value(i * 1.5);
  }
  return request.SerializeAsString();
}

void CountSamples(benchmark::State& state, size_t request_bytes) {
  state.counters["per_sample"] = benchmark::Counter(
      kSeries, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(request_bytes));
}

void BM_ReadRequest(benchmark::State& state) {
  const std::string request = Request();
  for (auto _ : state) {
    RemoteWriteReader reader(request);
    RemoteSeries series;
    double sum = 0;
    while (reader.Next(&series)) sum += series.samples[0].value;
    benchmark::DoNotOptimize(sum);
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_ReadRequest);

void BM_UncompressAndReadRequest(benchmark::State& state) {
  const std::string request = Request();
  std::string compressed, decoded;
  snappy::Compress(request.data(), request.size(), &compressed);
  for (auto _ : state) {
    double sum = 0;
    if (!UncompressRemoteWrite(compressed, kRemoteWriteBytesMax, &decoded).ok()) {
      state.SkipWithError("cannot uncompress");
    }
    RemoteWriteReader reader(decoded);
    RemoteSeries series;
    while (reader.Next(&series)) sum += series.samples[0].value;
    benchmark::DoNotOptimize(sum);
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_UncompressAndReadRequest);

// What a series costs that is not in the cache.
void BM_ReadRequestWithLabels(benchmark::State& state) {
  const std::string request = Request();
  for (auto _ : state) {
    RemoteWriteReader reader(request);
    RemoteSeries series;
    while (reader.Next(&series)) benchmark::DoNotOptimize(SeriesLabels(series));
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_ReadRequestWithLabels);

void BM_ProtobufParser(benchmark::State& state) {
  const std::string request = Request();
  for (auto _ : state) {
    prometheus::WriteRequest message;
    benchmark::DoNotOptimize(message.ParseFromString(request));
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_ProtobufParser);

}  // namespace
}  // namespace baro::wire
