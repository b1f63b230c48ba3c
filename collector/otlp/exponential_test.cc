// Exponential histograms keep every observation in a bucket that holds it.
// Method: cases by hand; and random observations, whose buckets at a coarse scale must be those of
// a fine one, merged.

#include "otlp/exponential.h"

#include <cmath>
#include <cstdlib>
#include <map>
#include <random>

#include "baro/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

using testing::HasSubstr;
using Bucket = model::Histogram::Bucket;

wire::OtlpExponential Point(int32_t scale, int32_t offset, const std::vector<uint64_t>& counts) {
  wire::OtlpExponential point;
  point.scale = scale;
  point.positive = {offset, counts};
  for (const uint64_t count : counts) point.count += count;
  return point;
}

std::string ErrorOf(const wire::OtlpExponential& point) {
  return std::string(NativeHistogram(point).status().message());
}

TEST(Exponential, CountsBucketsFromTheirUpperBound) {
  const std::vector<uint64_t> counts = {1, 0, 3};
  const auto histogram = NativeHistogram(Point(0, 0, counts));
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  // (1, 2] is OTLP's bucket 0 and the native bucket 1; (4, 8] is 2 and 3.
  EXPECT_EQ(histogram->positive, (std::vector<Bucket>{{1, 1}, {3, 3}}));
  EXPECT_EQ(histogram->count, 4);
  EXPECT_EQ(histogram->zero_threshold, kZeroThreshold);
}

TEST(Exponential, MergesWhatIsFinerThanTheStoreHas) {
  const std::vector<uint64_t> counts = {1, 2, 3, 4, 5};
  const auto histogram = NativeHistogram(Point(9, -3, counts));
  ASSERT_TRUE(histogram.ok());
  EXPECT_EQ(histogram->schema, 8);
  // -3 | -2 -1 | 0 1 by twos, each moved up by one.
  EXPECT_EQ(histogram->positive, (std::vector<Bucket>{{-1, 1}, {0, 5}, {1, 9}}));
  EXPECT_TRUE(NativeHistogram(Point(-4, 0, counts)).ok());
}

// Prometheus 3.6 gets this wrong where buckets are empty.
TEST(Exponential, MergesAroundEmptyBuckets) {
  const std::vector<uint64_t> counts = {0, 2, 0, 0, 4, 0, 0, 0, 0, 0, 0, 3};
  for (const int32_t offset : {-1'000, -7, -1, 0, 3, 2'000}) {
    for (const int32_t scale : {9, 10, 12, 20}) {
      std::map<int64_t, double> expected;
      for (size_t i = 0; i < counts.size(); ++i) {
        const double fine = std::ldexp(offset + static_cast<double>(i), 8 - scale);
        if (counts[i] > 0) {
          expected[static_cast<int64_t>(std::floor(fine)) + 1] += static_cast<double>(counts[i]);
        }
      }
      const auto histogram = NativeHistogram(Point(scale, offset, counts));
      ASSERT_TRUE(histogram.ok());
      std::map<int64_t, double> merged;
      for (const Bucket& bucket : histogram->positive) merged[bucket.index] = bucket.count;
      EXPECT_EQ(merged, expected) << "scale " << scale << " offset " << offset;
    }
  }
}

TEST(Exponential, RefusesWhatIsNoHistogram) {
  const std::vector<uint64_t> counts = {1, 2};
  EXPECT_THAT(ErrorOf(Point(-5, 0, counts)), HasSubstr("scale of -5 is below -4"));
  auto wrong = Point(0, 0, counts);
  wrong.count = 4;
  EXPECT_THAT(ErrorOf(wrong), HasSubstr("count is 4, its buckets hold 3"));
  wrong.sum = std::nan("");
  EXPECT_EQ(ErrorOf(wrong), "") << "observations of NaN are in no bucket";
  const std::vector<uint64_t> many(kHistogramBucketsMax + 1, 1);
  EXPECT_THAT(ErrorOf(Point(0, 0, many)), HasSubstr("buckets are more than"));
  EXPECT_THAT(ErrorOf(Point(0, INT32_MAX, counts)), HasSubstr("beyond 32 bits"));
}

