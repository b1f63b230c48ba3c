// Calls: which file computes which function; and the functions that work on each value alone.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "baro/base/status.h"
#include "evaluator.h"
#include "float_math.h"
#include "histogram_row.h"
#include "range_call.h"

namespace baro::promql {
namespace {

// The vector argument, each value mapped, the metric name dropped.
template <typename Function>
absl::Status MapRows(Evaluator* evaluator, const Expr& vector, Function function, RowSink sink) {
  return evaluator->Rows(vector, [&](Row row) {
    if (!TakeFloats(&row)) return absl::OkStatus();
    for (size_t step = 0; step < row.values.size(); ++step) {
      double& value = row.values[step];
      if (!IsAbsent(value)) value = function(value, step);
    }
    row.drop_name = true;
    return HasValues(row.values) ? sink(row) : absl::OkStatus();
  });
}

using Unary = double (*)(double);

double Sign(double value) { return value < 0 ? -1 : value > 0 ? 1 : value; }

// value * times / by, to the bit, but where the product alone would overflow.
double ScaleWithin(double value, double times, double by) {
  const double product = value * times;
  return std::isinf(product) ? value * (times / by) : product / by;
}

Unary UnaryOf(FunctionId id) {
  switch (id) {
    case FunctionId::kAbs:
      return [](double v) { return std::abs(v); };
    case FunctionId::kAcos:
      return [](double v) { return std::acos(v); };
    case FunctionId::kAcosh:
      return [](double v) { return std::acosh(v); };
    case FunctionId::kAsin:
      return [](double v) { return std::asin(v); };
    case FunctionId::kAsinh:
      return [](double v) { return std::asinh(v); };
    case FunctionId::kAtan:
      return [](double v) { return std::atan(v); };
    case FunctionId::kAtanh:
      return [](double v) { return std::atanh(v); };
    case FunctionId::kCeil:
      return [](double v) { return std::ceil(v); };
    case FunctionId::kCos:
      return [](double v) { return std::cos(v); };
    case FunctionId::kCosh:
      return [](double v) { return std::cosh(v); };
    case FunctionId::kDeg:
      return [](double v) { return ScaleWithin(v, 180, std::numbers::pi); };
    case FunctionId::kExp:
      return [](double v) { return std::exp(v); };
    case FunctionId::kFloor:
      return [](double v) { return std::floor(v); };
    case FunctionId::kLn:
      return [](double v) { return std::log(v); };
    case FunctionId::kLog10:
      return [](double v) { return std::log10(v); };
    case FunctionId::kLog2:
      return [](double v) { return std::log2(v); };
    case FunctionId::kRad:
      return [](double v) { return ScaleWithin(v, std::numbers::pi, 180); };
    case FunctionId::kSgn:
      return Sign;
    case FunctionId::kSin:
      return [](double v) { return std::sin(v); };
    case FunctionId::kSinh:
      return [](double v) { return std::sinh(v); };
    case FunctionId::kSqrt:
      return [](double v) { return std::sqrt(v); };
    case FunctionId::kTan:
      return [](double v) { return std::tan(v); };
    case FunctionId::kTanh:
      return [](double v) { return std::tanh(v); };
    default:
      return nullptr;
  }
}

absl::Status ClampRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const size_t steps = evaluator->grid().count;
  std::vector<double> least(steps, -INFINITY);
  std::vector<double> most(steps, INFINITY);
  const FunctionId id = call.function->id;
  if (id != FunctionId::kClampMax) {
    BARO_TRY_ASSIGN(least, evaluator->Scalars(*call.args[1]));
  }
  if (id != FunctionId::kClampMin) {
    BARO_TRY_ASSIGN(most, evaluator->Scalars(*call.args[id == FunctionId::kClamp ? 2 : 1]));
  }
  return MapRows(
      evaluator, *call.args[0],
      [&](double value, size_t step) {
        // Limits the wrong way round leave nothing.
        if (most[step] < least[step]) return kNoValue;
        return GoMax(least[step], GoMin(most[step], value));
      },
      sink);
}

absl::Status RoundRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  std::vector<double> inverse(evaluator->grid().count, 1);
  if (call.args.size() > 1) {
    BARO_TRY_ASSIGN(inverse, evaluator->Scalars(*call.args[1]));
    // Multiplying by the inverse loses less precision than dividing.
    for (double& value : inverse) value = 1.0 / value;
  }
  return MapRows(
      evaluator, *call.args[0],
      [&](double value, size_t step) {
        return std::floor(value * inverse[step] + 0.5) / inverse[step];
      },
      sink);
}

