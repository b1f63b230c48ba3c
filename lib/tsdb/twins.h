// Twins: one label set, cut in two different places (an agent's target and a remote write, say).
#pragma once

#include "label_table.h"
#include "selection.h"

namespace baro::tsdb {

// Leaves one of each set of twins in `series` and notes the others in `twins`. Only halves whose
// label names make the same set together can be twins, so a store with one kind of sender compares
// nothing.
void JoinTwins(const LabelTable& targets, const LabelTable& columns, Selection* selection);

// Whether JoinTwins() can find any in what the plan selects, however it is cut.
bool MayHaveTwins(const LabelTable& targets, const LabelTable& columns, const SelectionPlan& plan);

}  // namespace baro::tsdb
