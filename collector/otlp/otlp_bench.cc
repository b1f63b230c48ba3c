// Cost of a data point from the request's bytes to the store's door, where series are known: what
// an export costs that repeats the one before. Beside it: protobuf's own parser, which only builds
// objects.

#include "benchmark/benchmark.h"
#include "otlp/otlp_receiver.h"
#include "otlp/testing/map_store.h"
#include "otlp/testing/requests.h"

namespace baro::collector {
namespace {

using otlp_testing::Builder;
using otlp_testing::kNowMs;

constexpr int kPoints = 2'000;

void AddAttributes(int i, auto* point) {
  otlp_testing::AddTexts({{"http.request.method", i % 3 == 0 ? "POST" : "GET"},
                          {"url.scheme", "http"},
                          {"network.protocol.version", "1.1"}},
                         point);
  auto* const code = point->add_attributes();
  code->set_key("http.response.status_code");
  code->mutable_value()->set_int_value(200 + i % 5);
  auto* const route = point->add_attributes();
  route->set_key("http.route");
  route->mutable_value()->set_string_value("/api/v1/orders/" + std::to_string(i));
}

// Ten metrics of 200 series each.
Builder Counters(bool delta) {
  Builder builder({{"service.name", "shop"},
                   {"service.instance.id", "10.32.1.17"},
                   {"k8s.pod.name", "shop-6d4cf56db6-x"},
                   {"k8s.namespace.name", "default"}});
  for (int metric = 0; metric < 10; ++metric) {
    auto* const sum = builder.Sum(("http.server.requests." + std::to_string(metric)).c_str(), true,
                                  delta ? otlp_testing::kDelta : otlp_testing::kCumulative);
    for (int i = 0; i < kPoints / 10; ++i) {
      auto* const point = Builder::Point(sum, 0, -10'000);
      AddAttributes(i, point);
      point->set_as_int(i);
    }
  }
  return builder;
}

Builder Histograms() {
  Builder builder;
  auto* const histogram = builder.Metric("http.server.request.duration", "s")->mutable_histogram();
  histogram->set_aggregation_temporality(otlp_testing::kCumulative);
  for (int i = 0; i < kPoints; ++i) {
    auto* const point = Builder::Point(histogram, 0, -10'000);
    AddAttributes(i, point);
    for (int bucket = 0; bucket < 14; ++bucket) point->add_explicit_bounds(0.005 * (1 << bucket));
    for (int bucket = 0; bucket < 15; ++bucket) point->add_bucket_counts(3);
    point->set_count(45);
    point->set_sum(1.5);
  }
  return builder;
}

void CountPoints(benchmark::State& state, size_t bytes) {
  state.counters["per_point"] = benchmark::Counter(
      kPoints, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void Receive(benchmark::State& state, const std::string& bytes) {
  base::FakeClock clock(kNowMs);
  MapStore store;
  store.Discard();
  OtlpOptions options;
  options.clock = &clock;
  options.deltas.clock = &clock;
  OtlpReceiver receiver(&store, OtlpConfig(), options);
  for (auto _ : state) {
    receiver.Receive(bytes, [](const OtlpOutcome& outcome) {
      benchmark::DoNotOptimize(outcome.rejected_points);
    });
  }
  CountPoints(state, bytes.size());
}

void BM_ReceiveCounters(benchmark::State& state) { Receive(state, Counters(false).Bytes()); }
BENCHMARK(BM_ReceiveCounters);

// Seventeen series a point.
void BM_ReceiveHistograms(benchmark::State& state) { Receive(state, Histograms().Bytes()); }
BENCHMARK(BM_ReceiveHistograms);

// Each round's points are later than the last one's: all are added.
void BM_ReceiveDeltas(benchmark::State& state) {
  base::FakeClock clock(kNowMs);
  MapStore store;
  store.Discard();
  OtlpOptions options;
  options.clock = &clock;
  options.deltas.clock = &clock;
  OtlpReceiver receiver(&store, OtlpConfig(), options);
  Builder builder = Counters(true);
  int64_t time_ms = 0;
  size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    time_ms += 10'000;
    for (auto& metric : *builder.request.mutable_resource_metrics(0)
                             ->mutable_scope_metrics(0)
                             ->mutable_metrics()) {
      for (auto& point : *metric.mutable_sum()->mutable_data_points()) {
        point.set_start_time_unix_nano(Builder::Ns(time_ms - 10'000));
        point.set_time_unix_nano(Builder::Ns(time_ms));
      }
    }
    const std::string request = builder.Bytes();
    bytes = request.size();
    state.ResumeTiming();
    receiver.Receive(request, [](const OtlpOutcome& outcome) {
      benchmark::DoNotOptimize(outcome.rejected_points);
    });
  }
  CountPoints(state, bytes);
}
BENCHMARK(BM_ReceiveDeltas);

// Every series is new: attributes are read and labels built.
void BM_ReceiveNewSeries(benchmark::State& state) {
  const std::string bytes = Counters(false).Bytes();
  base::FakeClock clock(kNowMs);
  MapStore store;
  store.Discard();
  OtlpOptions options;
  options.clock = &clock;
  for (auto _ : state) {
    OtlpReceiver receiver(&store, OtlpConfig(), options);
    receiver.Receive(bytes, [](const OtlpOutcome&) {});
  }
  CountPoints(state, bytes.size());
}
BENCHMARK(BM_ReceiveNewSeries);

void BM_ProtobufParsesCounters(benchmark::State& state) {
  const std::string bytes = Counters(false).Bytes();
  for (auto _ : state) {
    otlp_testing::Request request;
    benchmark::DoNotOptimize(request.ParseFromString(bytes));
  }
  CountPoints(state, bytes.size());
}
BENCHMARK(BM_ProtobufParsesCounters);

}  // namespace
}  // namespace baro::collector
