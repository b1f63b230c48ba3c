// Hostile depth is refused, and the deepest query that is let through fits a query thread's stack.
// Method: shapes that nest in every way the grammar has, each parsed, typed, printed, evaluated and
// destroyed on a thread whose stack has a known size.

#include <pthread.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "baro/promql/engine.h"
#include "baro/promql/parse.h"
#include "depth_limit.h"
#include "gtest/gtest.h"

namespace baro::promql {
namespace {

std::string Repeat(std::string_view text, size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

// A way to nest: `open` n times, `core`, `close` n times.
struct Shape {
  std::string Nest(size_t levels) const {
    return base::StrCat(prefix, Repeat(open, levels), core, Repeat(close, levels), suffix);
  }

  const char* name;
  const char* open;
  const char* core;
  const char* close;
  const char* prefix = "";
  const char* suffix = "";
};

constexpr Shape kShapes[] = {
    {"parentheses", "(", "up", ")"},
    {"signs", "-", "up", ""},
    {"signs of both kinds", "-+", "up", ""},
    {"powers of numbers", "1^", "1", ""},
    {"powers of vectors", "up^on(job)", "up", ""},
    {"every strength", "up or up and up > up + up * up ^ (", "up", ")"},
    {"sums to the left", "", "up", "+up"},
    {"or chain", "", "up", " or up"},
    {"unless chain", "", "up", " unless up"},
    {"scalar chain", "", "1", "+1"},
    {"scalar to the right", "1+(", "up", ")"},
    {"aggregations", "sum by (job) (", "up", ")"},
    {"averages", "avg(", "up", ")"},
    {"selections", "topk(1,", "up", ")"},
    {"limits", "limitk(1,", "up", ")"},
    {"value counts", "count_values(\"v\",", "up", ")"},
    {"parameters", "topk(scalar(", "up", "),up)"},
    {"calls", "abs(", "up", ")"},
    {"histogram calls", "histogram_quantile(0.9,", "up", ")"},
    {"label calls", "label_replace(", "up", ",\"a\",\"b\",\"job\",\"c\")"},
    {"sorts", "sort(", "up", ")"},
    {"absences", "absent(", "up", ")"},
    {"infos", "info(", "up", ")"},
    {"scalars", "vector(scalar(", "up", "))"},
    {"dates", "hour(", "up", ")"},
    {"windows", "max_over_time(", "up", "[1m:1m])"},
    {"pinned windows", "max_over_time(", "up", "[1m:1m] @ 60)"},
    {"absent windows", "absent_over_time(", "up", "[1m:1m])"},
    {"quantile windows", "quantile_over_time(0.5,", "up", "[1m:1m])"},
    {"duration powers", "1^", "1m", "", "up[", "]"},
    {"duration sums", "1m+", "1m", "", "sum_over_time(up[", "])"},
    {"duration parentheses", "(", "1m", ")", "sum_over_time(up[", "])"},
    {"duration signs", "-", "1m", "", "up offset (", ")"},
    {"duration signs of calls", "-", "step()", "", "up offset (", ")"},
    {"duration minima", "min(1m,", "1m", ")", "sum_over_time(up[", ":1m])"},
    {"duration maxima of steps", "max(", "1m", ",1m)", "sum_over_time(up[1h:", "])"},
    {"offset powers", "1^", "1", "", "up offset (", ")"},
};

// The same stacks hold fewer of a sanitizer's frames.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
constexpr size_t kStacksBytes[] = {1 << 20, 2 << 20, 8 << 20};
#else
constexpr size_t kStacksBytes[] = {256 << 10, 1 << 20, 2 << 20, 8 << 20};
#endif

void RunOnStack(size_t stack_bytes, std::function<void()> work) {
  // base::TaskGroup has no stack sizes: programs run with the system's.
  pthread_attr_t attributes;
  BARO_CHECK(pthread_attr_init(&attributes) == 0);
  BARO_CHECK(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  BARO_CHECK(pthread_create(&thread, &attributes, run, &work) == 0);
  BARO_CHECK(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
}

size_t DeepestAccepted(const Shape& shape) {
  size_t accepted = 1;
  size_t refused = kDepthMax + 2;
  while (refused - accepted > 1) {
    const size_t levels = (accepted + refused) / 2;
    (ParseExpression(shape.Nest(levels)).ok() ? accepted : refused) = levels;
  }
  return accepted;
}

TEST(Depth, IsRefusedHoweverItIsWritten) {
  for (const Shape& shape : kShapes) {
    const size_t level_bytes =
        std::string_view(shape.open).size() + std::string_view(shape.close).size();
    const std::string query =
        shape.Nest(std::min<size_t>(200'000, (kQueryBytesMax - 100) / level_bytes));
    RunOnStack(kStacksBytes[0], [&] {
      const absl::Status status = ParseExpression(query).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << shape.name;
      EXPECT_NE(status.message().find("is nested deeper than "), status.message().npos)
          << shape.name << ": " << status;
    });
  }
}

TEST(Depth, OfSubqueriesAndModifiersIsRefusedOrAMistakeOfItsOwn) {
  for (const char* link : {"[1m:1m]", "[1m]", " offset 1m", " offset -(1m)", " @ 1", " @ start()",
                           "[1m:1m] offset 1m"}) {
    RunOnStack(kStacksBytes[0], [&] {
      const std::string query = base::StrCat("up", Repeat(link, 50'000));
      EXPECT_EQ(ParseExpression(query).status().code(), absl::StatusCode::kInvalidArgument) << link;
    });
  }
}

TEST(Depth, ThatIsLetThroughFitsTheStack) {
  model::MemorySource source;
  source.Append({{"__name__", "up"}, {"job", "b"}}, {60'000, 1.0});
  const Engine engine{EngineOptions{}};
  for (const size_t stack_bytes : kStacksBytes) {
    for (const Shape& shape : kShapes) {
      RunOnStack(stack_bytes, [&] {
        const std::string query = shape.Nest(DeepestAccepted(shape));
        const auto expr = ParseExpression(query);
        ASSERT_TRUE(expr.ok()) << shape.name << ": " << expr.status();
        EXPECT_TRUE(ParseExpression(Print(**expr)).ok()) << shape.name;
        EXPECT_FALSE(PrintPretty(**expr).empty());
        (void)engine.Range(source, query, 0, 120'000, 60'000, {});
        (void)engine.Instant(source, query, 60'000, {});
      });
    }
  }
}

TEST(Depth, IsLimitedByTheStackThatIsLeft) {
  int small = 0;
  RunOnStack(kStacksBytes[0], [&] { small = DepthLimit(); });
  EXPECT_GE(small, 30);
  EXPECT_LT(small, 200);
  int huge = 0;
  RunOnStack(64 << 20, [&] { huge = DepthLimit(); });
  EXPECT_EQ(huge, kDepthMax);
}

TEST(Depth, OfRealQueriesIsNoProblem) {
  RunOnStack(8 << 20, [&] {
    for (const Shape& shape : kShapes)
      EXPECT_TRUE(ParseExpression(shape.Nest(60)).ok()) << shape.name;
    EXPECT_TRUE(ParseExpression("up" + Repeat(" or up", 400)).ok());
    // Breadth is not depth.
    EXPECT_TRUE(ParseExpression("up{a=~\"" + Repeat("x|", 10'000) + "\"}").ok());
    EXPECT_TRUE(ParseExpression("up{" + Repeat("a!=\"b\",", 10'000) + "}").ok());
  });
}

}  // namespace
}  // namespace baro::promql
