// IntervalSet: which sequence numbers are there, as disjoint ranges. An agent that delivers a
// backlog and fresh frames side by side has two or three of them, not millions of numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace baro::base {

// Both ends are part of the range.
struct Interval {
  uint64_t first = 0;
  uint64_t last = 0;
  bool operator==(const Interval&) const = default;
};

// Numbers from 1 up. Thread-compatible. Add() costs O(ranges), Covers() O(log ranges).
class IntervalSet {
 public:
  // Requires 1 <= first <= last.
  void Add(Interval interval);
  // True when every number of the interval is there.
  bool Covers(Interval interval) const;

  // Every number from 1 up to here is there; 0 when 1 is not.
  uint64_t floor() const;
  // The largest number there is; 0 when empty.
  uint64_t max() const { return intervals_.empty() ? 0 : intervals_.back().last; }
  // Disjoint, not touching, ascending.
  const std::vector<Interval>& intervals() const { return intervals_; }

  bool operator==(const IntervalSet&) const = default;

 private:
  std::vector<Interval> intervals_;
};

}  // namespace baro::base
