// Binary operators where one side or both have native histograms, and the operators that are for
// them alone.
#pragma once

#include <cstdint>

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

// What an operation has to say of its sides. `…And…`: of these two types there is none.
enum class MixedNote : uint8_t {
  kNone,
  kFloatAndFloat,
  kFloatAndHistogram,
  kHistogramAndFloat,
  kHistogramAndHistogram,
  kIncompatibleBuckets,
  kHintsCollide,
  kBoundsReconciled,
};

struct MixedResult {
  // False when there is no such operation; then the series have not matched either.
  bool possible = true;
  MixedCell cell = {};
  MixedNote note = MixedNote::kNone;
};

// Requires a histogram on a side, or a trim operator.
MixedResult MixedOperation(const BinaryExpr& binary, const MixedCell& lhs, const MixedCell& rhs);

// Says it.
void TellMixed(const BinaryExpr& binary, MixedNote note, Annotations* annotations);

}  // namespace baro::promql
