// Histograms come back to the bit, from heads and from parts, before and after a restart, beside
// floats and over one another; and who did not ask for them does not meet them.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "baro/model/random_histogram.h"
#include "histogram_test_support.h"

namespace baro::tsdb {
namespace {

using model::Histogram;
using model::Labels;
using testing::AppendHistogram;
using testing::AppendOne;
using testing::Either;
using testing::ReadEither;

constexpr int64_t kNowMs = 1'700'000'000'000;

Labels Series(const std::string& metric, const std::string& instance = "a") {
  return {{"__name__", metric}, {"job", "app"}, {"instance", instance}};
}

Histogram Latency(double count) {
  Histogram histogram;
  histogram.schema = 3;
  histogram.count = count + 3;
  histogram.sum = count / 3;
  histogram.zero_threshold = 1e-128;
  histogram.zero_count = 3;
  histogram.positive = {{-1, 1}, {4, count - 1}};
  return histogram;
}

class StoreHistogram : public ::testing::Test {
 protected:
  StoreHistogram() {
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    Open();
  }
  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void ExpectOnly(const Labels& labels, const testing::Eithers& samples) {
    testing::EithersBySeries expected;
    if (!samples.empty()) expected[labels] = samples;
    EXPECT_EQ(ReadEither(*store_), expected);
  }

