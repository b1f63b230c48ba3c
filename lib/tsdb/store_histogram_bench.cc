// What a native histogram costs in the store: appending, memory, journal and disk, beside the size
// that a chunk of Prometheus would have for the same samples; and reading it back.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/base/clock.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kStepMs = 15'000;
constexpr int kRows = 120;  // half an hour
constexpr int kSchema = 3;

// Latencies of an endpoint: log-normal, some tens of requests between two samples.
class Endpoint {
 public:
  explicit Endpoint(uint64_t seed) : random_(seed), median_(0.001 * std::exp2(seed % 10)) {}

  model::Histogram Next() {
    std::lognormal_distribution<double> latency(std::log(median_), 0.7);
    const uint64_t requests = random_() % 60;
    for (uint64_t i = 0; i < requests; ++i) {
      const double seconds = latency(random_);
      counts_[static_cast<int32_t>(std::ceil(std::log2(seconds) * (1 << kSchema)))] += 1;
      sum_ += seconds;
      count_ += 1;
    }
    model::Histogram histogram;
    histogram.schema = kSchema;
    histogram.zero_threshold = 2.938735877055719e-39;
    histogram.count = count_;
    histogram.sum = sum_;
    for (const auto& [index, count] : counts_) histogram.positive.push_back({index, count});
    return histogram;
  }

 private:
  std::mt19937_64 random_;
  const double median_;
  std::map<int32_t, double> counts_;
  double sum_ = 0;
  double count_ = 0;
};

// Bits of a number in Prometheus' histogram chunks.
size_t VarbitBits(int64_t value) {
  if (value == 0) return 1;
  constexpr struct {
    int payload;
    size_t bits;
  } kClasses[] = {{3, 5}, {6, 9}, {9, 13}, {12, 17}, {18, 24}, {25, 32}, {56, 64}};
  for (const auto& one : kClasses) {
    const int64_t half = int64_t{1} << (one.payload - 1);
    if (value > -half && value <= half) return one.bits;
  }
  return 72;
}

// What Prometheus' chunk spends on a histogram counter: second differences of count, zero count and
// each bucket (told against its neighbour), the sum XORed to the one before. Its headers, and what
// a new bucket costs it (all before are written again), are left out.
class ChunkSize {
 public:
  void Add(const model::Histogram& histogram) {
    bits_ += 1 + 1;  // a regular time, and the empty zero bucket
    bits_ += Second(&count_, static_cast<int64_t>(histogram.count));
    const auto sum = std::bit_cast<uint64_t>(histogram.sum);
    const uint64_t changed = sum ^ sum_;
    sum_ = sum;
    // Control bits, and the window of changed bits.
    bits_ += changed == 0 ? 1
                          : 2 + 64 - static_cast<size_t>(std::countl_zero(changed)) -
                                static_cast<size_t>(std::countr_zero(changed));
    int64_t before = 0;
    for (const auto& bucket : histogram.positive) {
      const auto count = static_cast<int64_t>(bucket.count);
      bits_ += Second(&buckets_[bucket.index], count - before);
      before = count;
    }
  }
  double bytes() const { return static_cast<double>(bits_) / 8; }

 private:
  struct Track {
    int64_t value = 0;
    int64_t step = 0;
  };
  static size_t Second(Track* track, int64_t value) {
    const int64_t step = value - track->value;
    const size_t bits = VarbitBits(step - track->step);
    *track = {value, step};
    return bits;
  }

  size_t bits_ = 0;
  Track count_;
  uint64_t sum_ = 0;
  std::map<int32_t, Track> buckets_;
};

class Bench {
 public:
  Bench() {
    StoreOptions options;
    options.path = std::filesystem::temp_directory_path().string() + "/store_histogram_bench." +
                   std::to_string(::getpid());
    std::filesystem::remove_all(options.path);
    options.retention_ms = 0;
    options.clock = &clock_;
    options.background = false;
    auto store = Store::Open(options);
    BARO_CHECK(store.ok());
    store_ = *std::move(store);
  }
  Store* store() { return store_.get(); }
  void Append(SampleBatch batch) {
    std::promise<AppendResult> done;
    store_->Append(std::move(batch), [&](const AppendResult& result) { done.set_value(result); });
    BARO_CHECK(done.get_future().get().status.ok());
  }

 private:
  base::FakeClock clock_{kNowMs};
  std::unique_ptr<Store> store_;
};

// A batch a row; `chunk_bytes` and `buckets` get the sums over all samples.
std::vector<SampleBatch> MakeBatches(Store* store, size_t series, double* chunk_bytes,
                                     double* buckets) {
  std::vector<SampleBatch> batches(kRows);
  for (size_t i = 0; i < series; ++i) {
    const model::Labels labels{{"__name__", "http_request_duration_seconds"},
                               {"instance", "host-" + std::to_string(i / 50)},
                               {"job", "app"},
                               {"path", "/" + std::to_string(i % 50)}};
    const SeriesId id = *store->DeclareSeries(labels);
    Endpoint endpoint(i);
    ChunkSize chunk;
    for (int row = 0; row < kRows; ++row) {
      model::Histogram histogram = endpoint.Next();
      chunk.Add(histogram);
      *buckets += static_cast<double>(histogram.positive.size());
      batches[static_cast<size_t>(row)].histograms.push_back(
          {id, kNowMs + row * kStepMs, std::move(histogram)});
    }
    *chunk_bytes += chunk.bytes();
  }
  return batches;
}

void BM_AppendHistograms(benchmark::State& state) {
  const auto series = static_cast<size_t>(state.range(0));
  const double samples = static_cast<double>(series) * kRows;
  for (auto _ : state) {
    state.PauseTiming();
    Bench bench;
    double chunk_bytes = 0;
    double buckets = 0;
    auto batches = MakeBatches(bench.store(), series, &chunk_bytes, &buckets);
    state.ResumeTiming();
    for (auto& batch : batches) bench.Append(std::move(batch));
    state.PauseTiming();
    const Stats stats = bench.store()->GetStats();
    state.counters["buckets"] = buckets / samples;
    state.counters["head_B"] = static_cast<double>(stats.head_bytes) / samples;
    state.counters["journal_B"] = static_cast<double>(stats.journal_bytes) / samples;
    BARO_CHECK(bench.store()->Maintain(true).ok());
    state.counters["slot_B"] = static_cast<double>(bench.store()->GetStats().slot_bytes) / samples;
    state.counters["prometheus_chunk_B"] = chunk_bytes / samples;
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(series) * kRows);
}
BENCHMARK(BM_AppendHistograms)->Arg(50)->Arg(500)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_ReadHistograms(benchmark::State& state) {
  Bench bench;
  double unused = 0;
  for (auto& batch : MakeBatches(bench.store(), 100, &unused, &unused)) {
    bench.Append(std::move(batch));
  }
  if (state.range(0) != 0) BARO_CHECK(bench.store()->Maintain(true).ok());
  const model::SelectRequest request{kNowMs, kNowMs + kRows * kStepMs, {}, 0, true};
  int64_t samples = 0;
  for (auto _ : state) {
    const auto set = *bench.store()->Select(request);
    const auto reader = set->Read(0, set->size());
    model::SeriesView view;
    while (*reader->Next(&view)) samples += static_cast<int64_t>(view.histograms.size());
  }
  state.SetItemsProcessed(samples);
}
BENCHMARK(BM_ReadHistograms)->ArgName("sealed")->Arg(0)->Arg(1);

}  // namespace
}  // namespace baro::tsdb
