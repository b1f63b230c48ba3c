// Twins: one label set, cut in two different places (an agent's target and a remote write, say).
#pragma once

#include "cut_log.h"
#include "label_table.h"
#include "selection.h"

namespace baro::tsdb {

// Leaves one of each set of twins in `series` and notes the others in `twins`. Only halves whose
// label names make the same set together can be twins, so a store with one kind of sender compares
// nothing. What may have twins, in this selection or in another, makes it `order_varies`.
void JoinTwins(const LabelTable& targets, const LabelTable& columns, CutLog* cuts,
               Selection* selection);

}  // namespace baro::tsdb
