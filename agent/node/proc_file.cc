#include "proc_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::agent {

ProcFile::ProcFile(std::string path, size_t buffer_bytes)
    : path_(std::move(path)), buffer_(std::max<size_t>(buffer_bytes, 64), '\0') {}

ProcFile::~ProcFile() { Close(); }

ProcFile::ProcFile(ProcFile&& other) noexcept
    : path_(other.path_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      keep_open_(other.keep_open_),
      buffer_(std::move(other.buffer_)) {}

void ProcFile::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

absl::Status ProcFile::Error(int error, std::string_view verb) {
  Close();
  const std::string message = base::StrCat("cannot ", verb, " ", path_, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EOPNOTSUPP:
      return absl::UnimplementedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status ProcFile::Open() {
  if (descriptor_ >= 0) return absl::OkStatus();
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) return Error(errno, "open");
  struct statfs file_system{};
  keep_open_ = fstatfs(descriptor_, &file_system) == 0 &&
               (file_system.f_type == PROC_SUPER_MAGIC || file_system.f_type == SYSFS_MAGIC);
  return absl::OkStatus();
}

absl::StatusOr<size_t> ProcFile::ReadAll() {
  size_t size = 0;
  while (true) {
    if (size == buffer_.size()) {
      if (size >= kProcFileBytesMax) {
        Close();
        return absl::ResourceExhaustedError(
            base::StrCat("cannot read ", path_, ": larger than ", kProcFileBytesMax, " bytes"));
      }
      buffer_.resize(std::min(2 * size, kProcFileBytesMax));
    }
    const ssize_t got =
        pread(descriptor_, buffer_.data() + size, buffer_.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(errno, "read");
    if (got == 0) return size;
    size += static_cast<size_t>(got);
  }
}

absl::StatusOr<std::string_view> ProcFile::Read() {
  BARO_TRY(Open());
  BARO_TRY_ASSIGN(const size_t size, ReadAll());
  if (!keep_open_) Close();
  return std::string_view(buffer_).substr(0, size);
}

bool ProcFile::MayHaveChanged() {
  if (descriptor_ < 0) return true;
  pollfd event{.fd = descriptor_, .events = POLLPRI, .revents = 0};
  return poll(&event, 1, 0) != 0;
}

}  // namespace baro::agent
