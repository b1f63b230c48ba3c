// Eventually: waits for a condition of other threads or processes, with a deadline instead of a
// sleep.
#pragma once

#include <functional>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace baro::base {

// True as soon as the condition holds; false when it does not within half a minute, which is time
// enough for a sanitizer on a loaded machine.
inline bool Eventually(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);  // tidy: ok (a test's deadline)
  while (!condition()) {
    if (absl::Now() > deadline) return false;  // tidy: ok (a test's deadline)
    absl::SleepFor(absl::Milliseconds(2));     // tidy: ok (the pause between two looks)
  }
  return true;
}

}  // namespace baro::base
