#include "passes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/statusor.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/functions.h"

namespace baro::promql {
namespace {

absl::Status ErrorAt(const DurationExpr& duration, std::string_view what) {
  return absl::InvalidArgumentError(
      base::StrCat(duration.place.begin, ":", duration.place.end, ": ", what));
}

absl::StatusOr<double> Seconds(const QueryTimes& times, const DurationExpr& duration) {
  using D = DurationExpr::Kind;
  double lhs = 0;
  double rhs = 0;
  if (duration.lhs) {
    BARO_TRY_ASSIGN(lhs, Seconds(times, *duration.lhs));
  }
  if (duration.rhs) {
    BARO_TRY_ASSIGN(rhs, Seconds(times, *duration.rhs));
  }
  switch (duration.kind) {
    case D::kLiteral:
      return duration.seconds;
    case D::kStep:
      return static_cast<double>(times.step_ms) / 1000;
    case D::kRange:
      return static_cast<double>(times.end_ms - times.start_ms) / 1000;
    case D::kMin:
      return std::min(lhs, rhs);
    case D::kMax:
      return std::max(lhs, rhs);
    case D::kAdd:
      return lhs + rhs;
    case D::kSub:
      return lhs - rhs;
    case D::kMul:
      return lhs * rhs;
    case D::kDiv:
      if (rhs == 0) return ErrorAt(duration, "division by zero");
      return lhs / rhs;
    case D::kMod:
      if (rhs == 0) return ErrorAt(duration, "modulo by zero");
      return std::fmod(lhs, rhs);
    case D::kPow:
      return std::pow(lhs, rhs);
    case D::kNegate:
      return -rhs;
  }
  return 0.0;
}

absl::Status Resolve(const QueryTimes& times, const DurationExpr* duration, bool may_be_negative,
                     int64_t* value_ms) {
  if (duration == nullptr) return absl::OkStatus();
  BARO_TRY_ASSIGN(const double seconds, Seconds(times, *duration));
  if (!std::isfinite(seconds)) return ErrorAt(*duration, "duration is NaN or infinite");
  if (!may_be_negative && seconds <= 0)
    return ErrorAt(*duration, "duration must be greater than 0");
  constexpr double kSecondsMax = 9'223'372'036.0;
  if (std::abs(seconds) > kSecondsMax) return ErrorAt(*duration, "duration is out of range");
  // A literal keeps its nanoseconds until it is cut to milliseconds; a computed one does not.
  *value_ms = duration->kind == DurationExpr::Kind::kLiteral
                  ? static_cast<int64_t>(std::round(seconds * 1e9)) / 1'000'000
                  : static_cast<int64_t>(seconds * 1000);
  return absl::OkStatus();
}

absl::Status ResolveShift(const QueryTimes& times, TimeShift* shift) {
  BARO_TRY(Resolve(times, shift->offset_expr.get(), true, &shift->offset_ms));
  if (shift->at_anchor == AtAnchor::kStart) shift->at_ms = times.start_ms;
  if (shift->at_anchor == AtAnchor::kEnd) shift->at_ms = times.end_ms;
  if (shift->at_ms) shift->at_ms = std::clamp(*shift->at_ms, -kTimeMsLimit, kTimeMsLimit);
  return absl::OkStatus();
}

absl::Status ResolveDurations(const QueryTimes& times, Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kVectorSelector:
      BARO_TRY(ResolveShift(times, &As<VectorSelector>(expr).shift));
      break;
    case Expr::Kind::kMatrixSelector: {
      auto& matrix = As<MatrixSelector>(expr);
      BARO_TRY(Resolve(times, matrix.range_expr.get(), false, &matrix.range_ms));
      break;
    }
    case Expr::Kind::kSubquery: {
      auto& subquery = As<SubqueryExpr>(expr);
      BARO_TRY(ResolveShift(times, &subquery.shift));
      BARO_TRY(Resolve(times, subquery.range_expr.get(), false, &subquery.range_ms));
      BARO_TRY(Resolve(times, subquery.step_expr.get(), false, &subquery.step_ms));
      break;
    }
    default:
      break;
  }
  for (Expr* child : Children(expr)) BARO_TRY(ResolveDurations(times, *child));
  return absl::OkStatus();
}

const NumberLiteral* AsNumber(const Expr& expr) {
  const Expr& inner = Unwrap(expr);
  return inner.kind == Expr::Kind::kNumber ? &As<NumberLiteral>(inner) : nullptr;
}

ExprPtr Number(double value, Place place) {
  auto literal = std::make_unique<NumberLiteral>();
  literal->value = value;
  literal->place = place;
  return literal;
}

void Fold(ExprPtr* expr);

void FoldChildren(Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kParen:
      return Fold(&As<ParenExpr>(expr).inner);
    case Expr::Kind::kUnary:
      return Fold(&As<UnaryExpr>(expr).inner);
    case Expr::Kind::kBinary:
      Fold(&As<BinaryExpr>(expr).lhs);
      return Fold(&As<BinaryExpr>(expr).rhs);
    case Expr::Kind::kCall:
      for (ExprPtr& arg : As<Call>(expr).args) Fold(&arg);
      return;
    case Expr::Kind::kAggregate: {
      auto& aggregate = As<AggregateExpr>(expr);
      if (aggregate.parameter) Fold(&aggregate.parameter);
      return Fold(&aggregate.inner);
    }
    case Expr::Kind::kSubquery:
      return Fold(&As<SubqueryExpr>(expr).inner);
    default:
      return;
  }
}

