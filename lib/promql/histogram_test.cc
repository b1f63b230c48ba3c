// Queries over native histograms: what Prometheus answers to the same.

#include <gtest/gtest.h>

#include <cmath>

#include "baro/model/memory_source.h"
#include "baro/promql/engine.h"
#include "histogram_math.h"
#include "histogram_quantile.h"

namespace baro::promql {
namespace {

using model::Histogram;
using model::Labels;

constexpr int64_t kNowMs = 1'000'000;

Histogram Make(int32_t schema, std::vector<Histogram::Bucket> positive, double zero = 0) {
  Histogram histogram;
  histogram.schema = schema;
  histogram.positive = std::move(positive);
  histogram.zero_count = zero;
  histogram.zero_threshold = 0.001;
  histogram.count = zero;
  for (const auto& bucket : histogram.positive) histogram.count += bucket.count;
  histogram.sum = histogram.count;
  return histogram;
}

class NativeHistograms : public ::testing::Test {
 protected:
  NativeHistograms() {
    // A counter per instance that grows by one histogram each 15 s, and begins anew once.
    for (int i = 0; i <= 20; ++i) {
      const int64_t time_ms = kNowMs - (20 - i) * 15'000;
      const double n = i < 15 ? i + 1 : i - 14;
      source_.Append(Series("a"), time_ms, Make(1, {{0, n}, {2, 2 * n}}, n));
      source_.Append(Series("b"), time_ms, Make(0, {{1, 4.0 * (i + 1)}}));
      source_.Append({{"__name__", "up"}, {"job", "x"}}, {time_ms, 1});
    }
    source_.Append(Series("stale"), kNowMs - 15'000, Make(1, {{0, 1}}));
    source_.Append(Series("stale"), {kNowMs, model::kStaleNan});
    source_.Append(Series("float"), {kNowMs, 7});
  }
  static Labels Series(const std::string& instance) {
    return {{"__name__", "latency"}, {"instance", instance}, {"job", "x"}};
  }
  QueryResult Instant(const std::string& query) {
    const auto result = engine_.Instant(source_, query, kNowMs, {});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : QueryResult{};
  }
  std::vector<ResultSeries> Elements(const std::string& query) {
    return std::get<Vector>(Instant(query).value).elements;
  }
  // The value of a query with one element.
  double Value(const std::string& query) {
    const auto elements = Elements(query);
    EXPECT_EQ(elements.size(), 1U) << query;
    return elements.empty() || elements[0].samples.empty() ? NAN : elements[0].samples[0].value;
  }

  model::MemorySource source_;
  Engine engine_{EngineOptions{}};
};

TEST_F(NativeHistograms, AreWhatAPlainSelectorFinds) {
  const QueryResult result = Instant("latency");
  const auto& elements = std::get<Vector>(result.value).elements;
  ASSERT_EQ(elements.size(), 3U);  // the float among them, the stale one not
  size_t histograms = 0;
  for (const ResultSeries& element : elements) {
    EXPECT_EQ(element.samples.size() + element.histograms.size(), 1U);
    histograms += element.histograms.size();
  }
  EXPECT_EQ(histograms, 2U);
  EXPECT_TRUE(result.infos.empty());
  const auto range =
      engine_.Range(source_, "latency{instance=\"a\"}", kNowMs - 30'000, kNowMs, 15'000, {});
  ASSERT_TRUE(range.ok());
  const auto& series = std::get<Matrix>(range->value).series;
  ASSERT_EQ(series.size(), 1U);
  ASSERT_EQ(series[0].histograms.size(), 3U);
  EXPECT_EQ(series[0].histograms[2].histogram.count, 24);
  const auto raw = std::get<Matrix>(Instant("latency{instance=~\"a|float\"}[31s]").value).series;
  ASSERT_EQ(raw.size(), 2U);
  EXPECT_EQ(raw[0].histograms.size(), 3U);
  EXPECT_EQ(raw[1].samples.size(), 1U);
}

TEST_F(NativeHistograms, AreLeftOutWhereNothingIsMadeOfThem) {
  const QueryResult result = Instant("abs(latency)");
  EXPECT_EQ(std::get<Vector>(result.value).elements.size(), 1U);
  EXPECT_TRUE(result.infos.empty());
  const QueryResult greatest = Instant("max(latency)");
  EXPECT_EQ(std::get<Vector>(greatest.value).elements.size(), 1U);
  EXPECT_EQ(greatest.infos,
            std::vector<std::string>{"PromQL info: ignored histogram in max aggregation (1:5)"});
}

TEST_F(NativeHistograms, AreThereForWhoAsksNoMore) {
  EXPECT_TRUE(Elements("absent(latency{instance=\"a\"})").empty());
  EXPECT_EQ(Elements("absent(latency{instance=\"stale\"})").size(), 1U);
  EXPECT_TRUE(Elements("absent_over_time(latency{instance=\"a\"}[1m])").empty());
  EXPECT_EQ(Value("count(latency)"), 3);
  EXPECT_EQ(Value("count(rate(latency[1m]))"), 2);
  EXPECT_EQ(Value("count_over_time(latency{instance=\"a\"}[1m])"), 4);
  EXPECT_EQ(Value("present_over_time(latency{instance=\"a\"}[1m])"), 1);
  EXPECT_EQ(Value("timestamp(latency{instance=\"a\"})"), 1'000);
  EXPECT_TRUE(Instant("count(latency)").infos.empty());
}

TEST_F(NativeHistograms, HaveCountSumAndAverage) {
  EXPECT_EQ(Value("histogram_count(latency{instance=\"b\"})"), 84);
  EXPECT_EQ(Value("histogram_sum(latency{instance=\"b\"})"), 84);
  EXPECT_EQ(Value("histogram_avg(latency{instance=\"b\"})"), 1);
  EXPECT_EQ(Value("histogram_count(sum by (job) (latency{instance=~\"a|b\"}))"), 108);
  EXPECT_EQ(Value("histogram_count(latency{instance=\"b\"} * 2)"), 168);
  EXPECT_EQ(Value("histogram_count(2 * latency{instance=\"b\"} / 4)"), 42);
  EXPECT_EQ(Value("histogram_sum(avg(latency{instance=~\"a|b\"}))"), 54);
}

TEST_F(NativeHistograms, HaveRatesOverResets) {
  // 20 gaps, of which one is a reset from 60 to 4 observations: 56 before, 4 and 20 after.
  EXPECT_NEAR(Value("histogram_count(increase(latency{instance=\"a\"}[301s]))"), 80 * 301.0 / 300,
              1e-9);
  EXPECT_NEAR(Value("histogram_count(rate(latency{instance=\"b\"}[2m]))"), 4 / 15.0, 1e-9);
  EXPECT_EQ(Elements("rate(latency{instance=\"float\"}[5m])").size(), 0U);
}

TEST_F(NativeHistograms, MixedWithFloatsInARangeAreRefusedWithAWarning) {
  source_.Append(Series("mixed"), {kNowMs - 15'000, 1});
  source_.Append(Series("mixed"), kNowMs, Make(1, {{0, 1}}));
  const QueryResult result = Instant("rate(latency{instance=\"mixed\"}[5m])");
  EXPECT_TRUE(std::get<Vector>(result.value).elements.empty());
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_EQ(result.warnings[0],
            "PromQL warning: encountered a mix of histograms and floats for metric name "
            "\"latency\" (1:6)");
}

TEST_F(NativeHistograms, HaveQuantilesAndFractions) {
  EXPECT_EQ(Value("histogram_quantile(0.5, latency{instance=\"b\"})"), std::sqrt(2.0));
  EXPECT_EQ(Value("histogram_quantile(1, latency{instance=\"b\"})"), 2);
  EXPECT_EQ(Value("histogram_quantile(0.125, latency{instance=\"a\"})"), 0.0005);
  EXPECT_NEAR(Value("histogram_fraction(1, 1.4142135623730951, latency{instance=\"b\"})"), 0.5,
              1e-12);
  EXPECT_EQ(Value("histogram_fraction(0, +Inf, latency{instance=\"a\"})"), 1);
  EXPECT_EQ(Value("histogram_quantile(2, latency{instance=\"b\"})"), INFINITY);
}

TEST(HistogramMath, AddsAtTheCoarserSchema) {
  Histogram sum = Make(2, {{1, 1}, {2, 1}, {5, 1}});
  ASSERT_TRUE(AddHistogram(Make(0, {{1, 10}, {3, 5}}), &sum).compatible);
  EXPECT_EQ(sum.schema, 0);
  EXPECT_EQ(sum.positive, (std::vector<Histogram::Bucket>{{1, 12}, {2, 1}, {3, 5}}));
  EXPECT_EQ(sum.count, 18);
  ASSERT_TRUE(SubtractHistogram(Make(0, {{1, 10}, {3, 5}}), &sum).compatible);
  Compact(&sum);
  EXPECT_EQ(sum.positive, (std::vector<Histogram::Bucket>{{1, 2}, {2, 1}}));
}

TEST(HistogramMath, WidensTheZeroBucketToWholeBuckets) {
  Histogram sum = Make(0, {{-3, 2}, {0, 1}, {4, 1}}, 1);
  Histogram wide = Make(0, {{4, 1}}, 5);
  wide.zero_threshold = 0.7;  // within (0.5, 1]
  ASSERT_TRUE(AddHistogram(wide, &sum).compatible);
  EXPECT_EQ(sum.zero_threshold, 1);
  EXPECT_EQ(sum.zero_count, 9);
  EXPECT_EQ(sum.positive, (std::vector<Histogram::Bucket>{{4, 2}}));
}

TEST(HistogramMath, AddsWhatDifferentCustomBoundsHaveInCommon) {
  Histogram a;
  a.schema = model::kCustomBoundsSchema;
  a.custom_bounds = {1, 2};
  a.positive = {{0, 1}, {2, 2}};
  Histogram b = a;
  ASSERT_TRUE(AddHistogram(a, &b).compatible);
  EXPECT_EQ(b.positive, (std::vector<Histogram::Bucket>{{0, 2}, {2, 4}}));
  b.custom_bounds = {1, 3};
  EXPECT_TRUE(AddHistogram(a, &b).reconciled);
  EXPECT_EQ(b.custom_bounds, (std::vector<double>{1}));
  EXPECT_EQ(b.positive, (std::vector<Histogram::Bucket>{{0, 3}, {1, 6}}));
  EXPECT_FALSE(AddHistogram(a, &(b = Make(0, {{1, 1}}))).compatible);
}

TEST(HistogramMath, SeesAResetInAnyBucket) {
  const Histogram before = Make(1, {{0, 2}, {3, 4}}, 1);
  EXPECT_FALSE(DetectReset(before, before));
  EXPECT_TRUE(DetectReset(before, Make(1, {{0, 1}, {3, 9}}, 1)));
  EXPECT_TRUE(DetectReset(before, Make(1, {{0, 9}}, 9)));
  EXPECT_TRUE(DetectReset(before, Make(2, {{0, 9}, {6, 9}}, 9)));
  EXPECT_FALSE(DetectReset(before, Make(0, {{0, 2}, {2, 4}}, 1)));
  Histogram told = before;
  told.reset_hint = model::ResetHint::kReset;
  EXPECT_TRUE(DetectReset(before, told));
}

TEST(HistogramMath, InterpolatesCustomBucketsLinearly) {
  Histogram custom;
  custom.schema = model::kCustomBoundsSchema;
  custom.custom_bounds = {1, 2, 4};
  custom.positive = {{0, 10}, {1, 10}, {2, 10}, {3, 10}};
  custom.count = 40;
  custom.sum = 100;
  EXPECT_EQ(HistogramQuantile(0.125, custom).value, 0.5);
  EXPECT_EQ(HistogramQuantile(0.375, custom).value, 1.5);
  EXPECT_EQ(HistogramQuantile(0.99, custom).value, 4);
  EXPECT_EQ(HistogramFraction(-INFINITY, 3, custom).value, 0.625);
  custom.sum = NAN;
  EXPECT_EQ(HistogramQuantile(0.625, custom).value, 3);
}

}  // namespace
}  // namespace baro::promql
