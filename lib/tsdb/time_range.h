// TimeRange: what part of time a reader asks about, and when samples are there in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "baro/model/sample.h"

namespace baro::tsdb {

// Both ends are part of the range; empty when end_ms < start_ms.
struct TimeRange {
  int64_t start_ms = model::kTimeMsMin;
  int64_t end_ms = model::kTimeMsMax;

  bool empty() const { return end_ms < start_ms; }
  bool Meets(int64_t first_ms, int64_t last_ms) const {
    return first_ms <= end_ms && last_ms >= start_ms;
  }
  bool Covers(int64_t first_ms, int64_t last_ms) const {
    return start_ms <= first_ms && last_ms <= end_ms;
  }
};

// Between two samples further apart than this a series is not there: the length of a chunk range
// of Prometheus, whose answers to "which series are there" users know.
inline constexpr uint64_t kPresenceGapMaxMs = 2 * 3600 * 1000;

// What decides IsPresent() lies within this much around the range.
inline TimeRange AroundForPresence(const TimeRange& range) {
  constexpr auto kGap = static_cast<int64_t>(kPresenceGapMaxMs);
  return {std::max(range.start_ms, model::kTimeMsMin + kGap) - kGap,
          std::min(range.end_ms, model::kTimeMsMax - kGap) + kGap};
}

// Whether a series with samples at these times (ascending) is there in the range. A range that
// falls between two scrapes finds it as well.
inline bool IsPresent(std::span<const int64_t> times_ms, const TimeRange& range) {
  if (range.empty()) return false;
  const auto next = std::lower_bound(times_ms.begin(), times_ms.end(), range.start_ms);
  if (next == times_ms.end()) return false;
  if (*next <= range.end_ms) return true;
  if (next == times_ms.begin()) return false;
  // Unsigned: the difference of two times need not fit otherwise.
  return static_cast<uint64_t>(*next) - static_cast<uint64_t>(*(next - 1)) <= kPresenceGapMaxMs;
}

}  // namespace baro::tsdb
