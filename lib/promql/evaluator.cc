#include "evaluator.h"

#include <algorithm>
#include <numbers>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "float_math.h"
#include "histogram_row.h"
#include "watch.h"

namespace baro::promql {

absl::Status Evaluator::Rows(const Expr& expr, RowSink sink) {
  if (RowWatch* const watch = query_->watch()) [[unlikely]] {
    return watch->Watch(expr, sink, [&](RowSink watched) { return UnwatchedRows(expr, watched); });
  }
  return UnwatchedRows(expr, sink);
}

absl::Status Evaluator::UnwatchedRows(const Expr& expr, RowSink sink) {
  if (expr.step_invariant && !grid_.IsInstant()) return InvariantRows(expr, sink);
  return VaryingRows(expr, sink);
}

// One step is evaluated and its values are repeated.
absl::Status Evaluator::InvariantRows(const Expr& expr, RowSink sink) {
  Evaluator first(query_, {grid_.start_ms, grid_.step_ms, 1});
  std::vector<double> repeated(grid_.count);
  std::vector<HistogramPtr> histograms;
  const int64_t samples_before = query_->samples_total();
  const absl::Status status = first.VaryingRows(expr, [&](Row row) {
    std::fill(repeated.begin(), repeated.end(), row.values[0]);
    if (HistogramAt(row, 0) == nullptr) [[likely]] {
      return sink({row.labels, row.drop_name, repeated});
    }
    histograms.assign(grid_.count, row.histograms[0]);
    return sink({row.labels, row.drop_name, repeated, histograms});
  });
  query_->CountRepeated(samples_before, grid_.count);
  return status;
}

absl::Status Evaluator::VaryingRows(const Expr& expr, RowSink sink) {
  switch (expr.kind) {
    case Expr::Kind::kParen:
      return Rows(*As<ParenExpr>(expr).inner, sink);
    case Expr::Kind::kUnary:
      return UnaryRows(As<UnaryExpr>(expr), sink);
    case Expr::Kind::kBinary:
      return BinaryRows(this, As<BinaryExpr>(expr), sink);
    case Expr::Kind::kCall:
      return CallRows(this, As<Call>(expr), sink);
    case Expr::Kind::kAggregate:
      return AggregateRows(this, As<AggregateExpr>(expr), sink);
    case Expr::Kind::kVectorSelector:
      if (As<VectorSelector>(expr).smoothed) {
        return SmoothedRows(this, As<VectorSelector>(expr), sink);
      }
      return SelectorRows(As<VectorSelector>(expr), sink);
    case Expr::Kind::kNumber:
    case Expr::Kind::kString:
    case Expr::Kind::kMatrixSelector:
    case Expr::Kind::kSubquery:
      break;  // the type check lets none of these stand for an instant vector
  }
  return absl::InternalError("expression is not an instant vector");
}

absl::Status Evaluator::Fill(const Expr& expr, Table* table) {
  return Rows(expr, [table](const Row& row) { return table->Add(row); });
}

NotePlace NoteOn(const Expr& arg, Place node) {
  const Expr& inner = Unwrap(arg);
  return {inner.kind == Expr::Kind::kSubquery ? 0 : inner.place.begin, node};
}

absl::Status Evaluator::Discard(const Expr& expr) {
  return Rows(expr, [](const Row&) { return absl::OkStatus(); });
}

absl::Status Evaluator::UnaryRows(const UnaryExpr& unary, RowSink sink) {
  return Rows(*unary.inner, [&](Row row) {
    if (unary.negate) {
      row.drop_name = true;
      NegateHistograms(&row);
      for (double& value : row.values) {
        if (!IsAbsent(value) && !model::IsHistogramMark(value)) value = -value;
      }
    }
    return sink(row);
  });
}

absl::StatusOr<std::vector<double>> Evaluator::Scalars(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
      return std::vector<double>(grid_.count, As<NumberLiteral>(expr).value);
    case Expr::Kind::kParen:
      return Scalars(*As<ParenExpr>(expr).inner);
    case Expr::Kind::kUnary: {
      const auto& unary = As<UnaryExpr>(expr);
      BARO_TRY_ASSIGN(std::vector<double> values, Scalars(*unary.inner));
      if (unary.negate) std::transform(values.begin(), values.end(), values.begin(), std::negate());
      return values;
    }
    case Expr::Kind::kBinary: {
      const auto& binary = As<BinaryExpr>(expr);
      if (IsTrim(binary.op)) {
        return absl::FailedPreconditionError(base::StrCat("operator \"", BinaryOpText(binary.op),
                                                          "\" not allowed for Scalar operations"));
      }
      BARO_TRY_ASSIGN(std::vector<double> lhs, Scalars(*binary.lhs));
      BARO_TRY_ASSIGN(const std::vector<double> rhs, Scalars(*binary.rhs));
      for (size_t i = 0; i < lhs.size(); ++i) lhs[i] = ComputeScalars(binary.op, lhs[i], rhs[i]);
      return lhs;
    }
    case Expr::Kind::kCall:
      return CallScalars(As<Call>(expr));
    default:
      return absl::InternalError("expression is not a scalar");
  }
}

absl::StatusOr<std::vector<double>> Evaluator::CallScalars(const Call& call) {
  std::vector<double> values(grid_.count);
  const QueryTimes& times = query_->times();
  const auto fill = [&values](double value) { std::fill(values.begin(), values.end(), value); };
  switch (call.function->id) {
    case FunctionId::kTime:
      for (size_t i = 0; i < grid_.count; ++i) values[i] = SecondsOf(grid_.Time(i));
      return values;
    case FunctionId::kPi:
      fill(std::numbers::pi);
      return values;
    case FunctionId::kStart:
      fill(SecondsOf(times.start_ms));
      return values;
    case FunctionId::kEnd:
      fill(SecondsOf(times.end_ms));
      return values;
    case FunctionId::kRange:
      fill(SecondsOf(times.end_ms - times.start_ms));
      return values;
    case FunctionId::kStep:
      // One step is as good as an instant, which has none.
      fill(times.start_ms == times.end_ms ? 0 : SecondsOf(times.step_ms));
      return values;
    case FunctionId::kMinOf:
    case FunctionId::kMaxOf: {
      BARO_TRY_ASSIGN(const std::vector<double> a, Scalars(*call.args[0]));
      BARO_TRY_ASSIGN(const std::vector<double> b, Scalars(*call.args[1]));
      const bool smaller = call.function->id == FunctionId::kMinOf;
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = smaller ? GoMin(a[i], b[i]) : GoMax(a[i], b[i]);
      }
      return values;
    }
    default:
      break;
  }
  BARO_CHECK(call.function->id == FunctionId::kScalar);
  // The value where the vector has exactly one element.
  std::vector<uint8_t> seen(grid_.count, 0);
  fill(model::kNormalNan);
  BARO_TRY(Rows(*call.args[0], [&](Row row) {
    TakeFloats(&row);
    for (size_t i = 0; i < values.size(); ++i) {
      if (IsAbsent(row.values[i])) continue;
      values[i] = seen[i] == 0 ? row.values[i] : model::kNormalNan;
      seen[i] = 1;
    }
    return absl::OkStatus();
  }));
  return values;
}

}  // namespace baro::promql
