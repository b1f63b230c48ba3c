// What a sample costs in the store: native frames, remote-write style requests, select + read,
// restart. Time a sample is the figure that counts (items_per_second is its inverse).
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <random>
#include <string>

#include "baro/base/check.h"
#include "baro/base/clock.h"
#include "baro/codec/frame.h"
#include "baro/model/sample.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr size_t kColumns = 1'000;
constexpr size_t kRequestSamples = 2'000;

std::string Folder() {
  return std::filesystem::temp_directory_path().string() + "/store_bench." +
         std::to_string(::getpid());
}

// A busy exporter: a fifth of the columns moves between rows, counters and odd decimals.
class Fleet {
 public:
  explicit Fleet(size_t targets) : rows_(targets, std::vector<double>(kColumns)) {
    for (size_t i = 0; i < kColumns; ++i) {
      layout_.columns.push_back({model::Labels{{"__name__", "metric_" + std::to_string(i)}}, {}});
    }
  }
  void Move(size_t target) {
    for (size_t i = 0; i < kColumns; i += 5) {
      rows_[target][i] += i % 2 == 0 ? static_cast<double>(random_() % 100)
                                     : 0.01 * static_cast<double>(random_() % 1000);
    }
  }
  size_t size() const { return rows_.size(); }
  const std::vector<double>& row(size_t target) const { return rows_[target]; }
  const model::Layout& layout() const { return layout_; }
  model::Labels Target(size_t target) const {
    return {{"job", "node"}, {"instance", "host-" + std::to_string(target)}};
  }

 private:
  std::vector<std::vector<double>> rows_;
  model::Layout layout_;
  std::mt19937_64 random_{1};
};

class Bench {
 public:
  explicit Bench(bool fresh = true) {
    if (fresh) std::filesystem::remove_all(Folder());
    options_.path = Folder();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    Open();
  }
  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    BARO_CHECK(store.ok());
    store_ = *std::move(store);
  }
  Store* store() { return store_.get(); }

  template <typename Batch>
  void Append(Batch batch) {
    std::promise<AppendResult> done;
    store_->Append(std::move(batch), [&](const AppendResult& result) { done.set_value(result); });
    const AppendResult result = done.get_future().get();
    BARO_CHECK(result.status.ok());
  }

 private:
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

