// What merging costs and saves, on real scrapes: each target is an exporter's capture begun at
// another row, so that no two have the same values at the same time. BARO_SCRAPES names another
// capture than the tree's (lib/codec/testdata/README.md says the form).
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>

#include "../codec/scrape_capture.h"
#include "baro/base/check.h"
#include "baro/base/clock.h"
#include "baro/codec/frame.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {
namespace {

// Begins a day of UTC.
constexpr int64_t kStartMs = int64_t{19'675} * 86'400'000;
constexpr int64_t kIntervalMs = 15'000;

const std::vector<codec::ScrapeCapture>& Captures() {
  static const auto kCaptures = [] {
    const char* path = std::getenv("BARO_SCRAPES");
    return codec::LoadScrapeCaptures(
        path == nullptr ? BARO_TESTDATA_DIR "/../../codec/testdata/scrapes.txt.zst" : path);
  }();
  return kCaptures;
}

class Fleet {
 public:
  explicit Fleet(size_t instances) : instances_(instances) {
    path_ = std::filesystem::temp_directory_path().string() + "/merge_bench." +
            std::to_string(::getpid());
    std::filesystem::remove_all(path_);
    StoreOptions options;
    options.path = path_;
    options.retention_ms = 0;
    options.clock = &clock_;
    options.background = false;
    auto store = Store::Open(options);
    BARO_CHECK(store.ok());
    store_ = *std::move(store);
    Declare();
  }
  ~Fleet() {
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  Store* store() { return store_.get(); }
  uint64_t samples() const { return samples_; }
  void Maintain(bool force) { BARO_CHECK(store_->Maintain(force).ok()); }

  // One row of every target; the clock goes with it.
  void Scrape(size_t row) {
    clock_.SetNowMs(kStartMs + static_cast<int64_t>(row) * kIntervalMs);
    FrameBatch batch;
    batch.agent = {{1}, 1};
    batch.chain = 1;
    batch.first_sequence = sequence_;
    for (size_t t = 0; t < targets_.size(); ++t) {
      const codec::ScrapeCapture& capture = *targets_[t].capture;
      const auto& values = capture.rows[(row + targets_[t].offset) % capture.rows.size()].values;
      // Scrapes are spread over the interval and come a few milliseconds early or late.
      const int64_t time_ms = clock_.NowMs() + static_cast<int64_t>(t * 7'919 % kIntervalMs) +
                              static_cast<int64_t>((row * 31 + t * 17) % 5);
      targets_[t].encoder.Encode({time_ms, values}, row == 0, &batch.body);
      batch.targets.push_back({targets_[t].declared.target, targets_[t].declared.layout});
      for (const double value : values) samples_ += model::IsStaleNan(value) ? 0 : 1;
      ++sequence_;
    }
    batch.raw_size = static_cast<uint32_t>(batch.body.size());
    std::promise<AppendResult> done;
    store_->Append(std::move(batch), [&](const AppendResult& result) { done.set_value(result); });
    BARO_CHECK(done.get_future().get().status.ok());
  }

 private:
  struct Target {
    const codec::ScrapeCapture* capture = nullptr;
    size_t offset = 0;
    Declared declared;
    codec::FrameEncoder encoder;
  };

  void Declare() {
    for (const codec::ScrapeCapture& capture : Captures()) {
      model::Layout layout;
      for (size_t i = 0; i < capture.column_count; ++i) {
        layout.columns.push_back(
            {model::Labels{{"__name__", capture.exporter + std::to_string(i)}}, {}});
      }
      BARO_CHECK(store_->DeclareLayout(layout).ok());
      for (size_t i = 0; i < instances_; ++i) {
        const auto declared = store_->DeclareTarget(
            {{"job", capture.exporter}, {"instance", std::to_string(i)}}, layout.Hash());
        BARO_CHECK(declared.ok());
        targets_.push_back({&capture, 7 * i, *declared, codec::FrameEncoder(capture.column_count)});
      }
    }
  }

  const size_t instances_;
  std::string path_;
  base::FakeClock clock_{kStartMs};
  std::unique_ptr<Store> store_;
  std::vector<Target> targets_;
  uint64_t sequence_ = 1;
  uint64_t samples_ = 0;
};

void Report(const Fleet& fleet, uint64_t sealed_bytes, const Stats& stats,
            benchmark::State& state) {
  const auto samples = static_cast<double>(fleet.samples());
  state.counters["sealed_B_per_sample"] = static_cast<double>(sealed_bytes) / samples;
  state.counters["merged_B_per_sample"] = static_cast<double>(stats.slot_bytes) / samples;
  state.counters["parts"] = static_cast<double>(stats.parts);
}

// Two hours in four slots, sealed, then merged: time is that of the merge alone.
void BM_MergeHours(benchmark::State& state) {
  uint64_t samples = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Fleet fleet(static_cast<size_t>(state.range(0)));
    for (size_t row = 0; row < 480; ++row) {
      fleet.Scrape(row);
      if (row % 20 == 10) fleet.Maintain(false);
    }
    const uint64_t sealed_bytes = fleet.store()->GetStats().slot_bytes;
    state.ResumeTiming();
    fleet.Maintain(true);
    state.PauseTiming();
    Report(fleet, sealed_bytes, fleet.store()->GetStats(), state);
    samples += fleet.samples();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(samples));
}
BENCHMARK(BM_MergeHours)->Arg(2)->Arg(20)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace baro::tsdb
