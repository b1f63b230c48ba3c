// The result cache over the real store: whatever happens to the store, a query through the cache
// and one past it agree bit for bit.
// Method: random writes (in order, late, again, stale markers, series that come and go),
// deletes, seals, merges, expiry and restarts, between queries whose windows move as dashboards'
// do. BARO_SEED=n repeats a run, BARO_ROUNDS=n runs more seeds.
#include "baro/promql/result_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iostream>
#include <random>

#include "baro/promql/engine.h"
#include "baro/tsdb/store.h"
#include "baro/tsdb/store_admin.h"

namespace baro::collector {
namespace {

constexpr int64_t kScrapeMs = 15'000;
constexpr int64_t kSlotMs = 300'000;

const std::vector<std::string>& Expressions() {
  static const auto* const expressions = new std::vector<std::string>{
      "m0",
      "sum(m0)",
      "sum by (job) (rate(m1_total[1m]))",
      "avg by (pod) (m0 * 0.1)",
      "topk(2, m0)",
      "topk(2, sum by (pod) (m0))",
      "sum(m0 / on (pod) m1_total)",
      "m0 / ignoring (job) group_left () sum without (job) (m0)",
      "m0 offset -45s",
      "m0 offset 2m + m0",
      "max_over_time(sum(m0)[2m:20s])",
      "sum_over_time(m0[90s])",
      "m0 - m0 @ 1000600",
      "count(m0) or vector(0)",
      "absent(m0{pod=\"p1\"})",
      "m0 > 3 unless m1_total",
      "stddev(m0)",
      "quantile by (job) (0.7, m0)",
      "label_replace(m0, \"to\", \"$1\", \"pod\", \"p(.)\")",
      "changes(m0[2m]) + timestamp(m0)",
      "sum({__name__=~\"m.*\"})",
      "rate(m0[1m])",  // carries an info: never kept
      "m0 @ end()",    // never kept
  };
  return *expressions;
}

class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed) {
    folder_ = ::testing::TempDir() + "/result_cache." + std::to_string(::getpid()) + "." +
              std::to_string(seed);
    std::filesystem::remove_all(folder_);
    Open();
    promql::EngineOptions options;
    options.cache = &cache_;
    options.clock = &clock_;
    engine_ = std::make_unique<promql::Engine>(options);
  }
  ~Life() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Run(int steps) {
    for (step_ = 0; step_ < steps && !::testing::Test::HasFailure(); ++step_) {
      Change();
      Refresh();
    }
  }
  promql::ResultCacheStats stats() const { return cache_.GetStats(); }

 private:
  uint64_t Pick(uint64_t count) { return random_() % count; }

