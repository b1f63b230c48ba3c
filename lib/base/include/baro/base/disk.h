// Disk: the file operations our own formats need (the spool), so that a test can lose power, tear a
// write or fill up. RocksDB has an interface of its own for the same purpose (rocksdb::FileSystem).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::base {

// An append-only file. Thread-compatible. The destructor closes without syncing.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // Errors: ResourceExhausted (no space; a part may have been written), Unavailable (I/O error).
  virtual absl::Status Append(std::string_view bytes) = 0;
  // After OK, all that was appended survives a power cut, provided that the file's directory entry
  // does (SyncDir).
  virtual absl::Status Sync() = 0;
};

// Thread-safe. Paths are absolute.
class Disk {
 public:
  virtual ~Disk() = default;
  // Opens for appending; creates when missing.
  virtual absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) = 0;
  // Reads at most `size_max` bytes from `offset`; shorter at the end of the file. NotFound when
  // there is no such file.
  virtual absl::StatusOr<std::string> Read(const std::string& path, uint64_t offset,
                                           size_t size_max) = 0;
  virtual absl::StatusOr<uint64_t> Size(const std::string& path) = 0;
  virtual absl::Status Truncate(const std::string& path, uint64_t size) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // Creates the folder and its parents; OK when it is there already.
  virtual absl::Status CreateDirs(const std::string& path) = 0;
  // File names in a folder, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  // Makes creations, renames and removals in the folder survive a power cut.
  virtual absl::Status SyncDir(const std::string& path) = 0;
};

// The machine's disk; lives for ever.
Disk* RealDisk();

}  // namespace baro::base
