// The operators as function objects, so that a loop over values is compiled for each of them.
#pragma once

#include <cmath>
#include <functional>

#include "baro/promql/ast.h"
#include "rows.h"

namespace baro::promql {

struct Modulo {
  double operator()(double a, double b) const { return std::fmod(a, b); }
};
struct Power {
  double operator()(double a, double b) const { return std::pow(a, b); }
};
struct ArcTangent {
  double operator()(double a, double b) const { return std::atan2(a, b); }
};

// Calls `use` with the arithmetic operator's function object.
template <typename Use>
absl::Status WithArithmetic(BinaryOp op, Use use) {
  switch (op) {
    case BinaryOp::kAdd:
      return use(std::plus<>());
    case BinaryOp::kSub:
      return use(std::minus<>());
    case BinaryOp::kMul:
      return use(std::multiplies<>());
    case BinaryOp::kDiv:
      return use(std::divides<>());
    case BinaryOp::kMod:
      return use(Modulo());
    case BinaryOp::kPow:
      return use(Power());
    default:
      return use(ArcTangent());
  }
}

// The same for a comparison.
template <typename Use>
absl::Status WithComparison(BinaryOp op, Use use) {
  switch (op) {
    case BinaryOp::kEqual:
      return use(std::equal_to<>());
    case BinaryOp::kNotEqual:
      return use(std::not_equal_to<>());
    case BinaryOp::kLess:
      return use(std::less<>());
    case BinaryOp::kLessEqual:
      return use(std::less_equal<>());
    case BinaryOp::kGreater:
      return use(std::greater<>());
    default:
      return use(std::greater_equal<>());
  }
}

// Calls `use` with a function (left, right) → value or kNoValue; `kept` names the side whose value
// a comparison without bool keeps.
enum class Kept { kLeft, kRight };
template <typename Use>
absl::Status WithOperation(const BinaryExpr& binary, Kept kept, Use use) {
  if (!IsComparison(binary.op)) return WithArithmetic(binary.op, use);
  return WithComparison(binary.op, [&](auto compare) {
    if (binary.return_bool) {
      return use([compare](double a, double b) { return compare(a, b) ? 1.0 : 0.0; });
    }
    if (kept == Kept::kLeft) {
      return use([compare](double a, double b) { return compare(a, b) ? a : kNoValue; });
    }
    return use([compare](double a, double b) { return compare(a, b) ? b : kNoValue; });
  });
}

}  // namespace baro::promql
