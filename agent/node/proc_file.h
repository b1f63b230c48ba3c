// ProcFile: a file of /proc or /sys that is read again and again.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::agent {

// Most that is read of one file; 4,096 CPUs make a /proc/stat of 1 MiB.
inline constexpr size_t kProcFileBytesMax = size_t{16} << 20;

// Thread-compatible. Keeps the descriptor open when the file lives in procfs or sysfs, where that
// saves most of a read's cost and the content is always the newest; anywhere else (a test's folder)
// opens anew, so that a replaced file is seen.
//
// The buffer starts small and grows: reading /proc/sys costs by the length that is asked for.
class ProcFile {
 public:
  explicit ProcFile(std::string path, size_t buffer_bytes = 4096);
  ~ProcFile();
  ProcFile(ProcFile&& other) noexcept;
  ProcFile& operator=(ProcFile&&) = delete;

  // All of the file; refers to this object's memory until the next call. Errors: NotFound,
  // PermissionDenied, Unimplemented (the kernel has it switched off), ResourceExhausted (larger
  // than kProcFileBytesMax), Unavailable (anything else; a vanished device among it).
  absl::StatusOr<std::string_view> Read();
  // True when the kernel has told (POLLPRI) of a change since the last call, and where it never
  // tells. mountinfo does. Requires a Read() before.
  bool MayHaveChanged();

  const std::string& path() const { return path_; }

 private:
  absl::Status Open();
  absl::Status Error(int error, std::string_view verb);
  absl::StatusOr<size_t> ReadAll();
  void Close();

  const std::string path_;
  int descriptor_ = -1;
  bool keep_open_ = false;
  std::string buffer_;
};

}  // namespace baro::agent
