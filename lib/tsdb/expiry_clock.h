// ExpiryClock: what the store takes for now when it decides what is too old.
//
// A clock that runs wild must not cost what it cannot give back: a day of the year 2040 would be
// the end of every sample that is kept for a month. So the wall clock is not believed at once when
// it jumps ahead; meanwhile time goes on from where it was, by the clock that never jumps. A start
// long after the newest sealed sample may be such a jump, too. To be set back is believed at once:
// it takes nothing away.
#pragma once

#include <cstdint>

#include "baro/base/clock.h"
#include "baro/base/mutex.h"

namespace baro::tsdb {

// Thread-safe.
class ExpiryClock final : public base::Clock {
 public:
  // Ahead by less is no jump: machines sleep, leap seconds come.
  static constexpr int64_t kJumpMs = int64_t{3'600} * 1'000;
  // A jump that lasts this long is the truth.
  static constexpr int64_t kBelievedAfterMs = int64_t{24} * 3'600 * 1'000;

  // `clock` outlives it.
  explicit ExpiryClock(const base::Clock* clock);

  // At a start: the store has samples up to then.
  void SetNewest(int64_t newest_ms) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t NowMs() const override ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t MonotonicNs() const override { return clock_->MonotonicNs(); }

 private:
  int64_t MonotonicMs() const { return clock_->MonotonicNs() / 1'000'000; }

  const base::Clock* const clock_;
  mutable base::Mutex mutex_;
  mutable int64_t offset_ms_ ABSL_GUARDED_BY(mutex_);  // believed: wall less monotonic
  mutable bool doubts_ ABSL_GUARDED_BY(mutex_) = false;
  mutable int64_t doubted_since_ms_ ABSL_GUARDED_BY(mutex_) = 0;  // monotonic
};

}  // namespace baro::tsdb
