// The order of rows. A selector gives series in the store's order, whichever of them have samples:
// `kSource`. Groups come in the order of their first row, so a series that has no sample in a
// shorter range may move its group: `kFirstRow`. What chooses rows step by step gives them in the
// order of their first choice: `kChoice`. Sums depend on their order in the last bit, and topk() in
// which of two equals it takes; sums of a selector's rows are safe, of the others they are not.
#include "reach.h"

#include <algorithm>

#include "baro/promql/functions.h"

namespace baro::promql {
namespace {

enum class RowsOrder : uint8_t { kSource, kFirstRow, kChoice };

// Differences saturate: times reach to the ends of int64.
int64_t Minus(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b > 0 ? INT64_MIN : INT64_MAX;
}

// When a node is evaluated: at times from `first_ms` to `last_ms`, relative to the step unless
// fixed.
struct Times {
  bool fixed = false;
  int64_t first_ms = 0;
  int64_t last_ms = 0;

  Times Shifted(const TimeShift& shift) const {
    Times times = *this;
    if (shift.at_ms) times = {true, *shift.at_ms, *shift.at_ms};
    times.first_ms = Minus(times.first_ms, shift.offset_ms);
    times.last_ms = Minus(times.last_ms, shift.offset_ms);
    return times;
  }
  Times Back(int64_t range_ms) const { return {fixed, Minus(first_ms, range_ms), last_ms}; }
};

bool UsesRange(const DurationExpr* duration) {
  return duration != nullptr && (duration->kind == DurationExpr::Kind::kRange ||
                                 UsesRange(duration->lhs.get()) || UsesRange(duration->rhs.get()));
}

// Whether a function's value at a step comes from its arguments at that step alone, row by row and
// in their order. What is not listed here does not count as known.
bool IsRowByRow(const Function& function) {
  using F = FunctionId;
  switch (function.id) {
    case F::kStart:
    case F::kEnd:
    case F::kRange:
    case F::kInfo:
      return false;
    default:
      break;
  }
  static constexpr std::string_view kKnown[] = {"abs",
                                                "absent",
                                                "absent_over_time",
                                                "acos",
                                                "acosh",
                                                "asin",
                                                "asinh",
                                                "atan",
                                                "atanh",
                                                "avg_over_time",
                                                "ceil",
                                                "changes",
                                                "clamp",
                                                "clamp_max",
                                                "clamp_min",
                                                "cos",
                                                "cosh",
                                                "count_over_time",
                                                "day_of_month",
                                                "day_of_week",
                                                "day_of_year",
                                                "days_in_month",
                                                "deg",
                                                "delta",
                                                "deriv",
                                                "double_exponential_smoothing",
                                                "exp",
                                                "first_over_time",
                                                "floor",
                                                "histogram_fraction",
                                                "histogram_quantile",
                                                "histogram_quantiles",
                                                "hour",
                                                "idelta",
                                                "increase",
                                                "irate",
                                                "label_join",
                                                "label_replace",
                                                "last_over_time",
                                                "ln",
                                                "log10",
                                                "log2",
                                                "mad_over_time",
                                                "max_of",
                                                "max_over_time",
                                                "min_of",
                                                "min_over_time",
                                                "minute",
                                                "month",
                                                "pi",
                                                "predict_linear",
                                                "present_over_time",
                                                "quantile_over_time",
                                                "rad",
                                                "rate",
                                                "resets",
                                                "round",
                                                "scalar",
                                                "sgn",
                                                "sin",
                                                "sinh",
                                                "sort",
                                                "sort_by_label",
                                                "sort_by_label_desc",
                                                "sort_desc",
                                                "sqrt",
                                                "stddev_over_time",
                                                "stdvar_over_time",
                                                "step",
                                                "sum_over_time",
                                                "tan",
                                                "tanh",
                                                "time",
                                                "timestamp",
                                                "ts_of_first_over_time",
                                                "ts_of_last_over_time",
                                                "ts_of_max_over_time",
                                                "ts_of_min_over_time",
                                                "vector",
                                                "year"};
  return std::binary_search(std::begin(kKnown), std::end(kKnown), function.name);
}

bool MakesGroups(const Function& function) { return function.name.starts_with("histogram_"); }

class Walk {
 public:
  explicit Walk(int64_t lookback_ms) : lookback_ms_(lookback_ms) {}

  RowsOrder Visit(const Expr& expr, const Times& times);
  const Reach& reach() const { return reach_; }

 private:
  RowsOrder VisitCall(const Call& call, const Times& times);
  RowsOrder VisitAggregate(const AggregateExpr& aggregate, const Times& times);
  RowsOrder VisitBinary(const BinaryExpr& binary, const Times& times);
  RowsOrder VisitSubquery(const SubqueryExpr& subquery, const Times& times);
  void VisitSelector(const VectorSelector& selector, int64_t range_ms, const Times& times);
  void Need(const Times& times);
  void Refuse(std::string_view why) {
    if (reach_.unprovable.empty()) reach_.unprovable = why;
  }
  void CheckShift(const TimeShift& shift) {
    if (shift.at_anchor != AtAnchor::kNone) Refuse("@ start() and @ end() move with the range");
    if (UsesRange(shift.offset_expr.get())) Refuse("range() changes with the range");
  }

