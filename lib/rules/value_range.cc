#include "value_range.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>

#include "baro/model/labels.h"
#include "baro/promql/functions.h"

namespace baro::rules {
namespace {

using promql::As;
using promql::BinaryOp;
using promql::Expr;
using promql::FunctionId;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr ValueRange kAnything = {};
constexpr ValueRange kNotNegative = {0, kInfinity};

ValueRange Union(const ValueRange& a, const ValueRange& b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

// Of the four corners; a corner that is NaN (0 * infinity) may be anything.
ValueRange Hull(std::initializer_list<double> corners) {
  ValueRange hull{kInfinity, -kInfinity};
  for (const double corner : corners) {
    if (std::isnan(corner)) return kAnything;
    hull = Union(hull, {corner, corner});
  }
  return hull;
}

ValueRange Times(const ValueRange& a, const ValueRange& b) {
  if (a.low >= 0 && b.low >= 0 && (a.low == 0 || b.low == 0)) {
    const double high = a.high * b.high;
    return {0, std::isnan(high) ? kInfinity : high};
  }
  return Hull({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
}

ValueRange Over(const ValueRange& a, const ValueRange& b) {
  if (b.low > 0) return Hull({a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high});
  return a.low >= 0 && b.low >= 0 ? kNotNegative : kAnything;
}

ValueRange Arithmetic(BinaryOp op, const ValueRange& a, const ValueRange& b) {
  switch (op) {
    case BinaryOp::kAdd:
      return {a.low + b.low, a.high + b.high};
    case BinaryOp::kSub:
      return {a.low - b.high, a.high - b.low};
    case BinaryOp::kMul:
      return Times(a, b);
    case BinaryOp::kDiv:
      return Over(a, b);
    default:
      return kAnything;
  }
}

// What a filter leaves of its left side.
ValueRange Filtered(BinaryOp op, const ValueRange& left, const ValueRange& right) {
  switch (op) {
    case BinaryOp::kLess:
    case BinaryOp::kLessEqual:
      return {left.low, std::min(left.high, right.high)};
    case BinaryOp::kGreater:
    case BinaryOp::kGreaterEqual:
      return {std::max(left.low, right.low), left.high};
    case BinaryOp::kEqual:
      return {std::max(left.low, right.low), std::min(left.high, right.high)};
    default:
      return left;
  }
}

ValueRange OfBinary(const promql::BinaryExpr& binary) {
  const ValueRange left = RangeOf(*binary.lhs);
  const ValueRange right = RangeOf(*binary.rhs);
  if (promql::IsComparison(binary.op)) {
    if (binary.return_bool) return {0, 1};
    // With the scalar on the left it is the vector's values that stay.
    const bool flipped = binary.lhs->type == promql::ValueType::kScalar;
    return flipped ? right : Filtered(binary.op, left, right);
  }
  if (binary.op == BinaryOp::kOr) return Union(left, right);
  if (binary.op == BinaryOp::kAnd || binary.op == BinaryOp::kUnless) return left;
  if (binary.matching && (binary.matching->fill_left || binary.matching->fill_right)) {
    return kAnything;
  }
  return Arithmetic(binary.op, left, right);
}

// By the conventions that exporters keep: a name is believed only where nobody breaks them.
ValueRange OfSelector(const promql::VectorSelector& selector) {
  std::string_view name;
  for (const model::Matcher& matcher : selector.matchers) {
    if (matcher.name() == model::kMetricName && matcher.type() == model::MatchType::kEqual) {
      name = matcher.value();
    }
  }
  if (name == "up") return {0, 1};
  if (name == "ALERTS") return {1, 1};
  for (const char* suffix : {"_total", "_count", "_bucket"}) {
    if (name.ends_with(suffix)) return kNotNegative;
  }
  return kAnything;
}

// A sum of so many that nobody knows.
ValueRange SumOf(const ValueRange& range) {
  return {range.low >= 0 ? range.low : -kInfinity, range.high <= 0 ? range.high : kInfinity};
}

ValueRange OfAggregate(const promql::AggregateExpr& aggregate) {
  using promql::AggregateOp;
  const ValueRange inner = RangeOf(*aggregate.inner);
  switch (aggregate.op) {
    case AggregateOp::kSum:
      return SumOf(inner);
    case AggregateOp::kCount:
    case AggregateOp::kCountValues:
      return {1, kInfinity};
    case AggregateOp::kGroup:
      return {1, 1};
    case AggregateOp::kStddev:
    case AggregateOp::kStdvar:
      return kNotNegative;
    case AggregateOp::kQuantile:
      return kAnything;  // φ outside of 0 … 1 gives infinities
    default:
      return inner;
  }
}

ValueRange Clamped(const promql::Call& call) {
  const ValueRange inner = RangeOf(*call.args[0]);
  const ValueRange first = RangeOf(*call.args[1]);
  if (call.function->id == FunctionId::kClampMax)
    return {inner.low, std::min(inner.high, first.high)};
  if (call.function->id == FunctionId::kClampMin)
    return {std::max(inner.low, first.low), inner.high};
  return {first.low, RangeOf(*call.args[2]).high};
}

ValueRange OfCall(const promql::Call& call) {
  switch (call.function->id) {
    case FunctionId::kAbs:
    case FunctionId::kSqrt:
    case FunctionId::kExp:
    case FunctionId::kRate:
    case FunctionId::kIrate:
    case FunctionId::kIncrease:
    case FunctionId::kChanges:
    case FunctionId::kResets:
    case FunctionId::kHistogramCount:
    case FunctionId::kStddevOverTime:
    case FunctionId::kStdvarOverTime:
    case FunctionId::kTime:
      return kNotNegative;
    case FunctionId::kAbsent:
    case FunctionId::kAbsentOverTime:
    case FunctionId::kPresentOverTime:
      return {1, 1};
    case FunctionId::kCountOverTime:
      return {1, kInfinity};
    case FunctionId::kHistogramFraction:
      return {0, 1};
    case FunctionId::kSgn:
      return {-1, 1};
    case FunctionId::kDayOfWeek:
      return {0, 6};
    case FunctionId::kDayOfMonth:
      return {1, 31};
    case FunctionId::kDaysInMonth:
      return {28, 31};
    case FunctionId::kDayOfYear:
      return {1, 366};
    case FunctionId::kHour:
      return {0, 23};
    case FunctionId::kMinute:
      return {0, 59};
    case FunctionId::kMonth:
      return {1, 12};
    case FunctionId::kClamp:
    case FunctionId::kClampMax:
    case FunctionId::kClampMin:
      return Clamped(call);
    case FunctionId::kSumOverTime:
      return SumOf(RangeOf(*call.args[0]));
    case FunctionId::kAvgOverTime:
    case FunctionId::kMinOverTime:
    case FunctionId::kMaxOverTime:
    case FunctionId::kLastOverTime:
    case FunctionId::kFirstOverTime:
    case FunctionId::kLabelReplace:
    case FunctionId::kLabelJoin:
    case FunctionId::kSort:
    case FunctionId::kSortDesc:
    case FunctionId::kScalar:
    case FunctionId::kVector:
      return RangeOf(*call.args[0]);
    default:
      return kAnything;
  }
}

}  // namespace

ValueRange RangeOf(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber: {
      const double value = As<promql::NumberLiteral>(expr).value;
      return std::isnan(value) ? kAnything : ValueRange{value, value};
    }
    case Expr::Kind::kParen:
      return RangeOf(*As<promql::ParenExpr>(expr).inner);
    case Expr::Kind::kUnary: {
      const auto& unary = As<promql::UnaryExpr>(expr);
      const ValueRange inner = RangeOf(*unary.inner);
      return unary.negate ? ValueRange{-inner.high, -inner.low} : inner;
    }
    case Expr::Kind::kBinary:
      return OfBinary(As<promql::BinaryExpr>(expr));
    case Expr::Kind::kCall:
      return OfCall(As<promql::Call>(expr));
    case Expr::Kind::kAggregate:
      return OfAggregate(As<promql::AggregateExpr>(expr));
    case Expr::Kind::kVectorSelector:
      return OfSelector(As<promql::VectorSelector>(expr));
    case Expr::Kind::kMatrixSelector:
      return OfSelector(*As<promql::MatrixSelector>(expr).selector);
    case Expr::Kind::kSubquery:
      return RangeOf(*As<promql::SubqueryExpr>(expr).inner);
    case Expr::Kind::kString:
      break;
  }
  return kAnything;
}

bool NeverTrue(BinaryOp op, const ValueRange& left, const ValueRange& right) {
  switch (op) {
    case BinaryOp::kLess:
      return left.low >= right.high;
    case BinaryOp::kLessEqual:
      return left.low > right.high;
    case BinaryOp::kGreater:
      return left.high <= right.low;
    case BinaryOp::kGreaterEqual:
      return left.high < right.low;
    case BinaryOp::kEqual:
      return left.high < right.low || left.low > right.high;
    case BinaryOp::kNotEqual:
      return left.low == left.high && right.low == right.high && left.low == right.low;
    default:
      return false;
  }
}

}  // namespace baro::rules
