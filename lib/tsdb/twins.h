// Twins: one label set, cut in two different places (an agent's target and a remote write, say).
#pragma once

#include "cut_log.h"
#include "label_table.h"
#include "selection.h"

namespace baro::tsdb {

// Leaves one of each set of twins in `series` and notes the others in `twins`. Only halves whose
// label names make the same set together can be twins, so a store with one kind of sender compares
// nothing.
void JoinTwins(const LabelTable& targets, const LabelTable& columns, Selection* selection);

// Sets the plan's cuts, and whether JoinTwins() can find any twins in what it selects.
void PlanTwins(const LabelTable& targets, const LabelTable& columns, SelectionPlan* plan);
// Whether series of the plan may have twins, in it or in what another selection has found.
bool OrderVaries(const SelectionPlan& plan, CutLog* cuts);

}  // namespace baro::tsdb
