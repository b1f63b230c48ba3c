// Cost of a sample on the remote write path up to the point where the series is looked up: snappy,
// protobuf, samples. Requests as Prometheus sends them: 2,000 series of one sample, ten labels
// each; the same series by both versions of the protocol.

#include <snappy.h>

#include <map>
#include <string>

#include "baro/wire/remote_write.h"
#include "baro/wire/remote_write2.h"
#include "benchmark/benchmark.h"
#include "prometheus/remote.pb.h"
#include "prometheus/write_v2.pb.h"

namespace baro::wire {
namespace {

constexpr int kSeries = 2000;

model::Labels LabelsOf(int i) {
  return model::Labels{{"__name__", "http_request_duration_seconds_bucket"},
                       {"cluster", "prod-eu-1"},
                       {"code", std::to_string(200 + i % 5)},
                       {"container", "app"},
                       {"instance", "10.32." + std::to_string(i % 200) + ".17:8080"},
                       {"job", "default/app"},
                       {"le", std::to_string(0.005 * (i % 14))},
                       {"method", i % 3 == 0 ? "POST" : "GET"},
                       {"namespace", "default"},
                       {"pod", "app-6d4cf56db6-" + std::to_string(10000 + i / 70)}};
}

std::string Request() {
  prometheus::WriteRequest request;
  for (int i = 0; i < kSeries; ++i) {
    prometheus::TimeSeries* const series = request.add_timeseries();
    for (const model::Label& label : LabelsOf(i)) {
      prometheus::Label* const added = series->add_labels();
      added->set_name(label.name);
      added->set_value(label.value);
    }
    prometheus::Sample* const sample = series->add_samples();
    sample->set_timestamp(1'700'000'000'000);
    sample->set_value(i * 1.5);
  }
  return request.SerializeAsString();
}

std::string Request2() {
  namespace v2 = io::prometheus::write::v2;
  v2::Request request;
  std::map<std::string, uint32_t> symbols;
  const auto symbol = [&](const std::string& text) {
    const auto [entry, added] = symbols.emplace(text, static_cast<uint32_t>(symbols.size()));
    if (added) request.add_symbols(text);
    return entry->second;
  };
  symbol("");
  for (int i = 0; i < kSeries; ++i) {
    v2::TimeSeries* const series = request.add_timeseries();
    for (const model::Label& label : LabelsOf(i)) {
      series->add_labels_refs(symbol(label.name));
      series->add_labels_refs(symbol(label.value));
    }
    v2::Sample* const sample = series->add_samples();
    sample->set_timestamp(1'700'000'000'000);
    sample->set_value(i * 1.5);
    series->mutable_metadata()->set_type(v2::Metadata::METRIC_TYPE_HISTOGRAM);
    series->mutable_metadata()->set_help_ref(symbol("How long requests take."));
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

void BM_ReadRequest2(benchmark::State& state) {
  const std::string request = Request2();
  for (auto _ : state) {
    RemoteWrite2Reader reader(request);
    RemoteSeries2 series;
    double sum = 0;
    while (reader.Next(&series)) sum += series.samples[0].value;
    benchmark::DoNotOptimize(sum);
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_ReadRequest2);

void BM_UncompressAndReadRequest2(benchmark::State& state) {
  const std::string request = Request2();
  std::string compressed, decoded;
  snappy::Compress(request.data(), request.size(), &compressed);
  for (auto _ : state) {
    double sum = 0;
    if (!UncompressRemoteWrite(compressed, kRemoteWriteBytesMax, &decoded).ok()) {
      state.SkipWithError("cannot uncompress");
    }
    RemoteWrite2Reader reader(decoded);
    RemoteSeries2 series;
    while (reader.Next(&series)) sum += series.samples[0].value;
    benchmark::DoNotOptimize(sum);
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_UncompressAndReadRequest2);

void BM_ReadRequest2WithLabels(benchmark::State& state) {
  const std::string request = Request2();
  for (auto _ : state) {
    RemoteWrite2Reader reader(request);
    RemoteSeries2 series;
    while (reader.Next(&series)) benchmark::DoNotOptimize(SeriesLabels(reader, series));
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_ReadRequest2WithLabels);

void BM_ProtobufParser2(benchmark::State& state) {
  const std::string request = Request2();
  for (auto _ : state) {
    io::prometheus::write::v2::Request message;
    benchmark::DoNotOptimize(message.ParseFromString(request));
  }
  CountSamples(state, request.size());
}
BENCHMARK(BM_ProtobufParser2);

}  // namespace
}  // namespace baro::wire
