// Reach: which samples the value of a step may depend on, and whether it depends on nothing else.
// What the result cache knows of an expression.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "baro/promql/ast.h"

namespace baro::promql {

struct Reach {
  // Why a step's value may depend on more than its samples, for people; empty: it does not.
  std::string_view unprovable;
  bool reads = false;  // there is a selector
  // Samples at times (step + first_ms, step + last_ms] count.
  int64_t first_ms = 0;
  int64_t last_ms = 0;
  // And those in (fixed_first_ms, fixed_last_ms], for selectors with @; the first is greater than
  // the last when there are none.
  int64_t fixed_first_ms = INT64_MAX;
  int64_t fixed_last_ms = INT64_MIN;
  // Some node adds up or chooses among rows whose order depends on which series have samples
  // anywhere in the range. A step has the same value in two ranges only when that is the same.
  bool order_matters = false;

  bool provable() const { return unprovable.empty(); }
};

// Of a prepared tree. Holds for every range with the step that the tree was prepared for.
Reach ReachOf(const Expr& expr, int64_t lookback_ms);

}  // namespace baro::promql
