// Selectors that are asked again and again, while series come and heads are sealed, find what a
// look at every series finds.
// Method: random samples of random series, some late; after each step a few selectors are compared
// with all series of a reopened look, by labels, samples and label values. BARO_SEED repeats a run.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <set>

#include "baro/base/strings.h"
#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using model::MatchType;
using testing::Add;
using testing::AppendAndWait;
using testing::AppendOne;
using testing::Folder;
using testing::Match;
using testing::ReadAll;
using testing::SamplesBySeries;

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kStepMs = 10'000;

using Selector = std::vector<model::Matcher>;

class PlanCacheTest : public ::testing::Test {
 protected:
  PlanCacheTest()
      : folder_(std::string("plan_cache_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    StoreOptions options;
    options.path = folder_.path();
    options.retention_ms = 0;
    options.slot_ms = 60'000;
    options.clock = &clock_;
    options.background = false;
    options.commit_delay_ms = 0;
    auto store = Store::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // What a selector must find: by a matcher's word on every series there is.
  SamplesBySeries Expected(const Selector& selector, int64_t start_ms, int64_t end_ms) const {
    SamplesBySeries found;
    for (const auto& [labels, samples] : written_) {
      const bool matches = std::all_of(selector.begin(), selector.end(), [&](const auto& matcher) {
        return matcher.Matches(labels.Get(matcher.name()));
      });
      if (!matches) continue;
      for (auto it = samples.lower_bound(start_ms); it != samples.end() && it->first <= end_ms;
           ++it) {
        found[labels].insert(*it);
      }
    }
    return found;
  }

  void Check(const Selector& selector, int64_t start_ms, int64_t end_ms) {
    const SamplesBySeries expected = Expected(selector, start_ms, end_ms);
    EXPECT_EQ(ReadAll(*store_, selector, start_ms, end_ms), expected);
    CheckNewest(selector, start_ms, end_ms, expected);
  }

  void CheckNewest(const Selector& selector, int64_t start_ms, int64_t end_ms,
                   const SamplesBySeries& expected) {
    model::SelectRequest request{start_ms, end_ms, selector, 0};
    request.histograms = request.may_be_empty = request.newest_only = true;
    const auto set = store_->Select(request);
    ASSERT_TRUE(set.ok()) << set.status();
    const auto reader = (*set)->Read(0, (*set)->size());
    model::SeriesView view;
    size_t series = 0;
    while (true) {
      const auto more = reader->Next(&view);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) break;
      const auto it = expected.find((*set)->labels(view.index).Merge());
      ASSERT_TRUE(it != expected.end());
      EXPECT_EQ(view.times_ms.back(), it->second.rbegin()->first);
      EXPECT_EQ(testing::Bits(view.values.back()), it->second.rbegin()->second);
      ++series;
    }
    EXPECT_EQ(series, expected.size());
  }

  void Write(const Labels& labels, int64_t time_ms, double value) {
    EXPECT_TRUE(AppendOne(store_.get(), labels, time_ms, value).status.ok());
    written_[labels][time_ms] = testing::Bits(value);
  }

  base::FakeClock clock_{kNowMs};
  Folder folder_;
  std::unique_ptr<Store> store_;
  SamplesBySeries written_;
};

TEST_F(PlanCacheTest, FindsWhatALookAtEverySeriesFinds) {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE(::testing::Message() << "BARO_SEED=" << seed);
  std::mt19937_64 random(seed);
  const auto up_to = [&](uint64_t most) { return static_cast<int64_t>(random() % (most + 1)); };
  const std::vector<Selector> selectors = {
      {},
      {Match(MatchType::kEqual, "__name__", "m1")},
      {Match(MatchType::kRegex, "__name__", "m[0-3]"), Match(MatchType::kNotEqual, "job", "a")},
      {Match(MatchType::kEqual, "mode", "x")},
      {Match(MatchType::kRegex, "job", ".*b|"), Match(MatchType::kRegex, "mode", "|x")},
  };
  static constexpr const char* kJobs[] = {"a", "b", "cb"};
  int64_t now_ms = kNowMs;
  for (int step = 0; step < 150 && !HasFailure(); ++step) {
    for (int64_t i = up_to(6); i >= 0; --i) {
      // More of them as time goes on, so that known targets get new series.
      Labels labels{{"__name__", base::StrCat("m", up_to(static_cast<uint64_t>(2 + step / 20)))},
                    {"job", kJobs[up_to(2)]},
                    {"instance", base::StrCat(up_to(3))}};
      if (up_to(2) == 0) labels.Set("mode", up_to(1) == 0 ? "x" : "y");
      const int64_t late_ms = up_to(9) == 0 ? up_to(6) * kStepMs : 0;
      Write(labels, now_ms - late_ms, static_cast<double>(up_to(1'000)));
    }
    now_ms += kStepMs;
    clock_.SetNowMs(now_ms);
    if (up_to(11) == 0) {
      ASSERT_TRUE(store_->Maintain(up_to(1) == 0).ok());
    }
    const int64_t end_ms = now_ms - up_to(4) * kStepMs;
    for (const Selector& selector : selectors) {
      Check(selector, end_ms - up_to(30) * kStepMs, end_ms);
    }
  }
  const Stats::CacheStats stats = store_->GetStats().selector_cache;
  EXPECT_GT(stats.hits_total, 0u);
  EXPECT_GT(stats.updates_total, 0u);
  EXPECT_GT(stats.evictions_total, 0u) << "a seal makes a new view";
  EXPECT_GT(stats.bytes, 0u);
}

TEST_F(PlanCacheTest, KeepsNoMoreThanItsBound) {
  Write({{"__name__", "up"}}, kNowMs, 1);
  for (int i = 0; i < 600; ++i) {
    Check({Match(MatchType::kNotEqual, "none", base::StrCat(i))}, kNowMs - 1, kNowMs);
  }
  const Stats::CacheStats stats = store_->GetStats().selector_cache;
  EXPECT_LE(stats.entries, 512u);
  EXPECT_GT(stats.evictions_total, 0u);
}

}  // namespace
}  // namespace baro::tsdb
