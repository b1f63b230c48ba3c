// SpoolLock: one agent a spool. Two would number frames over each other.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace baro::agent {

// Holds the lock (flock on the file "lock" in the folder) until it goes; the kernel lets it go when
// the process dies. Move-only.
class SpoolLock {
 public:
  // Makes the folder when it is not there. Errors: FailedPrecondition (another process has it),
  // PermissionDenied and Unavailable of the folder itself.
  static absl::StatusOr<SpoolLock> Take(const std::string& folder);

  SpoolLock(SpoolLock&& other) noexcept;
  SpoolLock& operator=(SpoolLock&&) = delete;
  ~SpoolLock();

 private:
  explicit SpoolLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace baro::agent