  const int64_t lookback_ms_;
  Reach reach_;
};

RowsOrder Walk::Visit(const Expr& expr, const Times& times) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
    case Expr::Kind::kString:
      return RowsOrder::kSource;
    case Expr::Kind::kParen:
      return Visit(*As<ParenExpr>(expr).inner, times);
    case Expr::Kind::kUnary:
      return Visit(*As<UnaryExpr>(expr).inner, times);
    case Expr::Kind::kBinary:
      return VisitBinary(As<BinaryExpr>(expr), times);
    case Expr::Kind::kCall:
      return VisitCall(As<Call>(expr), times);
    case Expr::Kind::kAggregate:
      return VisitAggregate(As<AggregateExpr>(expr), times);
    case Expr::Kind::kVectorSelector:
      VisitSelector(As<VectorSelector>(expr), lookback_ms_, times);
      return RowsOrder::kSource;
    case Expr::Kind::kMatrixSelector: {
      const auto& matrix = As<MatrixSelector>(expr);
      if (UsesRange(matrix.range_expr.get())) Refuse("range() changes with the range");
      VisitSelector(*matrix.selector, matrix.range_ms, times);
      return RowsOrder::kSource;
    }
    case Expr::Kind::kSubquery:
      return VisitSubquery(As<SubqueryExpr>(expr), times);
  }
  Refuse("the expression is of an unknown kind");
  return RowsOrder::kChoice;
}

void Walk::VisitSelector(const VectorSelector& selector, int64_t range_ms, const Times& times) {
  reach_.reads = true;
  CheckShift(selector.shift);
  if (selector.anchored || selector.smoothed) Refuse("anchored and smoothed look beyond the range");
  Need(times.Shifted(selector.shift).Back(range_ms));
}

void Walk::Need(const Times& times) {
  int64_t& first_ms = times.fixed ? reach_.fixed_first_ms : reach_.first_ms;
  int64_t& last_ms = times.fixed ? reach_.fixed_last_ms : reach_.last_ms;
  first_ms = std::min(first_ms, times.first_ms);
  last_ms = std::max(last_ms, times.last_ms);
}

// Inner steps are multiples of their length, whatever the range.
RowsOrder Walk::VisitSubquery(const SubqueryExpr& subquery, const Times& times) {
  CheckShift(subquery.shift);
  if (UsesRange(subquery.range_expr.get()) || UsesRange(subquery.step_expr.get())) {
    Refuse("range() changes with the range");
  }
  return Visit(*subquery.inner, times.Shifted(subquery.shift).Back(subquery.range_ms));
}

RowsOrder Walk::VisitCall(const Call& call, const Times& times) {
  if (!IsRowByRow(*call.function)) {
    Refuse("a function looks at more than one step, or is not known not to");
  }
  RowsOrder order = RowsOrder::kSource;
  for (const ExprPtr& arg : call.args) order = std::max(order, Visit(*arg, times));
  if (MakesGroups(*call.function)) order = std::max(order, RowsOrder::kFirstRow);
  // One row at most.
  if (call.function->result == ValueType::kScalar) order = RowsOrder::kSource;
  return order;
}

RowsOrder Walk::VisitAggregate(const AggregateExpr& aggregate, const Times& times) {
  using Op = AggregateOp;
  const RowsOrder order = Visit(*aggregate.inner, times);
  if (aggregate.parameter) {
    Visit(*aggregate.parameter, times);
    const Expr::Kind kind = Unwrap(*aggregate.parameter).kind;
    // A k that is nowhere one is looked for over all steps.
    if (kind != Expr::Kind::kNumber && kind != Expr::Kind::kString) {
      Refuse("the parameter of an aggregation is computed");
    }
  }
  const bool insensitive = aggregate.op == Op::kCount || aggregate.op == Op::kGroup ||
                           aggregate.op == Op::kCountValues || aggregate.op == Op::kLimitRatio;
  if (!insensitive && order == RowsOrder::kFirstRow) reach_.order_matters = true;
  if (!insensitive && order == RowsOrder::kChoice) {
    Refuse("an aggregation over rows in an order that each range has of its own");
  }
  switch (aggregate.op) {
    case Op::kTopk:
    case Op::kBottomk:
    case Op::kLimitk:
    case Op::kCountValues:
      return RowsOrder::kChoice;
    case Op::kLimitRatio:
      return order;
    default:
      return std::max(order, RowsOrder::kFirstRow);
  }
}

RowsOrder Walk::VisitBinary(const BinaryExpr& binary, const Times& times) {
  const RowsOrder lhs = Visit(*binary.lhs, times);
  const RowsOrder rhs = Visit(*binary.rhs, times);
  // Between two vectors rows are grouped by their matching labels.
  return std::max({lhs, rhs, binary.matching ? RowsOrder::kFirstRow : RowsOrder::kSource});
}

}  // namespace

Reach ReachOf(const Expr& expr, int64_t lookback_ms) {
  Walk walk(lookback_ms);
  walk.Visit(expr, Times());
  return walk.reach();
}

}  // namespace baro::promql
