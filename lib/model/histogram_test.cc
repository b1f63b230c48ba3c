// A histogram is taken when it makes sense, and two are the same when their filled buckets are.

#include "baro/model/histogram.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <limits>

#include "baro/model/random_histogram.h"

namespace baro::model {
namespace {

uint64_t Seed() {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

Histogram Exponential() {
  Histogram histogram;
  histogram.schema = 3;
  histogram.count = 7;
  histogram.sum = 12.5;
  histogram.zero_threshold = 0.001;
  histogram.zero_count = 1;
  histogram.positive = {{-2, 1}, {5, 3}};
  histogram.negative = {{0, 2}};
  return histogram;
}

Histogram Custom() {
  Histogram histogram;
  histogram.schema = kCustomBoundsSchema;
  histogram.count = 4;
  histogram.custom_bounds = {0.1, 1};
  histogram.positive = {{0, 1}, {2, 3}};
  return histogram;
}

TEST(Histogram, OfRandomKindsMakesSense) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(testing::Message() << "BARO_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    Histogram histogram = RandomHistogram(&random);
    EXPECT_TRUE(CheckHistogram(histogram).ok()) << CheckHistogram(histogram);
    GrowHistogram(&random, &histogram);
    EXPECT_TRUE(CheckHistogram(histogram).ok()) << CheckHistogram(histogram);
  }
}

TEST(Histogram, IsRefusedWhenItMakesNoSense) {
  const auto expect_wrong = [](Histogram histogram, const std::function<void(Histogram*)>& spoil) {
    ASSERT_TRUE(CheckHistogram(histogram).ok());
    spoil(&histogram);
    EXPECT_EQ(CheckHistogram(histogram).code(), absl::StatusCode::kInvalidArgument);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_wrong(Exponential(), [](Histogram* h) { h->schema = 9; });
  expect_wrong(Exponential(), [](Histogram* h) { h->schema = -5; });
  expect_wrong(Exponential(), [](Histogram* h) { h->count = -1; });
  expect_wrong(Exponential(), [](Histogram* h) { h->zero_count = -1; });
  expect_wrong(Exponential(), [&](Histogram* h) { h->zero_threshold = nan; });
  expect_wrong(Exponential(), [](Histogram* h) { h->positive = {{5, 1}, {5, 1}}; });
  expect_wrong(Exponential(), [](Histogram* h) { h->negative = {{5, 1}, {4, 1}}; });
  expect_wrong(Exponential(), [](Histogram* h) { h->positive = {{5, -1}}; });
  expect_wrong(Exponential(), [](Histogram* h) { h->custom_bounds = {1}; });
  expect_wrong(Custom(), [](Histogram* h) { h->custom_bounds = {1, 1}; });
  expect_wrong(Custom(), [&](Histogram* h) { h->custom_bounds = {1, nan}; });
  expect_wrong(Custom(), [](Histogram* h) { h->positive = {{3, 1}}; });
  expect_wrong(Custom(), [](Histogram* h) { h->positive = {{-1, 1}}; });
  expect_wrong(Custom(), [](Histogram* h) { h->negative = {{0, 1}}; });
  expect_wrong(Custom(), [](Histogram* h) { h->zero_count = 1; });
}

TEST(Histogram, IsTheSameWhateverEmptyBucketsAreTold) {
  Histogram told = Exponential();
  told.positive = {{-3, 0}, {-2, 1}, {4, 0}, {5, 3}, {6, 0}};
  EXPECT_TRUE(SameHistogram(told, Exponential()));
  EXPECT_TRUE(SameHistogram(Exponential(), told));
  told.positive[1].count = 2;
  EXPECT_FALSE(SameHistogram(told, Exponential()));
}

TEST(Histogram, HasThePublishedBounds) {
  Histogram histogram;
  const auto bound = [&histogram](int32_t schema, int64_t index) {
    histogram.schema = schema;
    return UpperBound(histogram, index);
  };
  EXPECT_EQ(bound(0, 0), 1);
  EXPECT_EQ(bound(0, -3), 0.125);
  EXPECT_EQ(bound(-4, 1), 65'536);
  EXPECT_EQ(bound(-4, -1), 1.0 / 65'536);
  EXPECT_EQ(bound(1, -1), 0.7071067811865475);
  EXPECT_EQ(bound(2, -3), 0.5946035575013605);
  EXPECT_EQ(bound(2, 1), 2 * 0.5946035575013605);
  EXPECT_EQ(bound(3, -3), 0.7711054127039704);
  EXPECT_EQ(bound(5, -1), 0.9785720620876999);
  EXPECT_EQ(bound(8, -255), 0.5013556375251013);
  EXPECT_EQ(bound(8, -40), 0.8973545375015533);
  EXPECT_EQ(bound(8, -1), 0.9972960560854698);
  EXPECT_EQ(bound(8, 1'024 * 256), std::numeric_limits<double>::max());
  EXPECT_EQ(bound(8, 1'024 * 256 + 1), std::numeric_limits<double>::infinity());
  EXPECT_EQ(bound(8, std::numeric_limits<int32_t>::min()), 0);
  EXPECT_EQ(bound(-4, std::numeric_limits<int32_t>::max()),
            std::numeric_limits<double>::infinity());
  const Histogram custom = Custom();
  EXPECT_EQ(UpperBound(custom, -1), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(UpperBound(custom, 1), 1);
  EXPECT_EQ(UpperBound(custom, 2), std::numeric_limits<double>::infinity());
}

TEST(Histogram, HasItsBucketsFromTheLowestToTheHighest) {
  Histogram histogram = Exponential();
  histogram.schema = 0;
  const auto ranges = BucketRanges(histogram);
  ASSERT_EQ(ranges.size(), 4U);
  EXPECT_EQ(ranges[0].lower, -1);
  EXPECT_EQ(ranges[0].upper, -0.5);
  EXPECT_TRUE(ranges[0].lower_inclusive && !ranges[0].upper_inclusive);
  EXPECT_EQ(ranges[1].upper, 0.001);
  EXPECT_EQ(ranges[2].upper, 0.25);
  EXPECT_TRUE(!ranges[2].lower_inclusive && ranges[2].upper_inclusive);
  EXPECT_EQ(ranges[3].count, 3);
  EXPECT_TRUE(BucketRanges(Custom())[0].lower_inclusive);
}

TEST(Histogram, IsToldFromAnotherByEveryBit) {
  const auto expect_other = [](Histogram histogram, const std::function<void(Histogram*)>& change) {
    const Histogram before = histogram;
    change(&histogram);
    EXPECT_FALSE(SameHistogram(before, histogram));
  };
  expect_other(Exponential(), [](Histogram* h) { h->schema = 2; });
  expect_other(Exponential(), [](Histogram* h) { h->reset_hint = ResetHint::kGauge; });
  expect_other(Exponential(), [](Histogram* h) { h->float_counts = true; });
  expect_other(Exponential(), [](Histogram* h) { h->sum = std::nextafter(h->sum, 13); });
  expect_other(Exponential(), [](Histogram* h) { h->zero_threshold = 0.002; });
  expect_other(Exponential(), [](Histogram* h) { h->positive.push_back({9, 1}); });
  expect_other(Custom(), [](Histogram* h) { h->custom_bounds[0] = 0.2; });
}

}  // namespace
}  // namespace baro::model
