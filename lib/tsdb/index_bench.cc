// What the index costs at up to a million series: memory and disk a series, declaring, loading,
// evaluating selectors. The shapes are those of index_shapes.h.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/base/clock.h"
#include "baro/tsdb/store.h"
#include "dictionary.h"
#include "index_shapes.h"
#include "selector.h"

namespace baro::tsdb {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

// The short pass that runs as a test, with sanitizers too, takes a tenth of the series.
int64_t SeriesCount(int64_t whole) {
  return std::getenv("BARO_BENCH_SMALL") == nullptr ? whole : whole / 10;
}

using Shape = void (*)(size_t, const shapes::Visit&);
constexpr Shape kShapes[] = {shapes::Exporters, shapes::Cluster, shapes::Paths};
constexpr const char* kShapeNames[] = {"exporters", "cluster", "paths"};

size_t HeapBytes() {
  const struct mallinfo2 heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

// Of this thread: other work on the machine does not count.
double CpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string Folder() {
  return std::filesystem::temp_directory_path().string() + "/index_bench." +
         std::to_string(::getpid());
}

// Beside that of a store which another benchmark has open.
std::string ChurnFolder() { return Folder() + ".churn"; }

Limits NoLimits() {
  Limits limits;
  limits.series_max = SIZE_MAX;
  return limits;
}

// Full label sets are made in slices, so that what makes them is neither timed nor counted.
template <typename Each>
double Declare(Shape shape, size_t series, Each declare) {
  constexpr size_t kSlice = 10'000;
  std::vector<model::Labels> slice;
  slice.reserve(kSlice);
  double spent = 0;
  const auto flush = [&] {
    const double start = CpuSeconds();
    for (const model::Labels& labels : slice) declare(labels);
    spent += CpuSeconds() - start;
    slice.clear();
  };
  shape(series, [&](const model::Labels& target, const model::Labels& column) {
    slice.push_back(shapes::Merged(target, column));
    if (slice.size() == kSlice) flush();
  });
  flush();
  return spent;
}

// Declaring one series after the other as remote write does, then what a restart does.
void BM_Declare(benchmark::State& state) {
  const auto shape = kShapes[state.range(0)];
  const auto series = static_cast<size_t>(state.range(1));
  state.SetLabel(kShapeNames[state.range(0)]);
  for (auto _ : state) {
    const size_t before = HeapBytes();
    auto dictionary = std::make_unique<Dictionary>(NoLimits());
    std::map<std::string, std::string> disk;
    uint64_t disk_bytes = 0;
    size_t held = 0;
    const double seconds = Declare(shape, series, [&](const model::Labels& labels) {
      BARO_CHECK(dictionary->DeclareSeries(labels).ok());
    });
    state.SetIterationTime(seconds);
    {
      const size_t with_pending = HeapBytes();
      std::vector<Dictionary::Entry> pending = dictionary->Pending();
      for (auto& [key, value] : pending) {
        disk_bytes += key.size() + value.size();
        disk.emplace(std::move(key), std::move(value));
      }
      dictionary->PendingIsDurable(pending.size());
      held = with_pending - before;
    }
    state.counters["us/series"] = seconds * 1e6 / static_cast<double>(series);
    state.counters["B/series+pending"] = static_cast<double>(held) / static_cast<double>(series);
    state.counters["disk_raw_B/series"] =
        static_cast<double>(disk_bytes) / static_cast<double>(series);
    state.counters["targets"] = static_cast<double>(dictionary->target_count());
    state.counters["columns"] = static_cast<double>(dictionary->column_count());
    dictionary.reset();
    const size_t before_load = HeapBytes();
    Dictionary loaded(NoLimits());
    const double start = CpuSeconds();
    for (const char kind : std::string_view("nctlb")) {
      for (auto it = disk.lower_bound(std::string(1, kind));
           it != disk.end() && it->first.front() == kind; ++it) {
        BARO_CHECK(loaded.Load(it->first, it->second).ok());
      }
    }
    state.counters["load_ms"] = (CpuSeconds() - start) * 1e3;
    state.counters["B/series"] =
        static_cast<double>(HeapBytes() - before_load) / static_cast<double>(series);
  }
}
BENCHMARK(BM_Declare)
    ->ArgNames({"shape", "series"})
    ->ArgsProduct({{0, 1, 2}, {SeriesCount(100'000)}})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// A store with one sample of each series, in the head or sealed.
class Bench {
 public:
  Bench(Shape shape, size_t series) {
    std::filesystem::remove_all(Folder());
    options_.path = Folder();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    options_.limits = NoLimits();
    store_ = *Store::Open(options_);
    SampleBatch batch;
    Declare(shape, series, [&](const model::Labels& labels) {
      batch.series.push_back(*store_->DeclareSeries(labels));
      batch.times_ms.push_back(kNowMs);
      batch.values.push_back(static_cast<double>(batch.series.size()));
      if (batch.series.size() == 10'000) Append(std::exchange(batch, {}));
    });
    Append(std::move(batch));
  }
  ~Bench() {
    store_.reset();
    std::filesystem::remove_all(Folder());
  }
  Store* store() { return store_.get(); }
  void Reopen() {
    store_.reset();
    store_ = *Store::Open(options_);
  }

  void Append(SampleBatch batch) {
    if (batch.series.empty()) return;
    std::promise<AppendResult> done;
    store_->Append(std::move(batch), [&](const AppendResult& result) { done.set_value(result); });
    BARO_CHECK(done.get_future().get().status.ok());
  }

 private:
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

// One bench for all questions about a shape: making a million series takes longer than asking.
Bench* SharedBench(size_t shape, size_t series, bool sealed) {
  static std::unique_ptr<Bench> bench;
  static std::tuple<size_t, size_t, bool> made;
  if (bench == nullptr || made != std::tuple(shape, series, sealed)) {
    bench.reset();
    bench = std::make_unique<Bench>(kShapes[shape], series);
    // Before what RocksDB keeps for the life of the process, all of which is there by now.
    [[maybe_unused]] static const int closed_at_exit = std::atexit([] { bench.reset(); });
    if (sealed) BARO_CHECK(bench->store()->Maintain(true).ok());
    made = {shape, series, sealed};
  }
  return bench.get();
}

struct Question {
  const char* text;
  model::MatchType type;
  const char* name;
  const char* value;
};
constexpr Question kQuestions[] = {
    {"job=", model::MatchType::kEqual, "job", "node"},
    {"__name__=~", model::MatchType::kRegex, "__name__", ".*_(bytes|rss|sum)"},
    {"pod=~prefix", model::MatchType::kRegex, "pod", "api-.*"},
    {"everything", model::MatchType::kNotEqual, "__name__", ""},
};

void BM_Select(benchmark::State& state) {
  Bench* bench = SharedBench(static_cast<size_t>(state.range(0)),
                             static_cast<size_t>(state.range(1)), state.range(2) != 0);
  const Question& question = kQuestions[state.range(3)];
  state.SetLabel(base::StrCat(kShapeNames[state.range(0)], " ", question.text));
  const model::SelectRequest request{
      kNowMs - 60'000,
      kNowMs,
      {*model::Matcher::Create(question.type, question.name, question.value)},
      0};
  size_t found = 0;
  for (auto _ : state) {
    const auto set = *bench->store()->Select(request);
    found = set->size();
    benchmark::DoNotOptimize(set);
  }
  state.counters["found"] = static_cast<double>(found);
}
BENCHMARK(BM_Select)
    ->ArgNames({"shape", "series", "sealed", "question"})
    ->ArgsProduct({{0, 1, 2}, {SeriesCount(100'000)}, {0, 1}, {0, 1, 2, 3}})
    ->Unit(benchmark::kMillisecond);

// count({__name__!=""}) as the engine runs it: select, name, read.
void BM_CountEverything(benchmark::State& state) {
  Bench* bench = SharedBench(static_cast<size_t>(state.range(0)),
                             static_cast<size_t>(state.range(1)), state.range(2) != 0);
  state.SetLabel(kShapeNames[state.range(0)]);
  const model::SelectRequest request{
      kNowMs - 60'000,
      kNowMs,
      {*model::Matcher::Create(model::MatchType::kNotEqual, "__name__", "")},
      0};
  for (auto _ : state) {
    const auto set = *bench->store()->Select(request);
    const auto reader = set->Read(0, set->size());
    model::SeriesView view;
    size_t labels = 0;
    while (*reader->Next(&view)) {
      const model::LabelsRef ref = set->labels(view.index);
      labels += ref.target->size() + ref.column->size();
    }
    benchmark::DoNotOptimize(labels);
  }
}
BENCHMARK(BM_CountEverything)
    ->ArgNames({"shape", "series", "sealed"})
    ->ArgsProduct({{0, 1, 2}, {SeriesCount(100'000)}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

void BM_LabelValues(benchmark::State& state) {
  Bench* bench = SharedBench(static_cast<size_t>(state.range(0)),
                             static_cast<size_t>(state.range(1)), state.range(2) != 0);
  static constexpr const char* kNames[] = {"instance", "__name__", "pod", "path"};
  const std::string name = kNames[state.range(3)];
  state.SetLabel(base::StrCat(kShapeNames[state.range(0)], " ", name));
  model::LabelRequest request;
  request.start_ms = kNowMs - 3'600'000;
  request.end_ms = kNowMs;
  size_t found = 0;
  for (auto _ : state) found = bench->store()->LabelValues(name, request)->size();
  state.counters["found"] = static_cast<double>(found);
}
BENCHMARK(BM_LabelValues)
    ->ArgNames({"shape", "series", "sealed", "name"})
    ->ArgsProduct({{0, 1, 2}, {SeriesCount(100'000)}, {0, 1}, {0, 1, 2, 3}})
    ->Unit(benchmark::kMillisecond);

// A simulated day of a fleet of pods, a sample a minute from each series, and so many per cent of
// the pods replaced every ten minutes; sealed every half hour, kept for six hours.
void BM_ChurnDay(benchmark::State& state) {
  const auto pods = static_cast<uint64_t>(state.range(0)) / shapes::kPodSeries;
  const auto replaced = static_cast<uint64_t>(state.range(1)) * pods / 100;
  constexpr int64_t kMinuteMs = 60'000;
  constexpr int kMinutes = 24 * 60;
  for (auto _ : state) {
    std::filesystem::remove_all(ChurnFolder());
    base::FakeClock clock(kNowMs);
    StoreOptions options;
    options.path = ChurnFolder();
    options.retention_ms = 6 * 60 * kMinuteMs;
    options.clock = &clock;
    options.background = false;
    options.limits = NoLimits();
    options.commit_delay_ms = 0;
    auto store = *Store::Open(options);
    std::vector<std::vector<SeriesId>> series(pods);
    const size_t heap_before = HeapBytes();
    uint64_t next_pod = 0;
    uint64_t samples = 0;
    double declaring = 0;
    const auto start_pod = [&](uint64_t place) {
      std::vector<model::Labels> labels;
      shapes::Pod(next_pod++, [&](const model::Labels& target, const model::Labels& column) {
        labels.push_back(shapes::Merged(target, column));
      });
      const double start = CpuSeconds();
      series[place].clear();
      for (const model::Labels& one : labels) {
        series[place].push_back(*store->DeclareSeries(one));
      }
      declaring += CpuSeconds() - start;
    };
    for (uint64_t pod = 0; pod < pods; ++pod) start_pod(pod);
    const std::clock_t cpu_start = std::clock();
    uint64_t slot_bytes_max = 0;
    for (int minute = 0; minute < kMinutes; ++minute) {
      clock.AdvanceMs(kMinuteMs);
      if (minute % 10 == 9) {
        for (uint64_t i = 0; i < replaced; ++i) start_pod((next_pod * 7) % pods);
      }
      SampleBatch batch;
      for (const std::vector<SeriesId>& pod : series) {
        for (size_t i = 0; i < pod.size(); ++i) {
          batch.series.push_back(pod[i]);
          batch.times_ms.push_back(clock.NowMs());
          batch.values.push_back(i % 4 == 0 ? minute * 1.5 + static_cast<double>(i) : 1);
        }
      }
      samples += batch.series.size();
      std::promise<AppendResult> done;
      store->Append(std::move(batch), [&](const AppendResult& result) { done.set_value(result); });
      BARO_CHECK(done.get_future().get().status.ok());
      if (minute % 30 == 29) BARO_CHECK(store->Maintain(true).ok());
      slot_bytes_max = std::max(slot_bytes_max, store->GetStats().slot_bytes);
    }
    const double cpu =
        static_cast<double>(std::clock() - cpu_start) / static_cast<double>(CLOCKS_PER_SEC);
    state.SetIterationTime(cpu);
    const Stats stats = store->GetStats();
    state.counters["us/sample"] = cpu * 1e6 / static_cast<double>(samples);
    state.counters["us/declared"] =
        declaring * 1e6 / static_cast<double>(next_pod * shapes::kPodSeries);
    state.counters["declared"] = static_cast<double>(next_pod * shapes::kPodSeries);
    state.counters["slot_MB"] = static_cast<double>(slot_bytes_max) / 1e6;
    state.counters["heap_MB"] = static_cast<double>(HeapBytes() - heap_before) / 1e6;
    state.counters["index_MB"] = static_cast<double>(stats.index_bytes) / 1e6;
    state.counters["targets"] = static_cast<double>(stats.targets);
    state.counters["removed"] = static_cast<double>(stats.index_targets_removed_total);
    const double select_start = CpuSeconds();
    const model::LabelRequest hour{clock.NowMs() - 60 * kMinuteMs, clock.NowMs(), {}, 0};
    state.counters["pods_last_hour"] = static_cast<double>(store->LabelValues("pod", hour)->size());
    state.counters["values_ms"] = (CpuSeconds() - select_start) * 1e3;
    store.reset();
    std::filesystem::remove_all(ChurnFolder());
  }
}
BENCHMARK(BM_ChurnDay)
    ->ArgNames({"series", "replaced_percent"})
    ->ArgsProduct({{SeriesCount(3'500)}, {0, 1, 10}})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baro::tsdb