TEST(Exponential, TakesBoundsAsCustomBuckets) {
  const std::vector<uint64_t> counts = {0, 2, 1};
  const std::vector<double> bounds = {1, 2.5};
  wire::OtlpHistogram point;
  point.bucket_counts = counts;
  point.bounds = bounds;
  point.count = 3;
  point.sum = 7;
  const auto histogram = CustomBucketsHistogram(point);
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  EXPECT_EQ(histogram->positive, (std::vector<Bucket>{{1, 2}, {2, 1}}));
  EXPECT_EQ(histogram->custom_bounds, bounds);
  const std::vector<double> falling = {2.5, 1};
  point.bounds = falling;
  EXPECT_FALSE(CustomBucketsHistogram(point).ok());
}

// The native bucket of a value.
int32_t IndexOf(double value, int32_t schema) {
  return static_cast<int32_t>(std::ceil(std::log2(value) * std::exp2(schema) - 1e-9));
}

model::Histogram Observe(const std::vector<double>& values, int32_t schema, double threshold) {
  std::map<int32_t, double> positive;
  model::Histogram histogram;
  histogram.schema = schema;
  histogram.zero_threshold = threshold;
  for (const double value : values) {
    if (value <= threshold) {
      ++histogram.zero_count;
    } else {
      ++positive[IndexOf(value, schema)];
    }
    ++histogram.count;
    histogram.sum += value;
  }
  for (const auto& [index, count] : positive) histogram.positive.push_back({index, count});
  return histogram;
}

TEST(Exponential, AddsHistogramsOfDifferentSchemas) {
  const char* const given = std::getenv("BARO_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : base::RandomSeed();
  SCOPED_TRACE(testing::Message() << "BARO_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> value(0, 3);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> first(random() % 50);
    std::vector<double> second(random() % 50);
    for (double& each : first) each = value(random);
    for (double& each : second) each = value(random);
    const auto schema_a = static_cast<int32_t>(random() % 9);
    const auto schema_b = static_cast<int32_t>(random() % 9);
    model::Histogram total = Observe(first, schema_a, kZeroThreshold);
    ASSERT_TRUE(AddHistogram(Observe(second, schema_b, kZeroThreshold), &total));
    std::vector<double> both = first;
    both.insert(both.end(), second.begin(), second.end());
    const model::Histogram expected = Observe(both, std::min(schema_a, schema_b), kZeroThreshold);
    EXPECT_EQ(total.schema, expected.schema);
    EXPECT_EQ(total.positive, expected.positive);
    EXPECT_EQ(total.count, expected.count);
  }
}

TEST(Exponential, WidensTheZeroBucketWhenAdding) {
  model::Histogram total = Observe({0.001, 0.3, 5}, 0, kZeroThreshold);
  ASSERT_TRUE(AddHistogram(Observe({0.001, 7}, 0, 0.25), &total));
  EXPECT_EQ(total.zero_threshold, 0.25);
  EXPECT_EQ(total.zero_count, 2);
  EXPECT_EQ(total.positive, (std::vector<Bucket>{{-1, 1}, {3, 2}}));
  double counted = total.zero_count;
  for (const Bucket& bucket : total.positive) counted += bucket.count;
  EXPECT_EQ(counted, total.count);
}

TEST(Exponential, KeepNoMoreBucketsThanTheStoreTakes) {
  const std::vector<uint64_t> many(5'000, 1);
  const auto histogram = NativeHistogram(Point(6, -2'500, many));
  ASSERT_TRUE(histogram.ok());
  EXPECT_LE(histogram->positive.size(), kStoredBucketsMax);
  EXPECT_EQ(histogram->schema, 3);
  double counted = 0;
  for (const Bucket& bucket : histogram->positive) counted += bucket.count;
  EXPECT_EQ(counted, 5'000);
}

TEST(Exponential, DoesNotAddOtherBounds) {
  model::Histogram a;
  a.schema = model::kCustomBoundsSchema;
  a.custom_bounds = {1, 2};
  model::Histogram b = a;
  b.custom_bounds = {1, 3};
  EXPECT_FALSE(AddHistogram(b, &a));
  EXPECT_FALSE(AddHistogram(model::Histogram(), &a));
  EXPECT_TRUE(AddHistogram(model::Histogram(a), &a));
}

}  // namespace
}  // namespace baro::collector
