// Where a full label set is cut into target half and column half.
#pragma once

#include <string_view>
#include <vector>

#include "baro/model/labels.h"
#include "postings.h"

namespace baro::tsdb {

// By reference to the labels they were cut from; sorted by name.
struct LabelHalves {
  std::vector<Postings::LabelView> target;
  std::vector<Postings::LabelView> column;
};

// Labels that say where a series comes from (job, instance, pod …) make the target; the rest makes
// the column. A fixed rule on the labels alone, so that equal label sets are cut in the same place
// for ever; a poor cut costs memory, never correctness (twins.h joins what was cut differently).
void SplitLabels(const model::Labels& labels, LabelHalves* halves);

}  // namespace baro::tsdb
