// Binary operators where one side or both have native histograms, and the operators that are for
// them alone.
#pragma once

#include "annotations.h"
#include "baro/promql/ast.h"
#include "rows.h"

namespace baro::promql {

// One side of an operation at one step, or its result. A result without a value is one that a
// comparison has left out.
struct MixedCell {
  double value = kNoValue;
  HistogramPtr histogram;
};

struct MixedResult {
  // False when there is no such operation; then the series have not matched either.
  bool possible = true;
  MixedCell cell;
};

// Requires a histogram on a side, or a trim operator.
MixedResult MixedOperation(const BinaryExpr& binary, const MixedCell& lhs, const MixedCell& rhs,
                           Annotations* annotations);

}  // namespace baro::promql
