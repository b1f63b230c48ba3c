// What comes out of the cache is what an evaluation gives, and nothing is reused that may have
// changed.
// Method: series in memory, with a log of changes as the test tells it.
#include "baro/promql/result_cache.h"

#include <algorithm>
#include <bit>
#include <deque>

#include "baro/model/memory_source.h"
#include "baro/promql/engine.h"
#include "gtest/gtest.h"

namespace baro::promql {
namespace {

constexpr int64_t kStepMs = 15'000;

// A source that says what the test tells it to, and counts what is selected.
class LoggedSource final : public model::SeriesSource {
 public:
  void Append(const model::Labels& labels, int64_t time_ms, double value) {
    source_.Append(labels, {time_ms, value});
    changes_.push_back(time_ms);
  }
  size_t selects() const { return selects_; }
  int64_t selected_from_ms() const { return selected_from_ms_; }

  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest& request) const override {
    ++selects_;
    selected_from_ms_ = request.start_ms;
    return source_.Select(request);
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(
      const model::LabelRequest& request) const override {
    return source_.LabelNames(request);
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(
      const std::string& name, const model::LabelRequest& request) const override {
    return source_.LabelValues(name, request);
  }
  std::vector<model::Metadata> MetricMetadata(const std::string& family,
                                              size_t limit) const override {
    return source_.MetricMetadata(family, limit);
  }
  uint64_t ChangeVersion() const override { return changes_.size() + 1; }
  int64_t OldestChangeSince(uint64_t version, int64_t from_ms) const override {
    int64_t oldest_ms = model::kTimeMsMax;
    for (size_t i = version - 1; i < changes_.size(); ++i) {
      if (changes_[i] >= from_ms) oldest_ms = std::min(oldest_ms, changes_[i]);
    }
    return oldest_ms;
  }

 private:
  model::MemorySource source_;
  std::deque<int64_t> changes_;
  mutable size_t selects_ = 0;
  mutable int64_t selected_from_ms_ = 0;
};

class ResultCacheTest : public ::testing::Test {
 protected:
  ResultCacheTest() {
    for (int64_t i = 0; i < 100; ++i) Scrape(i);
  }
  void Scrape(int64_t i) {
    for (const char* job : {"a", "b", "c"}) {
      source_.Append({{"__name__", "x_total"}, {"job", job}}, i * kStepMs,
                     static_cast<double>(i * i) * (job[0] - 'a' + 0.1));
    }
  }

  Matrix Ask(std::string_view text, int64_t first, int64_t last) {
    const auto cached = engine_.Range(source_, text, first * kStepMs, last * kStepMs, kStepMs, {});
    QueryOptions options;
    options.use_cache = false;
    const auto whole =
        engine_.Range(source_, text, first * kStepMs, last * kStepMs, kStepMs, options);
    EXPECT_EQ(cached.status(), whole.status());
    if (!cached.ok() || !whole.ok()) return {};
    EXPECT_EQ(cached->warnings, whole->warnings);
    EXPECT_EQ(cached->infos, whole->infos);
    ExpectSame(std::get<Matrix>(cached->value), std::get<Matrix>(whole->value));
    reused_ = cached->stats.steps_reused;
    return std::get<Matrix>(cached->value);
  }
  static void ExpectSame(const Matrix& a, const Matrix& b) {
    ASSERT_EQ(a.series.size(), b.series.size());
    for (size_t i = 0; i < a.series.size(); ++i) {
      EXPECT_EQ(a.series[i].labels, b.series[i].labels);
      ASSERT_EQ(a.series[i].samples.size(), b.series[i].samples.size());
      for (size_t k = 0; k < a.series[i].samples.size(); ++k) {
        EXPECT_EQ(a.series[i].samples[k].time_ms, b.series[i].samples[k].time_ms);
        EXPECT_EQ(std::bit_cast<uint64_t>(a.series[i].samples[k].value),
                  std::bit_cast<uint64_t>(b.series[i].samples[k].value));
      }
    }
  }

  LoggedSource source_;
  ResultCache cache_{{}};
  Engine engine_{[this] {
    EngineOptions options;
    options.cache = &cache_;
    return options;
  }()};
  int64_t reused_ = 0;
};

TEST_F(ResultCacheTest, EvaluatesTheNewStepsOnly) {
  Ask("rate(x_total[1m])", 40, 99);
  EXPECT_EQ(reused_, 0);
  Scrape(100);
  Scrape(101);
  Ask("rate(x_total[1m])", 42, 101);
  EXPECT_EQ(reused_, 57) << "steps 42 to 98; 99 is evaluated again, to be compared";
  EXPECT_EQ(cache_.GetStats().partial_hits, 1u);
  EXPECT_EQ(cache_.GetStats().mismatches, 0u);
}

TEST_F(ResultCacheTest, AnswersTheSameAgainWithoutReading) {
  Ask("sum(x_total)", 40, 99);
  const size_t before = source_.selects();
  Ask("sum(x_total)", 45, 90);
  EXPECT_EQ(reused_, 46);
  EXPECT_EQ(source_.selects(), before + 1) << "the one without the cache";
}

TEST_F(ResultCacheTest, ReusesNothingBehindLateData) {
  Ask("sum(x_total)", 40, 99);
  source_.Append({{"__name__", "x_total"}, {"job", "late"}}, 60 * kStepMs + 1, 7);
  Ask("sum(x_total)", 40, 99);
  EXPECT_EQ(reused_, 20) << "steps 40 to 59, and 60 for the comparison";
}

TEST_F(ResultCacheTest, LooksAheadAsFarAsAnOffsetDoes) {
  Ask("x_total offset -2m", 40, 90);
  Scrape(100);
  Ask("x_total offset -2m", 40, 95);
  EXPECT_EQ(reused_, 50) << "step 91 sees the sample at 99, step 92 that at 100";
}

TEST_F(ResultCacheTest, ForgetsWhatAFixedTimeCannotHold) {
  Ask("x_total - x_total @ 900", 40, 99);
  source_.Append({{"__name__", "x_total"}, {"job", "late"}}, 890'000, 7);
  Ask("x_total - x_total @ 900", 40, 99);
  EXPECT_EQ(reused_, 0);
}

TEST_F(ResultCacheTest, KeepsNoResultWithAnInfo) {
  for (int i = 0; i < 2; ++i) {
    const auto result = engine_.Range(source_, "rate({job=\"a\"}[1m])", 0, 900'000, kStepMs, {});
    ASSERT_TRUE(result.ok());
  }
  source_.Append({{"__name__", "gauge"}}, 100 * kStepMs, 1);
  source_.Append({{"__name__", "gauge"}}, 101 * kStepMs, 1);
  Ask("rate(gauge[1m])", 90, 101);
  Ask("rate(gauge[1m])", 90, 101);
  EXPECT_EQ(reused_, 0);
}

TEST_F(ResultCacheTest, TakesAnotherStepOrPhaseForAnotherQuery) {
  Ask("sum(x_total)", 40, 99);
  const auto result =
      engine_.Range(source_, "sum(x_total)", 40 * kStepMs + 1, 99 * kStepMs, kStepMs, {});
  EXPECT_EQ(result->stats.steps_reused, 0);
  QueryOptions options;
  options.lookback_ms = 1'000;
  const auto other =
      engine_.Range(source_, "sum(x_total)", 40 * kStepMs, 99 * kStepMs, kStepMs, options);
  EXPECT_EQ(other->stats.steps_reused, 0);
}

TEST_F(ResultCacheTest, GivesErrorsAsTheWholeQueryDoes) {
  const std::string text = "x_total * on () group_left () scalar_like";
  source_.Append({{"__name__", "scalar_like"}}, 60 * kStepMs, 2);
  Ask(text, 55, 70);
  source_.Append({{"__name__", "scalar_like"}, {"twin", "1"}}, 71 * kStepMs, 3);
  Ask(text, 56, 75);
}

TEST_F(ResultCacheTest, EvaluatesAllWhenOtherSeriesCanMoveAGroup) {
  const std::string text = "topk(1, sum by (job) (x_total * 0))";
  Ask(text, 40, 99);
  Scrape(100);
  Ask(text, 40, 100);
  EXPECT_GT(reused_, 0);
  source_.Append({{"__name__", "x_total"}, {"job", "0"}}, 101 * kStepMs, 1);
  Ask(text, 41, 101);
  EXPECT_EQ(reused_, 0);
  EXPECT_EQ(cache_.GetStats().reordered, 1u);
}

TEST_F(ResultCacheTest, StaysWithinItsBytes) {
  ResultCache small({.bytes_max = 16 * 1024});
  EngineOptions options;
  options.cache = &small;
  const Engine engine(options);
  for (int i = 0; i < 50; ++i) {
    const std::string text = "sum(x_total) + " + std::to_string(i);
    ASSERT_TRUE(engine.Range(source_, text, 0, 60 * kStepMs, kStepMs, {}).ok());
  }
  const ResultCacheStats stats = small.GetStats();
  EXPECT_LE(stats.bytes, 16u * 1024);
  EXPECT_GT(stats.entries, 0u);
  EXPECT_EQ(stats.entries + stats.evictions, 50u);
  small.Clear();
  EXPECT_EQ(small.GetStats().bytes, 0u);
}

TEST_F(ResultCacheTest, GivesItsMemoryBackWhenItIsShort) {
  uint64_t resident = 0;
  base::FakeClock clock(0);
  base::MemoryBudget memory({uint64_t{64} << 20, [&resident] { return resident; }, &clock});
  ResultCache cache({.memory = &memory});
  EngineOptions options;
  options.cache = &cache;
  const Engine engine(options);
  ASSERT_TRUE(engine.Range(source_, "x_total", 0, 60 * kStepMs, kStepMs, {}).ok());
  EXPECT_GT(memory.reserved_bytes(), 0u);
  resident = uint64_t{50} << 20;
  clock.AdvanceMs(1'000);
  ASSERT_TRUE(engine.Range(source_, "x_total + 1", 0, 60 * kStepMs, kStepMs, {}).ok());
  EXPECT_EQ(cache.GetStats().entries, 0u);
  EXPECT_EQ(memory.reserved_bytes(), 0u);
}

}  // namespace
}  // namespace baro::promql
