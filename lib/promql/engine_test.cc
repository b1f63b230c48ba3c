// The engine keeps its limits, sums exactly, and answers as the API of Prometheus shapes answers.
// Method: a few series in memory; what the language means is in tests/promql.

#include "baro/promql/engine.h"

#include <bit>
#include <cmath>

#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "bucket.h"
#include "float_math.h"
#include "gtest/gtest.h"

namespace baro::promql {
namespace {

model::MemorySource TwoSeries() {
  model::MemorySource source;
  for (int64_t i = 0; i < 100; ++i) {
    source.Append({{"__name__", "up"}, {"job", "b"}}, {i * 15'000, static_cast<double>(i)});
    source.Append({{"__name__", "up"}, {"job", "a"}}, {i * 15'000, 1.0});
  }
  return source;
}

TEST(Engine, AnswersAVectorAtTheQuerysTime) {
  const model::MemorySource source = TwoSeries();
  const auto result = Engine({}).Instant(source, "up", 31'000, {});
  ASSERT_TRUE(result.ok()) << result.status();
  const auto& elements = std::get<Vector>(result->value).elements;
  ASSERT_EQ(elements.size(), 2u);
  EXPECT_EQ(elements[0].samples[0].time_ms, 31'000);
  EXPECT_GT(result->stats.samples_total, 0);
}

TEST(Engine, SortsAMatrixByLabels) {
  const model::MemorySource source = TwoSeries();
  const auto result = Engine({}).Range(source, "up", 0, 60'000, 15'000, {});
  ASSERT_TRUE(result.ok()) << result.status();
  const auto& series = std::get<Matrix>(result->value).series;
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[0].labels.Get("job"), "a");
  EXPECT_EQ(series[1].samples.size(), 5u);
}

TEST(Engine, AnswersRawSamplesForARangeVector) {
  const model::MemorySource source = TwoSeries();
  const auto result = Engine({}).Instant(source, "up{job=\"b\"}[30s]", 60'000, {});
  ASSERT_TRUE(result.ok()) << result.status();
  const auto& series = std::get<Matrix>(result->value).series;
  ASSERT_EQ(series.size(), 1u);
  ASSERT_EQ(series[0].samples.size(), 2u) << "left-open: the sample 30 s ago is out";
  EXPECT_EQ(series[0].samples[0].time_ms, 45'000);
  EXPECT_EQ(Engine({}).Range(source, "up[1m]", 0, 1, 1, {}).status().message(),
            "invalid expression type \"range vector\" for range query, must be Scalar or instant "
            "Vector");
}

TEST(Engine, StopsAtItsSampleLimit) {
  const model::MemorySource source = TwoSeries();
  EngineOptions options;
  options.samples_max = 50;
  const auto result = Engine(options).Range(source, "up", 0, 1'000'000, 15'000, {});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(result.status().message(),
            "query processing would load too many samples into memory in query execution: more "
            "than 50 (--query.max-samples)");
  const auto subquery = Engine(options).Instant(source, "max_over_time(up[1y:1ms])", 60'000, {});
  EXPECT_EQ(subquery.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Engine, StopsWhenTheProcessHasNoMemoryLeft) {
  const model::MemorySource source = TwoSeries();
  base::MemoryBudget memory({uint64_t{2} << 20, [] { return uint64_t{1} << 10; }});
  EngineOptions options;
  options.memory = &memory;
  EXPECT_TRUE(Engine(options).Range(source, "up", 0, 150'000, 15'000, {}).ok());
  const auto refused = Engine(options).Range(source, "up", 0, 1'000'000'000, 15'000, {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(refused.status().message().find("--memory.limit"), absl::string_view::npos);
  EXPECT_EQ(memory.reserved_bytes(), 0) << "given back";
  EXPECT_EQ(memory.refused_total(), 1);
}

TEST(Engine, HoldsNothingBeyondTheGroupsOfAFusedSum) {
  const model::MemorySource source = TwoSeries();
  const auto result = Engine({}).Range(source, "sum(rate(up[1m]))", 0, 150'000, 15'000, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_LE(result->stats.samples_peak, 22) << "one group of cells and the result";
}

TEST(Engine, CanBeCancelled) {
  const model::MemorySource source = TwoSeries();
  QueryOptions options;
  options.cancelled = std::make_shared<std::atomic<bool>>(true);
  EXPECT_EQ(Engine({}).Instant(source, "up", 0, options).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(Engine, StopsAtItsDeadline) {
  const model::MemorySource source = TwoSeries();
  // A clock that jumps ahead between the query's start and its first look.
  class Jumping final : public base::Clock {
   public:
    int64_t NowMs() const override { return 0; }
    int64_t MonotonicNs() const override { return now_ns_ += 10'000'000'000; }

   private:
    mutable int64_t now_ns_ = 0;
  } clock;
  EngineOptions options;
  options.timeout_ms = 1'000;
  options.clock = &clock;
  const auto result = Engine(options).Instant(source, "up", 0, {});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(result.status().message(), "query timed out in expression evaluation");
}

TEST(Engine, RefusesTooManyPointsInPrometheusWords) {
  const Engine engine({});
  EXPECT_TRUE(engine.CheckPoints(0, 11'000'000, 1'000).ok());
  EXPECT_EQ(engine.CheckPoints(0, 11'001'000, 1'000).message(),
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
            "query resolution (?step=XX)");
  EXPECT_FALSE(engine.CheckPoints(0, 1, 0).ok());
}

TEST(Engine, SaysMoreThanTenAnnotationsInOneLine) {
  model::MemorySource source;
  for (int i = 0; i < 15; ++i) {
    const model::Labels labels{{"__name__", base::StrCat("gauge", i)}, {"i", base::StrCat(i)}};
    source.Append(labels, {0, 1});
    source.Append(labels, {15'000, 1});
  }
  const auto result = Engine({}).Instant(source, "rate({__name__=~\"g.*\"}[1m])", 15'000, {});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->infos.size(), 11u);
  EXPECT_EQ(result->infos.back(), "5 more info annotations omitted");
}

TEST(Engine, SurvivesTheEndsOfTime) {
  const model::MemorySource source = TwoSeries();
  const Engine engine({});
  for (const int64_t time_ms : {model::kTimeMsMin, model::kTimeMsMax}) {
    for (const char* query : {"up offset 200y", "rate(up[200y] offset -200y)", "up @ 9e15",
                              "max_over_time(up[1h:1m] @ -9e15)", "year()", "timestamp(up)"}) {
      EXPECT_TRUE(engine.Instant(source, query, time_ms, {}).ok()) << query;
    }
  }
  EXPECT_FALSE(engine.Range(source, "up", model::kTimeMsMin, model::kTimeMsMax, 1, {}).ok());
}

TEST(KahanSum, LosesNothingThatPrometheusKeeps) {
  KahanSum sum;
  for (const double value : {1.0, 1e100, 1.0, -1e100}) sum.Add(value);
  EXPECT_EQ(sum.Total(), 2);
  KahanMean mean;
  for (const double value : {1.7e308, 1.7e308, 1.7e308}) mean.Add(value);
  EXPECT_EQ(mean.Mean(), 1.7e308) << "the plain sum would overflow";
}

TEST(GoMath, OrdersInfinitiesNanAndZeros) {
  EXPECT_EQ(GoMax(NAN, INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(GoMax(NAN, 1)));
  EXPECT_FALSE(std::signbit(GoMax(-0.0, 0.0)));
  EXPECT_TRUE(std::signbit(GoMin(-0.0, 0.0)));
  EXPECT_EQ(GoInt64(NAN), std::numeric_limits<int64_t>::min());
}

TEST(BucketQuantile, RepairsCountsThatFall) {
  std::vector<Bucket> buckets{{1, 10}, {2, 8}, {INFINITY, 20}};
  const BucketResult result = BucketQuantile(0.25, &buckets);
  EXPECT_TRUE(result.repaired);
  EXPECT_EQ(result.repaired_by, 2);
  EXPECT_EQ(result.value, 0.5);
  std::vector<Bucket> rounding{{1, 10}, {2, 10 - 1e-12}, {INFINITY, 20}};
  EXPECT_FALSE(BucketQuantile(0.25, &rounding).repaired) << "a rounding error is no fault";
}

}  // namespace
}  // namespace baro::promql
