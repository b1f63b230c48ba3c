#include "histogram_binary.h"

#include <memory>
#include <utility>

#include "histogram_math.h"

namespace baro::promql {
namespace {

using model::Histogram;

MixedResult Of(Histogram histogram) {
  return {true,
          {model::kHistogramMark, std::make_shared<const Histogram>(std::move(histogram))},
          MixedNote::kNone};
}

// + and - of two histograms.
MixedResult Combine(const BinaryExpr& binary, const Histogram& lhs, const Histogram& rhs) {
  const bool add = binary.op == BinaryOp::kAdd;
  Histogram result = lhs;
  const HistogramOutcome outcome =
      add ? AddHistogram(rhs, &result) : SubtractHistogram(rhs, &result);
  if (!outcome.compatible) return {false, {}, MixedNote::kIncompatibleBuckets};
  if (outcome.collision) return {false, {}, MixedNote::kHintsCollide};
  if (!add) result.reset_hint = model::ResetHint::kGauge;
  Compact(&result);
  MixedResult combined = Of(std::move(result));
  if (outcome.reconciled) combined.note = MixedNote::kBoundsReconciled;
  return combined;
}

MixedResult Compare(const BinaryExpr& binary, const MixedCell& lhs, const MixedCell& rhs) {
  const bool equal = EqualHistograms(*lhs.histogram, *rhs.histogram);
  const bool keep = equal == (binary.op == BinaryOp::kEqual);
  if (binary.return_bool) return {true, {keep ? 1.0 : 0.0, nullptr}, MixedNote::kNone};
  return keep ? MixedResult{true, lhs, MixedNote::kNone} : MixedResult{};
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

MixedNote NoteOfTypes(bool left, bool right) {
  if (left) return right ? MixedNote::kHistogramAndHistogram : MixedNote::kHistogramAndFloat;
  return right ? MixedNote::kFloatAndHistogram : MixedNote::kFloatAndFloat;
}

}  // namespace

MixedResult MixedOperation(const BinaryExpr& binary, const MixedCell& lhs, const MixedCell& rhs) {
  const bool left = lhs.histogram != nullptr;
  const bool right = rhs.histogram != nullptr;
  switch (binary.op) {
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
      if (left && right) return Combine(binary, *lhs.histogram, *rhs.histogram);
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
  return {false, {}, NoteOfTypes(left, right)};
}

void TellMixed(const BinaryExpr& binary, MixedNote note, Annotations* annotations) {
  const std::string_view op = BinaryOpText(binary.op);
  const std::string_view operation = binary.op == BinaryOp::kAdd ? "addition" : "subtraction";
  const auto types = [&](std::string_view lhs, std::string_view rhs) {
    annotations->IncompatibleTypes(op, lhs, rhs, binary.place);
  };
  switch (note) {
    case MixedNote::kNone:
      return;
    case MixedNote::kFloatAndFloat:
      return types("float", "float");
    case MixedNote::kFloatAndHistogram:
      return types("float", "histogram");
    case MixedNote::kHistogramAndFloat:
      return types("histogram", "float");
    case MixedNote::kHistogramAndHistogram:
      return types("histogram", "histogram");
    case MixedNote::kIncompatibleBuckets:
      return annotations->IncompatibleBuckets(op, binary.place);
    case MixedNote::kHintsCollide:
      return annotations->HintsCollide(operation, binary.place);
    case MixedNote::kBoundsReconciled:
      return annotations->BoundsReconciled(operation, binary.place);
  }
}

}  // namespace baro::promql
