#include "agent/spool_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "baro/base/strings.h"

namespace baro::agent {
namespace {

absl::Status FolderError(const std::string& folder, int error) {
  const std::string message =
      base::StrCat("cannot use spool folder ", folder, ": ", std::strerror(error));
  return error == EACCES || error == EPERM ? absl::PermissionDeniedError(message)
                                           : absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<SpoolLock> SpoolLock::Take(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return FolderError(folder, error.value());
  const std::string path = folder + "/lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return FolderError(folder, errno);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    close(descriptor);
    return absl::FailedPreconditionError(
        base::StrCat("cannot use spool folder ", folder, ": another agent has it"));
  }
  return SpoolLock(descriptor);
}

SpoolLock::SpoolLock(SpoolLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

SpoolLock::~SpoolLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace baro::agent
