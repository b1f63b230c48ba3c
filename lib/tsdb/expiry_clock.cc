#include "expiry_clock.h"

#include <algorithm>

namespace baro::tsdb {

ExpiryClock::ExpiryClock(const base::Clock* clock)
    : clock_(clock), offset_ms_(clock->NowMs() - MonotonicMs()) {}

void ExpiryClock::SetNewest(int64_t newest_ms) {
  base::MutexLock lock(&mutex_);
  const int64_t latest_ms = std::min(newest_ms, clock_->NowMs()) + kBelievedAfterMs;
  offset_ms_ = std::min(offset_ms_, latest_ms - MonotonicMs());
  doubts_ = clock_->NowMs() - MonotonicMs() > offset_ms_ + kJumpMs;
  doubted_since_ms_ = MonotonicMs();
}

int64_t ExpiryClock::NowMs() const {
  const int64_t wall_ms = clock_->NowMs();
  const int64_t monotonic_ms = MonotonicMs();
  base::MutexLock lock(&mutex_);
  const bool ahead = wall_ms - monotonic_ms > offset_ms_ + kJumpMs;
  if (ahead && !doubts_) doubted_since_ms_ = monotonic_ms;
  doubts_ = ahead && monotonic_ms - doubted_since_ms_ < kBelievedAfterMs;
  if (!doubts_) offset_ms_ = wall_ms - monotonic_ms;
  return monotonic_ms + offset_ms_;
}

}  // namespace baro::tsdb