void Fold(ExprPtr* expr) {
  FoldChildren(**expr);
  const Place place = (*expr)->place;
  if ((*expr)->kind == Expr::Kind::kUnary) {
    const auto& unary = As<UnaryExpr>(**expr);
    if (const NumberLiteral* inner = AsNumber(*unary.inner)) {
      *expr = Number(unary.negate ? -inner->value : inner->value, place);
    }
  } else if ((*expr)->kind == Expr::Kind::kBinary) {
    const auto& binary = As<BinaryExpr>(**expr);
    const NumberLiteral* const lhs = AsNumber(*binary.lhs);
    const NumberLiteral* const rhs = AsNumber(*binary.rhs);
    if (lhs != nullptr && rhs != nullptr && !IsTrim(binary.op)) {
      *expr = Number(ComputeScalars(binary.op, lhs->value, rhs->value), place);
    }
  }
}

// True when the value is the same at every step. A range vector is not an instant vector repeated,
// so only its consumer is marked.
bool MarkInvariant(Expr& expr) {
  bool invariant = true;
  for (Expr* child : Children(expr)) {
    if (!MarkInvariant(*child)) invariant = false;
  }
  switch (expr.kind) {
    case Expr::Kind::kVectorSelector:
      invariant = As<VectorSelector>(expr).shift.at_ms.has_value();
      break;
    case Expr::Kind::kSubquery:
      invariant = As<SubqueryExpr>(expr).shift.at_ms.has_value();
      break;
    case Expr::Kind::kCall:
      if (As<Call>(expr).function->depends_on_time) invariant = false;
      break;
    default:
      break;
  }
  expr.step_invariant = invariant;
  return invariant;
}

bool MakesSums(FunctionId id) {
  return id == FunctionId::kHistogramCount || id == FunctionId::kHistogramSum ||
         id == FunctionId::kHistogramAvg;
}

bool NeedsBuckets(const Expr& expr) {
  if (expr.kind == Expr::Kind::kSubquery) return true;
  if (expr.kind == Expr::Kind::kBinary) return IsTrim(As<BinaryExpr>(expr).op);
  if (expr.kind != Expr::Kind::kCall) return false;
  const FunctionId id = As<Call>(expr).function->id;
  return id == FunctionId::kHistogramQuantile || id == FunctionId::kHistogramQuantiles ||
         id == FunctionId::kHistogramFraction;
}

void MarkSumsOnly(Expr& expr, bool sums_only) {
  if (NeedsBuckets(expr)) return;
  if (expr.kind == Expr::Kind::kCall && MakesSums(As<Call>(expr).function->id)) sums_only = true;
  if (expr.kind == Expr::Kind::kVectorSelector) {
    As<VectorSelector>(expr).histogram_sums_only = sums_only;
  }
  for (Expr* child : Children(expr)) MarkSumsOnly(*child, sums_only);
}

}  // namespace

double ComputeScalars(BinaryOp op, double lhs, double rhs) {
  switch (op) {
    case BinaryOp::kAdd:
      return lhs + rhs;
    case BinaryOp::kSub:
      return lhs - rhs;
    case BinaryOp::kMul:
      return lhs * rhs;
    case BinaryOp::kDiv:
      return lhs / rhs;
    case BinaryOp::kMod:
      return std::fmod(lhs, rhs);
    case BinaryOp::kPow:
      return std::pow(lhs, rhs);
    case BinaryOp::kAtan2:
      return std::atan2(lhs, rhs);
    case BinaryOp::kEqual:
      return lhs == rhs ? 1 : 0;
    case BinaryOp::kNotEqual:
      return lhs != rhs ? 1 : 0;
    case BinaryOp::kLess:
      return lhs < rhs ? 1 : 0;
    case BinaryOp::kLessEqual:
      return lhs <= rhs ? 1 : 0;
    case BinaryOp::kGreater:
      return lhs > rhs ? 1 : 0;
    case BinaryOp::kGreaterEqual:
      return lhs >= rhs ? 1 : 0;
    case BinaryOp::kAnd:
    case BinaryOp::kOr:
    case BinaryOp::kUnless:
      break;  // the type check lets no scalar through to these
    case BinaryOp::kTrimUpper:
    case BinaryOp::kTrimLower:
      break;  // refused when evaluated
  }
  return 0;
}

absl::Status Prepare(const QueryTimes& times, ExprPtr* expr) {
  BARO_TRY(ResolveDurations(times, **expr));
  Fold(expr);
  MarkInvariant(**expr);
  MarkSumsOnly(**expr, false);
  return absl::OkStatus();
}

}  // namespace baro::promql
