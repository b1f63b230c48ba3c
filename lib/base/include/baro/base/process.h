// What a program of ours does first in main().
#pragma once

#include "absl/synchronization/mutex.h"

namespace baro::base {

// Debian's libabsl looks for lock cycles at every Lock(), which costs more than the lock itself.
// Programs turn that off; tests keep it.
inline void DisableDeadlockDetection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace baro::base
