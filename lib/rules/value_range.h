// ValueRange: what values an expression can have at all, from its form alone.
#pragma once

#include <limits>

#include "baro/promql/ast.h"

namespace baro::rules {

// Both ends are part of it. NaN is in no range; a comparison with it is false anyway.
struct ValueRange {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// Never narrower than the truth; what is not known is everything.
ValueRange RangeOf(const promql::Expr& expr);

// Whether no value of `left` compares so with any of `right`.
bool NeverTrue(promql::BinaryOp op, const ValueRange& left, const ValueRange& right);

}  // namespace baro::rules
