// SampleDropper: what a rewrite of parts leaves out. Tombstones are one; StoreImpl::Rewrite() asks.
#pragma once

#include <vector>

#include "baro/tsdb/store.h"
#include "part.h"
#include "time_range.h"

namespace baro::tsdb {

// Thread-safe; gives the same answers for the length of a rewrite.
class SampleDropper {
 public:
  virtual ~SampleDropper() = default;

  // Whether the part may hold anything that is to go. Cheap; a yes costs a rewrite of the part, a
  // no keeps all of it.
  virtual bool MayDrop(const Part& part) const = 0;
  // Times of the series' samples in the part that are to go: ascending, disjoint, both ends part of
  // each; empty when all stay.
  virtual std::vector<TimeRange> RangesOf(const Part& part, SeriesId series) const = 0;
};

}  // namespace baro::tsdb