absl::Status VectorRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  BARO_TRY_ASSIGN(std::vector<double> values, evaluator->Scalars(*call.args[0]));
  return sink({NoLabelsRef(), false, values});
}

}  // namespace

absl::Status CallRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  for (const ExprPtr& arg : call.args) {
    if (arg->type == ValueType::kMatrix) return RangeCallRows(evaluator, call, sink);
  }
  if (const Unary unary = UnaryOf(call.function->id)) {
    return MapRows(
        evaluator, *call.args[0], [unary](double value, size_t) { return unary(value); }, sink);
  }
  switch (call.function->id) {
    case FunctionId::kAbsent:
      return AbsentRows(evaluator, call, sink);
    case FunctionId::kClamp:
    case FunctionId::kClampMax:
    case FunctionId::kClampMin:
      return ClampRows(evaluator, call, sink);
    case FunctionId::kRound:
      return RoundRows(evaluator, call, sink);
    case FunctionId::kVector:
      return VectorRows(evaluator, call, sink);
    case FunctionId::kStartTimestamp:
    case FunctionId::kTimestamp:
      return TimestampRows(evaluator, call, sink);
    case FunctionId::kSort:
    case FunctionId::kSortDesc:
    case FunctionId::kSortByLabel:
    case FunctionId::kSortByLabelDesc:
      return SortRows(evaluator, call, sink);
    case FunctionId::kLabelReplace:
      return LabelReplaceRows(evaluator, call, sink);
    case FunctionId::kLabelJoin:
      return LabelJoinRows(evaluator, call, sink);
    case FunctionId::kInfo:
      return InfoRows(evaluator, call, sink);
    case FunctionId::kHistogramQuantile:
      return BucketQuantileRows(evaluator, call, sink);
    case FunctionId::kHistogramQuantiles:
      return BucketQuantilesRows(evaluator, call, sink);
    case FunctionId::kHistogramFraction:
      return BucketFractionRows(evaluator, call, sink);
    case FunctionId::kHistogramAvg:
    case FunctionId::kHistogramCount:
    case FunctionId::kHistogramStddev:
    case FunctionId::kHistogramStdvar:
    case FunctionId::kHistogramSum:
      return HistogramValueRows(evaluator, call, sink);
    default:
      return DateRows(evaluator, call, sink);
  }
}

size_t RangeArg(const Call& call) {
  size_t index = 0;
  while (call.args[index]->type != ValueType::kMatrix) ++index;
  return index;
}

absl::StatusOr<ScalarArgs> EvaluateScalarArgs(Evaluator* evaluator, const Call& call) {
  ScalarArgs args(call.args.size());
  for (size_t i = 0; i < args.size(); ++i) {
    if (call.args[i]->type != ValueType::kScalar) continue;
    BARO_TRY_ASSIGN(args[i], evaluator->Scalars(*call.args[i]));
  }
  return args;
}

absl::Status RangeCallRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const Expr& range = Unwrap(*call.args[RangeArg(call)]);
  if (range.kind == Expr::Kind::kMatrixSelector) {
    const VectorSelector& selector = *As<MatrixSelector>(range).selector;
    if (selector.anchored || selector.smoothed) return ExtendedRateRows(evaluator, call, sink);
  }
  switch (call.function->id) {
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kDelta:
    case FunctionId::kIrate:
    case FunctionId::kIdelta:
    case FunctionId::kResets:
    case FunctionId::kChanges:
      return RateRows(evaluator, call, sink);
    case FunctionId::kDeriv:
    case FunctionId::kPredictLinear:
    case FunctionId::kDoubleExponentialSmoothing:
      return TrendRows(evaluator, call, sink);
    case FunctionId::kAbsentOverTime:
      return AbsentRows(evaluator, call, sink);
    case FunctionId::kIntegral:
      return IntegralRows(evaluator, call, sink);
    default:
      return OverTimeRows(evaluator, call, sink);
  }
}

}  // namespace baro::promql