std::vector<FrameBatch> MakeFrames(Bench* bench, Fleet* fleet, int rows) {
  BARO_CHECK(bench->store()->DeclareLayout(fleet->layout()).ok());
  std::vector<codec::FrameEncoder> encoders;
  std::vector<Declared> declared;
  for (size_t t = 0; t < fleet->size(); ++t) {
    encoders.emplace_back(kColumns);
    declared.push_back(*bench->store()->DeclareTarget(fleet->Target(t), fleet->layout().Hash()));
  }
  std::vector<FrameBatch> batches;
  uint64_t sequence = 1;
  for (int row = 0; row < rows; ++row) {
    FrameBatch batch;
    batch.chain = 1;
    batch.first_sequence = sequence;
    for (size_t t = 0; t < fleet->size(); ++t) {
      fleet->Move(t);
      encoders[t].Encode({kNowMs + row * 15'000, fleet->row(t)}, row == 0, &batch.body);
      batch.targets.push_back({declared[t].target, declared[t].layout});
      ++sequence;
    }
    batch.raw_size = static_cast<uint32_t>(batch.body.size());
    batches.push_back(std::move(batch));
  }
  return batches;
}

std::vector<SampleBatch> MakeRequests(Bench* bench, Fleet* fleet, int rows) {
  std::vector<SeriesId> series;
  for (size_t t = 0; t < fleet->size(); ++t) {
    for (const model::Column& column : fleet->layout().columns) {
      model::Labels labels = fleet->Target(t);
      labels.Set("__name__", column.labels.Get("__name__"));
      series.push_back(*bench->store()->DeclareSeries(labels));
    }
  }
  std::vector<SampleBatch> batches(1);
  for (int row = 0; row < rows; ++row) {
    for (size_t t = 0; t < fleet->size(); ++t) {
      fleet->Move(t);
      for (size_t c = 0; c < kColumns; ++c) {
        if (batches.back().series.size() == kRequestSamples) batches.emplace_back();
        batches.back().series.push_back(series[t * kColumns + c]);
        batches.back().times_ms.push_back(kNowMs + row * 15'000);
        batches.back().values.push_back(fleet->row(t)[c]);
      }
    }
  }
  return batches;
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

template <typename Make>
void RunAppend(benchmark::State& state, Make make) {
  const auto rows = static_cast<int>(state.range(1));
  for (auto _ : state) {
    state.PauseTiming();
    Bench bench;
    Fleet fleet(static_cast<size_t>(state.range(0)));
    auto batches = make(&bench, &fleet, rows);
    const size_t before = ResidentBytes();
    state.ResumeTiming();
    for (auto& batch : batches) bench.Append(std::move(batch));
    state.PauseTiming();
    const auto series = static_cast<double>(fleet.size() * kColumns);
    const Stats stats = bench.store()->GetStats();
    state.counters["head_B_per_series"] = static_cast<double>(stats.head_bytes) / series;
    state.counters["rss_B_per_series"] =
        static_cast<double>(ResidentBytes() - std::min(before, ResidentBytes())) / series;
    state.counters["journal_B_per_sample"] =
        static_cast<double>(stats.journal_bytes) / (series * rows);
    BARO_CHECK(bench.store()->Maintain(true).ok());
    state.counters["slot_B_per_sample"] =
        static_cast<double>(bench.store()->GetStats().slot_bytes) / (series * rows);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1) *
                          static_cast<int64_t>(kColumns));
}

void BM_AppendFrames(benchmark::State& state) { RunAppend(state, MakeFrames); }
void BM_AppendSamples(benchmark::State& state) { RunAppend(state, MakeRequests); }
BENCHMARK(BM_AppendFrames)->Args({4, 20})->Args({20, 120})->UseRealTime();
BENCHMARK(BM_AppendSamples)->Args({4, 20})->Args({20, 120})->UseRealTime();

// All columns of all targets, or one metric of all targets; from the head or from a part.
void BM_SelectRead(benchmark::State& state) {
  Bench bench;
  Fleet fleet(20);
  for (auto& batch : MakeFrames(&bench, &fleet, 120)) bench.Append(std::move(batch));
  if (state.range(0) != 0) BARO_CHECK(bench.store()->Maintain(true).ok());
  const std::string pattern = state.range(1) != 0 ? "metric_.*" : "metric_5";
  const model::SelectRequest request{
      kNowMs,
      kNowMs + 120 * 15'000,
      {*model::Matcher::Create(model::MatchType::kRegex, "__name__", pattern)},
      0};
  int64_t samples = 0;
  for (auto _ : state) {
    const auto set = *bench.store()->Select(request);
    const auto reader = set->Read(0, set->size());
    model::SeriesView view;
    while (*reader->Next(&view)) samples += static_cast<int64_t>(view.values.size());
  }
  state.SetItemsProcessed(samples);
}
BENCHMARK(BM_SelectRead)->ArgNames({"sealed", "all"})->ArgsProduct({{0, 1}, {0, 1}});

// A start that replays 120 rows; frames of agents, or samples of remote write.
template <typename Make>
void RunRestart(benchmark::State& state, Make make) {
  Bench bench;
  Fleet fleet(static_cast<size_t>(state.range(0)));
  for (auto& batch : make(&bench, &fleet, 120)) bench.Append(std::move(batch));
  for (auto _ : state) bench.Open();
  state.SetItemsProcessed(state.iterations() * state.range(0) * 120 *
                          static_cast<int64_t>(kColumns));
}
void BM_RestartFrames(benchmark::State& state) { RunRestart(state, MakeFrames); }
void BM_RestartSamples(benchmark::State& state) { RunRestart(state, MakeRequests); }
BENCHMARK(BM_RestartFrames)->Arg(20)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RestartSamples)->Arg(20)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baro::tsdb
