// Where a full label set is cut into target half and column half.
#pragma once

#include "baro/model/labels.h"

namespace baro::tsdb {

struct LabelHalves {
  model::Labels target;
  model::Labels column;
};

// Labels that say where a series comes from (job, instance, pod …) make the target; the rest makes
// the column. A fixed list, so that equal label sets are cut in the same place for ever; a poor cut
// costs memory, never correctness.
LabelHalves SplitLabels(const model::Labels& labels);

}  // namespace baro::tsdb
