// What a step depends on, read off the tree.
// Method: expressions with each shift and range, and those that no cache may keep.
#include "reach.h"

#include "baro/promql/parse.h"
#include "gtest/gtest.h"
#include "passes.h"

namespace baro::promql {
namespace {

constexpr int64_t kLookbackMs = 300'000;

Reach Of(std::string_view text) {
  auto expr = ParseExpression(text);
  EXPECT_TRUE(expr.ok()) << expr.status();
  EXPECT_TRUE(Prepare({1'000'000, 2'000'000, 15'000}, &*expr).ok());
  return ReachOf(**expr, kLookbackMs);
}

void ExpectReach(std::string_view text, int64_t first_ms, int64_t last_ms) {
  SCOPED_TRACE(text);
  const Reach reach = Of(text);
  EXPECT_TRUE(reach.provable()) << reach.unprovable;
  EXPECT_TRUE(reach.reads);
  EXPECT_EQ(reach.first_ms, first_ms);
  EXPECT_EQ(reach.last_ms, last_ms);
}

TEST(Reach, IsTheLookbackOrTheRangeMovedByTheOffset) {
  ExpectReach("up", -kLookbackMs, 0);
  ExpectReach("rate(x[10m])", -600'000, 0);
  ExpectReach("rate(x[10m] offset 1m)", -660'000, 0);
  ExpectReach("x offset -30s", -270'000, 30'000);
  ExpectReach("x / y offset 1h", -3'900'000, 0);
  ExpectReach("rate(x[5m + step()] offset -1m) > 0 or sum(x)", -kLookbackMs, 60'000);
}

TEST(Reach, AddsUpThroughSubqueries) {
  ExpectReach("max_over_time(rate(x[1m])[10m:30s])", -660'000, 0);
  ExpectReach("max_over_time(x[10m:30s] offset -1m)", -840'000, 60'000);
}

TEST(Reach, KeepsFixedTimesApart) {
  const Reach reach = Of("x @ 500 + y");
  EXPECT_TRUE(reach.provable());
  EXPECT_EQ(reach.fixed_first_ms, 200'000);
  EXPECT_EQ(reach.fixed_last_ms, 500'000);
  EXPECT_EQ(reach.last_ms, 0);
  const Reach inside = Of("sum_over_time(x[1m:10s] @ 500 offset 10s)");
  EXPECT_EQ(inside.fixed_first_ms, 500'000 - 10'000 - 60'000 - kLookbackMs);
  EXPECT_EQ(inside.fixed_last_ms, 490'000);
}

TEST(Reach, RefusesWhatDependsOnTheRange) {
  for (const std::string_view text :
       {"x @ end()", "x @ start()", "x + start()", "x + end()", "x + range()", "rate(x[range()])",
        "x offset range()", "max_over_time(x[5m:] @ end())", "info(x)", "x[5m] anchored",
        "topk(scalar(y), x)", "sum(topk(3, x))"}) {
    auto expr = ParseExpression(text);
    if (!expr.ok()) continue;  // an older grammar than the list
    EXPECT_FALSE(Of(text).provable()) << text;
  }
}

TEST(Reach, SaysWhetherTheOrderOfRowsMatters) {
  for (const std::string_view text :
       {"sum by (a) (rate(x[1m]))", "topk(3, x)", "x / on (a) y", "count(sum by (a) (x))",
        "histogram_quantile(0.9, sum by (le) (rate(x[5m])))", "sum(x > 1)", "sum(abs(x))"}) {
    EXPECT_FALSE(Of(text).order_matters) << text;
  }
  for (const std::string_view text :
       {"topk(3, sum by (a) (x))", "sum(x / on (a) y)", "avg(max by (a) (x))", "sum(x or y)"}) {
    EXPECT_TRUE(Of(text).order_matters) << text;
    EXPECT_TRUE(Of(text).provable()) << text;
  }
}

TEST(Reach, KnowsWhatReadsNothing) {
  EXPECT_FALSE(Of("time() + 1").reads);
  EXPECT_TRUE(Of("step() + scalar(x)").reads);
}

}  // namespace
}  // namespace baro::promql
