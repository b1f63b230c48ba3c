// Binary operators with a scalar on one side; the others are in match.cc and set_ops.cc.

#include <optional>
#include <utility>

#include "baro/base/status.h"
#include "binary_op.h"
#include "evaluator.h"
#include "histogram_binary.h"
#include "histogram_row.h"

namespace baro::promql {
namespace {

// The same where the row has histograms, or the operator is for them.
class MixedScalarSide {
 public:
  MixedScalarSide(Evaluator* evaluator, const BinaryExpr& binary, bool scalar_left)
      : binary_(binary),
        annotations_(&evaluator->query().annotations()),
        scalar_left_(scalar_left),
        result_(evaluator->grid().count) {}

  template <typename Operation>
  absl::Status Emit(const Row& row, const std::vector<double>& scalars, Operation operation,
                    RowSink sink) {
    result_.Clear();
    for (size_t step = 0; step < scalars.size(); ++step) {
      const double value = row.values[step];
      if (IsAbsent(value)) continue;
      const HistogramPtr* const histogram = HistogramAt(row, step);
      if (histogram == nullptr && !IsTrim(binary_.op)) {
        result_.Set(
            step, scalar_left_ ? operation(scalars[step], value) : operation(value, scalars[step]));
        continue;
      }
      const MixedCell vector{value, histogram == nullptr ? nullptr : *histogram};
      const MixedCell scalar{scalars[step], nullptr};
      MixedResult result = scalar_left_ ? MixedOperation(binary_, scalar, vector)
                                        : MixedOperation(binary_, vector, scalar);
      TellMixed(binary_, result.note, annotations_);
      if (result.cell.histogram != nullptr) result_.Set(step, std::move(result.cell.histogram));
    }
    return result_.any() ? sink(result_.row(row.labels, row.drop_name)) : absl::OkStatus();
  }

 private:
  const BinaryExpr& binary_;
  Annotations* const annotations_;
  const bool scalar_left_;
  MixedRow result_;
};

absl::Status ScalarSideRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink) {
  const bool scalar_left = binary.lhs->type == ValueType::kScalar;
  const Expr& vector = scalar_left ? *binary.rhs : *binary.lhs;
  BARO_TRY_ASSIGN(const std::vector<double> scalars,
                  evaluator->Scalars(scalar_left ? *binary.lhs : *binary.rhs));
  const bool drop_name = IsArithmetic(binary.op) || binary.return_bool;
  std::optional<MixedScalarSide> mixed;
  const Kept kept = scalar_left ? Kept::kRight : Kept::kLeft;
  return WithOperation(binary, kept, [&](auto operation) {
    return evaluator->Rows(vector, [&](Row row) {
      row.drop_name = row.drop_name || drop_name;
      if (!row.histograms.empty() || IsTrim(binary.op)) [[unlikely]] {
        if (!mixed) mixed.emplace(evaluator, binary, scalar_left);
        return mixed->Emit(row, scalars, operation, sink);
      }
      for (size_t step = 0; step < row.values.size(); ++step) {
        double& value = row.values[step];
        if (IsAbsent(value)) continue;
        value = scalar_left ? operation(scalars[step], value) : operation(value, scalars[step]);
      }
      return HasValues(row.values) ? sink(row) : absl::OkStatus();
    });
  });
}

}  // namespace

absl::Status BinaryRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink) {
  if (binary.lhs->type == ValueType::kScalar || binary.rhs->type == ValueType::kScalar) {
    return ScalarSideRows(evaluator, binary, sink);
  }
  if (IsSetOp(binary.op)) return SetRows(evaluator, binary, sink);
  return MatchedRows(evaluator, binary, sink);
}

}  // namespace baro::promql
