#include "histogram_binary.h"

#include <memory>
#include <utility>

#include "histogram_math.h"

namespace baro::promql {
namespace {

using model::Histogram;

MixedResult Of(Histogram histogram) {
  return {true, {model::kHistogramMark, std::make_shared<const Histogram>(std::move(histogram))}};
}

// + and - of two histograms.
MixedResult Combine(const BinaryExpr& binary, const Histogram& lhs, const Histogram& rhs,
                    Annotations* annotations) {
  const bool add = binary.op == BinaryOp::kAdd;
  Histogram result = lhs;
  const HistogramOutcome outcome =
      add ? AddHistogram(rhs, &result) : SubtractHistogram(rhs, &result);
  const std::string_view operation = add ? "addition" : "subtraction";
  if (!outcome.compatible) {
    annotations->IncompatibleBuckets(BinaryOpText(binary.op), binary.place);
    return {false, {}};
  }
  if (outcome.collision) {
    annotations->HintsCollide(operation, binary.place);
    return {false, {}};
  }
  if (outcome.reconciled) annotations->BoundsReconciled(operation, binary.place);
  if (!add) result.reset_hint = model::ResetHint::kGauge;
  Compact(&result);
  return Of(std::move(result));
}

MixedResult Compare(const BinaryExpr& binary, const MixedCell& lhs, const MixedCell& rhs) {
  const bool equal = EqualHistograms(*lhs.histogram, *rhs.histogram);
  const bool keep = equal == (binary.op == BinaryOp::kEqual);
  if (binary.return_bool) return {true, {keep ? 1.0 : 0.0, nullptr}};
  return keep ? MixedResult{true, lhs} : MixedResult{};
}

MixedResult Scale(const Histogram& histogram, double number, BinaryOp op) {
  Histogram result = histogram;
  switch (op) {
    case BinaryOp::kMul:
      ScaleHistogram(number, &result);
      break;
    case BinaryOp::kDiv:
      DivideHistogram(number, &result);
      break;
    default:
      TrimHistogram(number, op == BinaryOp::kTrimUpper, &result);
      return Of(std::move(result));
  }
  Compact(&result);
  return Of(std::move(result));
}

}  // namespace

MixedResult MixedOperation(const BinaryExpr& binary, const MixedCell& lhs, const MixedCell& rhs,
                           Annotations* annotations) {
  const bool left = lhs.histogram != nullptr;
  const bool right = rhs.histogram != nullptr;
  switch (binary.op) {
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
      if (left && right) return Combine(binary, *lhs.histogram, *rhs.histogram, annotations);
      break;
    case BinaryOp::kEqual:
    case BinaryOp::kNotEqual:
      if (left && right) return Compare(binary, lhs, rhs);
      break;
    case BinaryOp::kMul:
      if (!left && right) return Scale(*rhs.histogram, lhs.value, binary.op);
      [[fallthrough]];
    case BinaryOp::kDiv:
    case BinaryOp::kTrimUpper:
    case BinaryOp::kTrimLower:
      if (left && !right) return Scale(*lhs.histogram, rhs.value, binary.op);
      break;
    default:
      break;
  }
  annotations->IncompatibleTypes(BinaryOpText(binary.op), left ? "histogram" : "float",
                                 right ? "histogram" : "float", binary.place);
  return {false, {}};
}

}  // namespace baro::promql
