#include "window.h"

#include <algorithm>

namespace baro::promql {

const WindowBounds& WindowCache::Bounds(std::span<const int64_t> times_ms) {
  // Not by where they lie: a reader uses its buffer again for series that were put together.
  if (!computed_ || !std::ranges::equal(times_ms, times_ms_)) {
    computed_ = true;
    times_ms_.assign(times_ms.begin(), times_ms.end());
    Compute(times_ms);
  }
  return bounds_;
}

void WindowCache::Compute(std::span<const int64_t> times_ms) {
  const size_t steps = spec_.grid.count;
  bounds_.first.resize(steps);
  bounds_.last.resize(steps);
  bounds_.samples = 0;
  ++bounds_.version;
  size_t first = 0;
  size_t last = 0;
  for (size_t step = 0; step < steps; ++step) {
    if (step == 0 || !spec_.fixed) {
      const int64_t end = spec_.End(step);
      while (last < times_ms.size() && times_ms[last] <= end) ++last;
      while (first < last && times_ms[first] <= end - spec_.range_ms) ++first;
    }
    bounds_.first[step] = static_cast<uint32_t>(first);
    bounds_.last[step] = static_cast<uint32_t>(last);
    bounds_.samples += last - first;
  }
}

}  // namespace baro::promql
