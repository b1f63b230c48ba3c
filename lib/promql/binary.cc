// Binary operators with a scalar on one side; the others are in match.cc and set_ops.cc.

#include "baro/base/status.h"
#include "binary_op.h"
#include "evaluator.h"

namespace baro::promql {
namespace {

absl::Status ScalarSideRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink) {
  const bool scalar_left = binary.lhs->type == ValueType::kScalar;
  const Expr& vector = scalar_left ? *binary.rhs : *binary.lhs;
  BARO_TRY_ASSIGN(const std::vector<double> scalars,
                  evaluator->Scalars(scalar_left ? *binary.lhs : *binary.rhs));
  const bool drop_name = !IsComparison(binary.op) || binary.return_bool;
  const Kept kept = scalar_left ? Kept::kRight : Kept::kLeft;
  return WithOperation(binary, kept, [&](auto operation) {
    return evaluator->Rows(vector, [&](Row row) {
      for (size_t step = 0; step < row.values.size(); ++step) {
        double& value = row.values[step];
        if (IsAbsent(value)) continue;
        value = scalar_left ? operation(scalars[step], value) : operation(value, scalars[step]);
      }
      row.drop_name = row.drop_name || drop_name;
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
