// Windows: which samples of a series each step sees. Left-open and right-closed, as in Prometheus
// 3: a sample exactly `range` old is not seen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "query.h"

namespace baro::promql {

// Samples [first[i], last[i]) belong to step i.
struct WindowBounds {
  std::vector<uint32_t> first;
  std::vector<uint32_t> last;
  size_t samples = 0;  // sum of the windows' sizes
  // Moves when a WindowCache computes them anew; 0: whoever made them changes them as it likes.
  uint64_t version = 0;
};

// Where the windows of a selector end: one per step, or one for all when @ fixes the time.
struct WindowSpec {
  StepGrid grid;
  int64_t range_ms = 0;
  int64_t offset_ms = 0;
  bool fixed = false;
  int64_t fixed_ms = 0;

  int64_t End(size_t step) const { return (fixed ? fixed_ms : grid.Time(step)) - offset_ms; }
  int64_t FirstMs() const { return End(0) - range_ms; }  // not seen by any window
  int64_t LastMs() const { return End(fixed ? 0 : grid.count - 1); }
};

// Computes bounds once for series that share their times one behind the other: those of one target,
// and of targets that were scraped at the same moments. Times are compared, not their addresses: a
// reader's buffer may hold those of another series by now. Thread-compatible.
class WindowCache {
 public:
  explicit WindowCache(const WindowSpec& spec) : spec_(spec) {}

  const WindowBounds& Bounds(std::span<const int64_t> times_ms);

 private:
  void Compute(std::span<const int64_t> times_ms);

  WindowSpec spec_;
  bool computed_ = false;
  std::vector<int64_t> times_ms_;  // that the bounds are of
  WindowBounds bounds_;
};

}  // namespace baro::promql
