// How long what is kept: classes of series, downsampled tiers, statistics of buckets.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "bucket_stats.h"
#include "part.h"
#include "retention_class.h"
#include "store_test_support.h"
#include "tier.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using model::MatchType;
using testing::AppendAndWait;
using testing::Bits;
using testing::Folder;
using testing::Match;
using testing::ReadAll;
using testing::Samples;
using testing::SamplesBySeries;

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
constexpr int64_t kDayStartMs = 19'675 * kDayMs;

TEST(BucketStats, KeepsStatisticsOfEveryKindOfColumn) {
  const std::vector<std::vector<double>> columns = {
      {1, 1, 1, 1},                                   // constant
      {1, 2, 5, 6},                                   // rising
      {5, 7, 2, 4},                                   // a counter that was reset
      {std::nan(""), 3, 1, 2},                        // NaN gives way
      {model::kStaleNan, 4, model::kNoSample, -2.5},  // what does not count
      {model::kStaleNan, model::kStaleNan, model::kNoSample, 7},
      {model::kStaleNan, model::kStaleNan, model::kStaleNan, model::kStaleNan},
      {0.1, 0.2, 0.3, std::bit_cast<double>(uint64_t{0x8000000000000000})},
  };
  const Buckets buckets = BucketsOf(std::vector<int64_t>{-1, 10, 20, 130}, 100);
  EXPECT_EQ(buckets.numbers, (std::vector<int64_t>{-1, 0, 1}));
  BucketStatsWriter writer(buckets);
  for (const auto& column : columns) writer.Add(column);
  const std::string bytes = std::move(writer).Finish();
  const auto again = DecodeBucketStats(bytes);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->buckets, buckets.numbers);
  ASSERT_EQ(again->columns.size(), columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    for (size_t i = 0, row = 0; i < 3; row = buckets.end_row[i++]) {
      SCOPED_TRACE(::testing::Message() << "column " << c << " bucket " << i);
      const ColumnStats expected =
          StatsOf(std::span(columns[c]).subspan(row, buckets.end_row[i] - row));
      const ColumnStats& one = again->columns[c][i];
      ASSERT_EQ(one.count, expected.count);
      if (expected.count == 0) continue;
      for (const auto field : {&ColumnStats::first, &ColumnStats::last, &ColumnStats::min,
                               &ColumnStats::max, &ColumnStats::sum, &ColumnStats::increase}) {
        EXPECT_EQ(Bits(one.*field), Bits(expected.*field));
      }
    }
  }
  const ColumnStats reset = StatsOf(columns[2]);
  EXPECT_EQ(reset.increase, 2 + 2 + 2);
  EXPECT_EQ(reset.sum, 18);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeBucketStats(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
}

TEST(Part, RecordsOfTheFirstVersionAreRead) {
  Part part;
  part.number = 7;
  part.rank = 5;
  part.slot = 9;
  part.class_byte = 3;
  part.generation = Generation::kDay;
  part.interval_ms = 300'000;
  part.targets = std::make_shared<TargetLayouts>(TargetLayouts{{1, 2}, {3, 1}});
  const std::string bytes = EncodePart(part);
  const auto again = DecodePart(7, bytes);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->rank, 5U);
  EXPECT_EQ(again->class_byte, 3U);
  EXPECT_EQ(again->generation, Generation::kDay);
  EXPECT_EQ(again->interval_ms, 300'000);
  // Epoch, cleaned, rank, class and generation one byte each, interval three.
  const auto first_version = DecodePart(7, bytes.substr(0, bytes.size() - 8));
  ASSERT_TRUE(first_version.ok()) << first_version.status();
  EXPECT_EQ(first_version->rank, 7U);
  EXPECT_EQ(first_version->class_byte, kRawClass);
  EXPECT_EQ(first_version->generation, Generation::kSealed);
  for (size_t cut = 1; cut < 8; ++cut) {
    if (cut == 3) continue;  // without the interval: it is 0
    EXPECT_FALSE(DecodePart(7, bytes.substr(0, bytes.size() - cut)).ok()) << cut;
  }
}

TEST(RetentionPolicy, ClassesKeepTheirNumbersAndFreeOnesAreGivenAgain) {
  const auto make = [](const std::vector<std::string>& jobs) {
    Retention retention;
    for (const std::string& job : jobs) {
      retention.classes.push_back({{Match(MatchType::kEqual, "job", job)}, kDayMs});
    }
    return retention;
  };
  ClassNumbers numbers;
  std::vector<bool> taken(kRetentionClassMax + 1);
  ASSERT_TRUE(MakePolicy(make({"a", "b"}), taken, &numbers).ok());
  taken[2] = true;
  const auto policy = MakePolicy(make({"c", "b"}), taken, &numbers);
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(policy->classes[1].number, 3U) << "b's";
  EXPECT_EQ(policy->classes[0].number, 4U) << "parts still have a's";
  taken[2] = false;
  const auto next = MakePolicy(make({"d", "b", "c"}), taken, &numbers);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next->classes[0].number, 2U);
  std::vector<std::string> many;
  for (int i = 0; i < kRetentionClassMax; ++i) many.push_back(std::to_string(i));
  EXPECT_TRUE(absl::IsResourceExhausted(MakePolicy(make(many), taken, &numbers).status()));
}