  void Open() {
    tsdb::StoreOptions options;
    options.path = folder_;
    options.retention_ms = 3'600'000;
    options.slot_ms = kSlotMs;
    options.clock = &clock_;
    options.background = false;
    options.commit_delay_ms = 0;
    auto store = tsdb::Store::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Change() {
    switch (Pick(24)) {
      case 0:
        EXPECT_TRUE(store_->Maintain(false).ok());
        return;
      case 1:
        EXPECT_TRUE(store_->Maintain(true).ok());
        return;
      case 2:
        store_.reset();
        Open();
        return;
      case 3:
        Delete();
        return;
      case 4:
        clock_.AdvanceMs(static_cast<int64_t>(Pick(20)) * 60'000);
        return;
      case 5:
      case 6:
        Write(Late());
        return;
      case 7:
        pods_ = pods_ % 6 + 1;  // some pods end, or new ones come
        return;
      default:
        clock_.AdvanceMs(kScrapeMs);
        Write(clock_.NowMs() - static_cast<int64_t>(Pick(3'000)));
    }
  }
  int64_t Late() { return clock_.NowMs() - static_cast<int64_t>(Pick(1'200'000)); }

  void Write(int64_t time_ms) {
    tsdb::SampleBatch batch;
    for (uint64_t pod = 0; pod < pods_; ++pod) {
      for (const char* metric : {"m0", "m1_total"}) {
        if (Pick(8) == 0) continue;
        model::Labels labels{{"__name__", metric},
                             {"job", pod % 2 == 0 ? "a" : "b"},
                             {"pod", "p" + std::to_string(pod)}};
        const auto series = store_->DeclareSeries(labels);
        ASSERT_TRUE(series.ok()) << series.status();
        batch.series.push_back(*series);
        batch.times_ms.push_back(time_ms);
        batch.values.push_back(Value());
      }
    }
    if (batch.series.empty()) return;
    std::promise<tsdb::AppendResult> done;
    store_->Append(std::move(batch),
                   [&done](const tsdb::AppendResult& result) { done.set_value(result); });
    EXPECT_TRUE(done.get_future().get().status.ok());
  }
  double Value() {
    switch (Pick(8)) {
      case 0:
        return std::bit_cast<double>(model::kStaleNanBits);
      case 1:
        return 0.0;
      case 2:
        return -0.0;
      default:
        return static_cast<double>(Pick(1'000'000)) / 7.0;
    }
  }

  void Delete() {
    tsdb::DeleteRequest request;
    request.selectors.push_back(
        {*model::Matcher::Create(model::MatchType::kEqual, "pod", "p" + std::to_string(Pick(6)))});
    request.start_ms = Late();
    request.end_ms = request.start_ms + static_cast<int64_t>(Pick(300'000));
    EXPECT_TRUE(store_->admin()->Delete(request).ok());
  }

  // Some panels of a dashboard that shows the last ten minutes, or another window now and then.
  void Refresh() {
    const int64_t step_ms = Pick(4) == 0 ? 60'000 : kScrapeMs;
    const int64_t end_ms = clock_.NowMs() / step_ms * step_ms - (Pick(8) == 0 ? 5 * step_ms : 0);
    const int64_t start_ms = end_ms - (Pick(6) == 0 ? 300'000 : 600'000);
    for (int panel = 0; panel < 6; ++panel) {
      Compare(Expressions()[Pick(Expressions().size())], start_ms, end_ms, step_ms);
    }
  }

  void Compare(const std::string& text, int64_t start_ms, int64_t end_ms, int64_t step_ms) {
    SCOPED_TRACE(text + " at step " + std::to_string(step_));
    promql::QueryOptions past;
    past.use_cache = false;
    const auto cached = engine_->Range(*store_, text, start_ms, end_ms, step_ms, {});
    const auto whole = engine_->Range(*store_, text, start_ms, end_ms, step_ms, past);
    ASSERT_EQ(cached.status(), whole.status());
    if (!cached.ok()) return;
    EXPECT_EQ(cached->warnings, whole->warnings);
    EXPECT_EQ(cached->infos, whole->infos);
    const auto& left = std::get<promql::Matrix>(cached->value).series;
    const auto& right = std::get<promql::Matrix>(whole->value).series;
    ASSERT_EQ(left.size(), right.size());
    for (size_t i = 0; i < left.size(); ++i) {
      ASSERT_EQ(left[i].labels, right[i].labels);
      ASSERT_EQ(left[i].samples.size(), right[i].samples.size());
      for (size_t k = 0; k < left[i].samples.size(); ++k) {
        ASSERT_EQ(left[i].samples[k].time_ms, right[i].samples[k].time_ms);
        ASSERT_EQ(std::bit_cast<uint64_t>(left[i].samples[k].value),
                  std::bit_cast<uint64_t>(right[i].samples[k].value))
            << left[i].labels.ToString() << " at " << left[i].samples[k].time_ms;
      }
    }
  }

  std::mt19937_64 random_;
  base::FakeClock clock_{1'000'000'000};
  std::string folder_;
  std::unique_ptr<tsdb::Store> store_;
  promql::ResultCache cache_{{}};
  std::unique_ptr<promql::Engine> engine_;
  uint64_t pods_ = 4;
  int step_ = 0;
};

uint64_t Number(const char* name, uint64_t fallback) {
  const char* const text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

TEST(ResultCacheOverTheStore, AgreesWithAnEvaluationWhateverHappens) {
  const uint64_t first = Number("BARO_SEED", 1);
  const uint64_t rounds = Number("BARO_ROUNDS", 3);
  promql::ResultCacheStats all;
  for (uint64_t seed = first; seed < first + rounds && !HasFailure(); ++seed) {
    SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
    Life life(seed);
    life.Run(250);
    const promql::ResultCacheStats stats = life.stats();
    EXPECT_EQ(stats.mismatches, 0u) << "the proof has a hole";
    all.hits += stats.hits;
    all.partial_hits += stats.partial_hits;
    all.misses += stats.misses;
    all.reordered += stats.reordered;
  }
  std::cout << "hits " << all.hits << ", partial " << all.partial_hits << ", misses " << all.misses
            << ", reordered " << all.reordered << "\n";
  EXPECT_GT(all.hits, 0u);
  EXPECT_GT(all.partial_hits, 100u) << "the test has shown nothing";
}

}  // namespace
}  // namespace baro::collector
