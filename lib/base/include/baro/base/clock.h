// Time is an argument. system_clock::now() outside clock.cc fails ./dev check.
#pragma once

#include <atomic>
#include <cstdint>

namespace baro::base {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970 UTC; may jump when the machine's clock is set.
  virtual int64_t NowMs() const = 0;
  // Nanoseconds since an arbitrary start; never goes back.
  virtual int64_t MonotonicNs() const = 0;
};

// The machine's clock; lives for ever.
const Clock* RealClock();

// A clock that moves only when told to. Both clocks move together; SetNowMs() moves the wall clock
// alone.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(int64_t now_ms) : now_ms_(now_ms) {}
  int64_t NowMs() const override { return now_ms_.load(std::memory_order_acquire); }
  int64_t MonotonicNs() const override { return monotonic_ns_.load(std::memory_order_acquire); }
  void AdvanceMs(int64_t delta_ms) {
    now_ms_.fetch_add(delta_ms, std::memory_order_acq_rel);
    monotonic_ns_.fetch_add(delta_ms * 1'000'000, std::memory_order_acq_rel);
  }
  void SetNowMs(int64_t now_ms) { now_ms_.store(now_ms, std::memory_order_release); }

 private:
  std::atomic<int64_t> now_ms_;
  std::atomic<int64_t> monotonic_ns_{1};
};

}  // namespace baro::base