  testing::Folder folder_{"store_histogram"};
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreHistogram, ComesBackFromHeadPartAndRestart) {
  const Histogram histogram = Latency(7);
  EXPECT_EQ(AppendHistogram(store_.get(), Series("latency"), kNowMs, histogram).stored, 1U);
  const testing::Eithers expected = {{kNowMs, {0, histogram}}};
  ExpectOnly(Series("latency"), expected);
  Open();
  ExpectOnly(Series("latency"), expected);
  ASSERT_TRUE(store_->Maintain(true).ok());
  ExpectOnly(Series("latency"), expected);
  Open();
  ExpectOnly(Series("latency"), expected);
}

TEST_F(StoreHistogram, IsHiddenFromWhoKnowsFloatsAlone) {
  AppendOne(store_.get(), Series("latency"), kNowMs, 1);
  AppendHistogram(store_.get(), Series("latency"), kNowMs + 1, Latency(7));
  AppendOne(store_.get(), Series("latency"), kNowMs + 2, 2);
  AppendHistogram(store_.get(), Series("other"), kNowMs, Latency(7));
  for (int round = 0; round < 2; ++round) {
    const auto floats = testing::ReadAll(*store_);
    ASSERT_EQ(floats.size(), 1U);
    const testing::Samples expected = {{kNowMs, testing::Bits(1)}, {kNowMs + 2, testing::Bits(2)}};
    EXPECT_EQ(floats.begin()->second, expected);
    EXPECT_EQ(ReadEither(*store_)[Series("latency")].size(), 3U);
    ASSERT_TRUE(store_->Maintain(true).ok());
  }
}

TEST_F(StoreHistogram, IsOneSeriesToEveryCount) {
  AppendHistogram(store_.get(), Series("latency"), kNowMs, Latency(7));
  AppendOne(store_.get(), Series("up"), kNowMs, 1);
  for (int round = 0; round < 2; ++round) {
    const Stats stats = store_->GetStats();
    EXPECT_EQ(stats.series, 2U);
    EXPECT_EQ(stats.columns, 2U);
    EXPECT_EQ(stats.histogram_columns, 7U);
    const auto names = store_->LabelNames({});
    ASSERT_TRUE(names.ok());
    EXPECT_EQ(*names, (std::vector<std::string>{"__name__", "instance", "job"}));
    EXPECT_EQ(store_->GetCardinality(10).series_by_metric.size(), 2U);
    Open();
  }
}

TEST_F(StoreHistogram, CountsOnceWhateverBecomesOfIt) {
  AppendResult result = AppendHistogram(store_.get(), Series("latency"), kNowMs, Latency(7));
  EXPECT_EQ(result.stored, 1U);
  EXPECT_EQ(result.histograms_stored, 1U);
  result = AppendHistogram(store_.get(), Series("latency"), kNowMs, Latency(7));
  EXPECT_EQ(result.duplicate, 1U);
  EXPECT_EQ(result.stored + result.overwritten + result.histograms_stored, 0U);
  result = AppendHistogram(store_.get(), Series("latency"), kNowMs, Latency(8));
  EXPECT_EQ(result.overwritten, 1U);
  EXPECT_EQ(result.stored, 1U);
  EXPECT_EQ(result.duplicate, 0U);
  AppendHistogram(store_.get(), Series("latency"), kNowMs + 2, Latency(9));
  result = AppendHistogram(store_.get(), Series("latency"), kNowMs + 1, Latency(9));
  EXPECT_EQ(result.out_of_order, 1U);
  EXPECT_EQ(result.stored, 1U);
  EXPECT_EQ(store_->GetStats().histograms_stored_total, 4U);
  EXPECT_EQ(store_->GetStats().samples_stored_total, 4U);
}

// What a later histogram lacks must not shine through from the earlier one.
TEST_F(StoreHistogram, OverwritesWholly) {
  Histogram wide = Latency(7);
  wide.negative = {{2, 5}};
  wide.positive.push_back({90, 4});
  Histogram narrow;
  narrow.schema = 0;
  narrow.count = 1;
  narrow.positive = {{3, 1}};
  for (const bool restart : {false, true}) {
    for (const bool seal : {false, true}) {
      const Labels labels = Series("latency", std::to_string(restart) + std::to_string(seal));
      AppendHistogram(store_.get(), labels, kNowMs, wide);
      if (restart) Open();
      if (seal) {
        ASSERT_TRUE(store_->Maintain(true).ok());
      }
      AppendHistogram(store_.get(), labels, kNowMs, narrow);
      const Either expected{0, narrow};
      EXPECT_EQ(ReadEither(*store_)[labels][kNowMs], expected) << restart << seal;
    }
  }
}

TEST_F(StoreHistogram, EndsWithAStaleMarker) {
  AppendHistogram(store_.get(), Series("latency"), kNowMs, Latency(7));
  Histogram end;
  end.sum = model::kStaleNan;
  AppendHistogram(store_.get(), Series("latency"), kNowMs + 1, end);
  ExpectOnly(Series("latency"),
             {{kNowMs, {0, Latency(7)}}, {kNowMs + 1, {model::kStaleNanBits, {}}}});
}

TEST_F(StoreHistogram, IsRefusedWithAReasonWhereTheRestIsTaken) {
  Histogram broken = Latency(7);
  broken.schema = 77;
  Histogram huge = Latency(7);
  huge.positive.clear();
  for (int32_t i = 0; i < 1'025; ++i) huge.positive.push_back({i, 1});
  SampleBatch batch;
  testing::Add(store_.get(), Series("up"), kNowMs, 1, &batch);
  for (const Histogram& histogram : {broken, huge, Latency(7)}) {
    testing::AddHistogram(store_.get(), Series("latency"), kNowMs, histogram, &batch);
  }
  const AppendResult result = testing::AppendAndWait(store_.get(), std::move(batch));
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.stored, 2U);
  EXPECT_EQ(result.histograms_refused, 2U);
  EXPECT_NE(result.histogram_refusal.find("schema 77"), std::string::npos);
  EXPECT_EQ(store_->GetStats().histograms_invalid_total, 1U);
  EXPECT_EQ(store_->GetStats().histograms_over_limit_total, 1U);
}

TEST_F(StoreHistogram, RunsOutOfBucketsOfOneColumn) {
  Histogram histogram;
  uint64_t refused = 0;
  for (int32_t i = 0; i < 20 && refused == 0; ++i) {
    histogram.positive.clear();
    for (int32_t j = 0; j < 1'000; ++j) histogram.positive.push_back({i * 1'000 + j, 1});
    refused =
        AppendHistogram(store_.get(), Series("broken"), kNowMs + i, histogram).histograms_refused;
  }
  EXPECT_EQ(refused, 1U);
  EXPECT_EQ(AppendHistogram(store_.get(), Series("fine"), kNowMs, histogram).histograms_stored, 1U);
  Open();
  EXPECT_EQ(ReadEither(*store_)[Series("broken")].size(), 16U);
}

// Bits that mean something inside the store mean nothing when a sender has them.
TEST_F(StoreHistogram, IsNeverMadeBySendersBits) {
  AppendOne(store_.get(), Series("odd"), kNowMs, model::kHistogramMark);
  const model::Layout layout = testing::MakeLayout({"native"});
  ASSERT_TRUE(store_->DeclareLayout(layout).ok());
  const auto declared = store_->DeclareTarget({{"job", "node"}}, layout.Hash());
  testing::TestAgent agent(1);
  agent.AddRow(*declared, 1, kNowMs, {model::kHistogramMark});
  testing::AppendAndWait(store_.get(), agent.TakeBatch());
  EXPECT_EQ(store_->GetStats().samples_nan_replaced_total, 2U);
  Open();
  const auto read = ReadEither(*store_);
  ASSERT_EQ(read.size(), 2U);
  for (const auto& [labels, samples] : read) {
    ASSERT_EQ(samples.size(), 1U);
    EXPECT_FALSE(samples.begin()->second.histogram);
    EXPECT_EQ(samples.begin()->second.bits, model::kNormalNanBits);
  }
  Histogram histogram = Latency(7);
  histogram.sum = model::kNoSample;
  AppendHistogram(store_.get(), Series("latency"), kNowMs, histogram);
  histogram.sum = model::kNormalNan;
  const Either expected{0, histogram};
  EXPECT_EQ(ReadEither(*store_)[Series("latency")][kNowMs], expected);
}

// An agent may declare a label that is no UTF-8: it is a label like any other, never a component.
TEST_F(StoreHistogram, HasNoComponentThatALabelNames) {
  model::Layout layout = testing::MakeLayout({"latency"});
  layout.columns.push_back({Labels{{"__name__", "latency"}, {"\xff", "sum"}}, {}});
  ASSERT_TRUE(store_->DeclareLayout(layout).ok());
  const auto declared = store_->DeclareTarget({{"job", "app"}, {"instance", "a"}}, layout.Hash());
  testing::TestAgent agent(1);
  agent.AddRow(*declared, 2, kNowMs, {1, 2});
  testing::AppendAndWait(store_.get(), agent.TakeBatch());
  AppendHistogram(store_.get(), Series("latency"), kNowMs + 1, Latency(7));
  const auto read = ReadEither(*store_);
  EXPECT_EQ(read.size(), 2U);
  const Either expected{0, Latency(7)};
  EXPECT_EQ(read.at(Series("latency")).at(kNowMs + 1), expected);
}

// Two cuts of one label set: the newer mark's own components count.
TEST_F(StoreHistogram, IsJoinedFromBothHalvesOfTwins) {
  const model::Layout layout = testing::MakeLayout({"latency"});
  ASSERT_TRUE(store_->DeclareLayout(layout).ok());
  const auto declared =
      store_->DeclareTarget({{"instance", "a"}, {"job", "app"}, {"path", "/"}}, layout.Hash());
  ASSERT_TRUE(declared.ok());
  testing::TestAgent agent(1);
  agent.AddRow(*declared, 1, kNowMs, {1});
  testing::AppendAndWait(store_.get(), agent.TakeBatch());
  Labels labels = Series("latency");
  labels.Set("path", "/");
  const auto own = store_->DeclareSeries(labels);
  ASSERT_TRUE(own.ok());
  ASSERT_NE(own->target, declared->target);
  SampleBatch batch;
  batch.histograms.push_back({*own, kNowMs + 1, Latency(7)});
  testing::AppendAndWait(store_.get(), std::move(batch));
  ExpectOnly(labels, {{kNowMs, {testing::Bits(1), {}}}, {kNowMs + 1, {0, Latency(7)}}});
}

}  // namespace
}  // namespace baro::tsdb
