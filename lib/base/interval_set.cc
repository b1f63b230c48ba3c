#include "baro/base/interval_set.h"

#include <algorithm>

#include "baro/base/check.h"

namespace baro::base {

void IntervalSet::Add(Interval interval) {
  BARO_CHECK_GE(interval.first, 1u);
  BARO_CHECK_LE(interval.first, interval.last);
  // All that overlap or touch the new one melt into it: [begin, end).
  auto begin = std::lower_bound(
      intervals_.begin(), intervals_.end(), interval.first,
      [](const Interval& range, uint64_t first) { return range.last < first - 1; });
  auto end = begin;
  while (end != intervals_.end() && end->first - 1 <= interval.last) {
    interval.first = std::min(interval.first, end->first);
    interval.last = std::max(interval.last, end->last);
    ++end;
  }
  if (begin == end) {
    intervals_.insert(begin, interval);
    return;
  }
  *begin = interval;
  intervals_.erase(begin + 1, end);
}

bool IntervalSet::Covers(Interval interval) const {
  const auto range =
      std::lower_bound(intervals_.begin(), intervals_.end(), interval.first,
                       [](const Interval& left, uint64_t first) { return left.last < first; });
  return range != intervals_.end() && range->first <= interval.first &&
         interval.last <= range->last;
}

uint64_t IntervalSet::floor() const {
  if (intervals_.empty() || intervals_.front().first != 1) return 0;
  return intervals_.front().last;
}

}  // namespace baro::base
