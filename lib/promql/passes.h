// The passes between parsing and evaluation. Each changes the tree in place.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "baro/promql/ast.h"

namespace baro::promql {

// Times beyond are cut: with any offset and range they still fit.
inline constexpr int64_t kTimeMsLimit = int64_t{1} << 61;

// The times a query asks for; one step when start_ms == end_ms.
struct QueryTimes {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;  // 0 for an instant query
};

// 1 durations: computed durations become milliseconds, @ start() and @ end() times;
// 2 folding: arithmetic of numbers becomes a number;
// 3 invariants: what no step changes is marked, to be evaluated once;
// 4 histograms: selectors of which only counts and sums are asked are marked.
// Errors: InvalidArgument (a duration that is not positive, or out of range).
absl::Status Prepare(const QueryTimes& times, ExprPtr* expr);

// + - * / % ^ atan2, and comparisons as 1 or 0.
double ComputeScalars(BinaryOp op, double lhs, double rhs);

}  // namespace baro::promql
