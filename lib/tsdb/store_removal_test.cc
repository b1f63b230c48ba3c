// The index forgets what has expired, and only that: seen through the store, with its own clock.
#include <gtest/gtest.h>
#include <unistd.h>

#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using testing::AppendAndWait;
using testing::AppendOne;
using testing::Folder;
using testing::ReadAll;

constexpr int64_t kHourMs = 3'600'000;
// Four hours are kept, in parts of a day at most, and two looks come after that.
constexpr uint64_t kKnownMax = 1 + 4 + 24 + 4;

class StoreRemovalTest : public ::testing::Test {
 protected:
  StoreRemovalTest() : folder_("store_removal") {
    options_.path = folder_.path();
    options_.retention_ms = 4 * kHourMs;
    options_.clock = &clock_;
    options_.background = false;
    options_.commit_delay_ms = 0;
    Open();
  }
  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  // An hour with a sample of a target that stays and of one that comes and goes.
  void Hour(int hour) {
    clock_.SetNowMs(start_ms_ + hour * kHourMs);
    const int64_t now_ms = clock_.NowMs();
    ASSERT_EQ(AppendOne(store_.get(), {{"__name__", "up"}, {"pod", "stays"}}, now_ms, hour).stored,
              1u);
    ASSERT_EQ(
        AppendOne(store_.get(), {{"__name__", "up"}, {"path", Name(hour)}, {"pod", Name(hour)}},
                  now_ms, hour)
            .stored,
        1u);
    ASSERT_TRUE(store_->Maintain(false).ok());
  }
  static std::string Name(int hour) { return "of-hour-" + std::to_string(hour); }

  Folder folder_;
  const int64_t start_ms_ = int64_t{1'700'000'000'000};
  base::FakeClock clock_{start_ms_};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreRemovalTest, AChurningFleetDoesNotGrowTheIndex) {
  for (int hour = 0; hour < 100; ++hour) {
    SCOPED_TRACE(hour);
    ASSERT_NO_FATAL_FAILURE(Hour(hour));
    if (hour % 31 == 30) {
      ASSERT_NO_FATAL_FAILURE(Open());
    }
    const Stats stats = store_->GetStats();
    EXPECT_LE(stats.targets, kKnownMax);
    EXPECT_LE(stats.columns, kKnownMax);
    EXPECT_LE(stats.layouts, 4 * kKnownMax) << "merges make some of their own";
    const auto all = ReadAll(*store_);
    ASSERT_TRUE(all.contains(Labels{{"__name__", "up"}, {"pod", "stays"}}));
    EXPECT_GE(all.size(), std::min<size_t>(static_cast<size_t>(hour) + 2, 4));
    EXPECT_EQ(all.at(Labels{{"__name__", "up"}, {"path", Name(hour)}, {"pod", Name(hour)}}).size(),
              1u);
  }
  EXPECT_GT(store_->NumbersRemoved(), 0u);
  const auto values = store_->LabelValues("pod", {});
  ASSERT_TRUE(values.ok());
  EXPECT_LE(values->size(), kKnownMax);
}

TEST_F(StoreRemovalTest, AReaderKeepsTheLabelsOfWhatItSelected) {
  Hour(0);
  const auto set = store_->Select({0, start_ms_ + kHourMs, {}, 0});
  ASSERT_TRUE(set.ok());
  ASSERT_EQ((*set)->size(), 2u);
  for (int hour = 1; hour < 60; ++hour) Hour(hour);
  std::set<std::string> pods;
  for (size_t i = 0; i < 2; ++i) pods.emplace((*set)->labels(i).Get("pod"));
  EXPECT_EQ(pods, (std::set<std::string>{"stays", Name(0)}));
}

TEST_F(StoreRemovalTest, ANumberThatIsGoneIsRefusedUntilDeclaredAnew) {
  Hour(0);
  const Labels old_labels{{"__name__", "up"}, {"path", Name(0)}, {"pod", Name(0)}};
  SampleBatch batch;
  batch.series = {*store_->DeclareSeries(old_labels)};
  for (int hour = 1; hour < 60; ++hour) Hour(hour);
  batch.times_ms = {clock_.NowMs()};
  batch.values = {1};
  EXPECT_EQ(AppendAndWait(store_.get(), batch).status.code(), absl::StatusCode::kUnavailable);
  batch.series = {*store_->DeclareSeries(old_labels)};
  EXPECT_EQ(AppendAndWait(store_.get(), batch).stored, 1u);
  Open();
  EXPECT_TRUE(ReadAll(*store_).contains(old_labels));
}

TEST_F(StoreRemovalTest, CardinalityTellsWhatIsActiveAndWhenItWasSeenAndRead) {
  for (int hour = 0; hour < 3; ++hour) Hour(hour);
  ASSERT_EQ(AppendOne(store_.get(), {{"__name__", "up"}, {"job", "x"}, {"namespace", "n"}},
                      clock_.NowMs(), 1)
                .stored,
            1u);
  ASSERT_TRUE(
      store_
          ->Select(
              {0, clock_.NowMs(), {testing::Match(model::MatchType::kEqual, "__name__", "up")}, 0})
          .ok());
  const Cardinality cardinality = store_->GetCardinality(10);
  ASSERT_EQ(cardinality.metrics.size(), 1u);
  EXPECT_EQ(cardinality.metrics[0].name, "up");
  EXPECT_EQ(cardinality.metrics[0].series, 1u);
  EXPECT_EQ(cardinality.metrics[0].first_seen_ms, start_ms_);
  EXPECT_EQ(cardinality.metrics[0].last_seen_ms, clock_.NowMs());
  EXPECT_EQ(cardinality.metrics[0].last_read_ms, clock_.NowMs());
  ASSERT_EQ(cardinality.series_by_job.size(), 1u);
  EXPECT_EQ(cardinality.series_by_namespace[0].name, "n");
  ASSERT_EQ(cardinality.targets.size(), 1u);
  EXPECT_EQ(cardinality.targets[0].series, 1u);
}

}  // namespace
}  // namespace baro::tsdb
