// Which selected series a delete has left nothing of: they are not there for anyone who asks.
#pragma once

#include <roaring/roaring.hh>

#include "absl/container/flat_hash_map.h"
#include "part_reader.h"
#include "selection.h"
#include "time_range.h"

namespace baro::tsdb {

using ColumnsByTarget = absl::flat_hash_map<TargetId, Roaring>;

// Of a selection whose targets have their parts, groups and side samples: the columns all of whose
// samples in the range are deleted. Only targets with such columns are in the answer. `reader`
// fetches the times of parts that a delete touches; what cannot be read counts as being there.
ColumnsByTarget FindDeletedColumns(const Selection& selection, const TimeRange& range,
                                   PartReader* reader);

}  // namespace baro::tsdb