class RetentionTest : public ::testing::Test {
 protected:
  RetentionTest()
      : folder_(std::string("retention_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    options_.commit_delay_ms = 0;
  }
  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  // One row of three jobs, each with a gauge and a counter, at the clock's time.
  void Scrape() {
    SampleBatch batch;
    for (const char* job : {"a", "b", "c"}) {
      for (const char* name : {"gauge", "count"}) {
        const Labels labels{{"__name__", name}, {"job", job}};
        const double value = static_cast<double>(random_() % 100) + job[0];
        testing::Add(store_.get(), labels, clock_.NowMs(), value, &batch);
        expected_[labels][clock_.NowMs()] = Bits(value);
      }
    }
    ASSERT_TRUE(AppendAndWait(store_.get(), std::move(batch)).status.ok());
  }
  void ScrapeUntil(int64_t end_ms, int64_t interval_ms) {
    while (clock_.NowMs() < end_ms) {
      Scrape();
      clock_.AdvanceMs(interval_ms);
      if (clock_.NowMs() % kHourMs < interval_ms) {
        ASSERT_TRUE(store_->Maintain(false).ok());
      }
    }
  }
  std::set<std::string> Jobs() const {
    std::set<std::string> jobs;
    for (const auto& [labels, samples] : ReadAll(*store_))
      jobs.insert(std::string(labels.Get("job")));
    return jobs;
  }

  Folder folder_;
  base::FakeClock clock_{kDayStartMs + 7};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  std::mt19937_64 random_{1};
  SamplesBySeries expected_;
};

TEST_F(RetentionTest, EveryClassIsKeptForItsOwnTime) {
  options_.retention_ms = 3 * kDayMs;
  options_.retention_classes = {
      {{Match(MatchType::kEqual, "job", "a")}, kDayMs},
      // Crosses the halves of a label set, and a class of columns of a target.
      {{Match(MatchType::kEqual, "job", "b"), Match(MatchType::kEqual, "__name__", "count")}, 0},
  };
  Open();
  ScrapeUntil(kDayStartMs + 12 * kHourMs, 600'000);
  ASSERT_TRUE(store_->Maintain(true).ok());
  EXPECT_EQ(store_->GetStats().parts, 3U);
  EXPECT_EQ(ReadAll(*store_), expected_);
  Open();
  EXPECT_EQ(ReadAll(*store_), expected_);
  clock_.AdvanceMs(kDayStartMs + 12 * kHourMs + kDayMs - clock_.NowMs());
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_EQ(Jobs(), (std::set<std::string>{"b", "c"}));
  // Samples are taken as long as some class would keep them.
  EXPECT_EQ(testing::AppendOne(store_.get(), {{"__name__", "count"}, {"job", "b"}}, kDayStartMs, 1)
                .stored,
            1U);
  clock_.AdvanceMs(3 * kDayMs);
  ASSERT_TRUE(store_->Maintain(true).ok());
  const SamplesBySeries rest = ReadAll(*store_);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest.begin()->first.Get("__name__"), "count");
  EXPECT_EQ(rest.begin()->second.size(), expected_.at(rest.begin()->first).size() + 1);
}

TEST_F(RetentionTest, ANewRetentionTakesEffectAtOnceAndClassesAreKnownAgain) {
  options_.retention_classes = {{{Match(MatchType::kEqual, "job", "a")}, 0}};
  Open();
  ScrapeUntil(kDayStartMs + 3 * kHourMs, 600'000);
  ASSERT_TRUE(store_->Maintain(true).ok());
  clock_.AdvanceMs(2 * kDayMs);
  // In another order, and for another time.
  Retention retention;
  retention.retention_ms = 0;
  retention.classes = {{{Match(MatchType::kEqual, "job", "b")}, 0},
                       {{Match(MatchType::kEqual, "job", "a")}, kDayMs}};
  ASSERT_TRUE(store_->SetRetention(retention).ok());
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_EQ(Jobs(), (std::set<std::string>{"b", "c"}));
  retention.retention_ms = kDayMs;
  ASSERT_TRUE(store_->SetRetention(retention).ok());
  ASSERT_TRUE(store_->Maintain(false).ok());
  // b's samples were sealed before there was a class for them.
  EXPECT_EQ(Jobs(), std::set<std::string>());
  retention.retention_ms = -1;
  EXPECT_TRUE(absl::IsInvalidArgument(store_->SetRetention(retention)));
  retention = {};
  retention.tiers = {{300'000, 0}, {300'000, 0}};
  EXPECT_TRUE(absl::IsInvalidArgument(store_->SetRetention(retention)));
}

// Of the raw samples those that a tier shows: of each bucket the last.
Samples LastOfBuckets(const Samples& samples, int64_t interval_ms) {
  Samples last;
  for (auto it = samples.begin(); it != samples.end(); ++it) {
    const auto next = std::next(it);
    if (next == samples.end() || next->first / interval_ms != it->first / interval_ms) {
      last.insert(*it);
    }
  }
  return last;
}

TEST_F(RetentionTest, TiersAnswerWhereTheSamplesHaveExpired) {
  options_.retention_ms = 2 * kDayMs;
  options_.tiers = {{300'000, 10 * kDayMs}, {kHourMs, 20 * kDayMs}};
  Open();
  ScrapeUntil(kDayStartMs + 2 * kDayMs, 60'000);
  clock_.AdvanceMs(2 * kHourMs);
  ASSERT_TRUE(store_->Maintain(false).ok());
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_EQ(ReadAll(*store_), expected_) << "as long as there are samples they are read";
  const auto at = [&](int64_t interval_ms) {
    SamplesBySeries tier;
    for (const auto& [labels, samples] : expected_)
      tier[labels] = LastOfBuckets(samples, interval_ms);
    return tier;
  };
  const auto read = [&](int64_t resolution_ms, std::vector<std::string>* notes) {
    model::SelectRequest request{kDayStartMs, kDayStartMs + 2 * kDayMs, {}, 0};
    request.resolution_ms = resolution_ms;
    const auto set = store_->Select(request);
    EXPECT_TRUE(set.ok()) << set.status();
    *notes = (*set)->warnings();
    SamplesBySeries result;
    const auto reader = (*set)->Read(0, (*set)->size());
    model::SeriesView view;
    while (*reader->Next(&view)) {
      Samples& samples = result[(*set)->labels(view.index).Merge()];
      for (size_t i = 0; i < view.times_ms.size(); ++i) {
        samples[view.times_ms[i]] = Bits(view.values[i]);
      }
    }
    return result;
  };
  std::vector<std::string> notes;
  EXPECT_EQ(read(300'000, &notes), at(300'000));
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("downsampled to 5m from 2023-"), std::string::npos) << notes[0];
  EXPECT_EQ(read(kDayMs, &notes), at(kHourMs));
  EXPECT_EQ(read(60'000, &notes), expected_);
  EXPECT_TRUE(notes.empty());
  // The samples go day by day, then the tiers.
  clock_.AdvanceMs(kDayStartMs + 4 * kDayMs + kHourMs - clock_.NowMs());
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_EQ(ReadAll(*store_), at(300'000));
  Open();
  EXPECT_EQ(ReadAll(*store_), at(300'000));
  clock_.AdvanceMs(kDayStartMs + 12 * kDayMs + kHourMs - clock_.NowMs());
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_EQ(ReadAll(*store_), at(kHourMs));
  clock_.AdvanceMs(kDayStartMs + 22 * kDayMs + kHourMs - clock_.NowMs());
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_TRUE(ReadAll(*store_).empty());
  EXPECT_EQ(store_->GetStats().parts, 0U);
}

TEST_F(RetentionTest, ATierIsMadeAnewForLateSamplesAndShowsWhereASeriesEnds) {
  options_.retention_ms = 2 * kDayMs;
  options_.tiers = {{300'000, 10 * kDayMs}};
  Open();
  ScrapeUntil(kDayStartMs + kDayMs, 60'000);
  clock_.AdvanceMs(2 * kHourMs);
  ASSERT_TRUE(store_->Maintain(true).ok());
  const Labels gauge{{"__name__", "gauge"}, {"job", "a"}};
  const Labels other{{"__name__", "late"}, {"job", "a"}};
  // The end of a series, beside its last value; another that nothing else is beside.
  const int64_t end_ms = kDayStartMs + kDayMs - 10'000;
  ASSERT_EQ(testing::AppendOne(store_.get(), gauge, end_ms, model::kStaleNan).stored, 1U);
  ASSERT_EQ(testing::AppendOne(store_.get(), other, kDayStartMs + 1'234, 5).stored, 1U);
  clock_.AdvanceMs(kDayStartMs + 3 * kDayMs + kHourMs - clock_.NowMs());
  ASSERT_TRUE(store_->Maintain(true).ok()) << "late samples go into the tier";
  ASSERT_TRUE(store_->Maintain(true).ok()) << "and the samples go";
  const SamplesBySeries tier = ReadAll(*store_);
  Samples expected = LastOfBuckets(expected_[gauge], 300'000);
  expected[end_ms] = model::kStaleNanBits;
  EXPECT_EQ(tier.at(gauge), expected);
  EXPECT_EQ(tier.at(other), (Samples{{kDayStartMs + 1'234, Bits(5)}}));
}

}  // namespace
}  // namespace baro::tsdb
