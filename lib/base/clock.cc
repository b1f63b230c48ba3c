#include "baro/base/clock.h"

#include <chrono>

namespace baro::base {
namespace {

class MachineClock final : public Clock {
 public:
  int64_t NowMs() const override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  }
  int64_t MonotonicNs() const override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  }
};

}  // namespace

const Clock* RealClock() {
  static const MachineClock clock;
  return &clock;
}

}  // namespace baro::base
