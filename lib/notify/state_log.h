// StateLog: a small durable map in one file. Every change is appended; when most of the file is
// out of date, it is written anew beside the old one, which is then replaced.
// Bytes: docs/formats/notify-queue.md.
//
//   file   = magic, record, record, …
//   record = size u32 | crc32c u32 | key size u32 | key | value     (little-endian; crc and size of
//   what follows; a record without value removes its key)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/disk.h"

namespace baro::notify {

inline constexpr std::string_view kStateLogMagic = "BAROMAP1";
// What a damaged size can make a reader allocate; an alert is a few KiB.
inline constexpr size_t kStateRecordBytesMax = size_t{4} << 20;

using State = std::map<std::string, std::string, std::less<>>;

// Reads records until the first that is damaged or cut short and applies them to `state`. Returns
// how many bytes of `bytes` (magic included) are good; 0 when the magic is wrong.
size_t ReadStateRecords(std::string_view bytes, State* state);

// Thread-compatible. The caller keeps the map itself and owns the disk.
class StateLog {
 public:
  // Opens the file or makes it; `state` becomes what it holds. What cannot be read is set aside as
  // FILE.damaged, the rest is kept (damaged_bytes()). Errors: those of the disk.
  static absl::StatusOr<std::unique_ptr<StateLog>> Open(base::Disk* disk, std::string path,
                                                        State* state);

  // Both take effect with the next Commit().
  void Put(std::string_view key, std::string_view value);
  void Erase(std::string_view key) { Put(key, {}); }

  // Appends the changes; with `sync` they survive a power cut when it returns OK. After an error
  // the file's end is in doubt: the next commit must be a Rewrite().
  absl::Status Commit(bool sync);

  // True when the file is mostly out of date, or in doubt.
  bool WantsRewrite() const;
  // Writes the file anew with `state`, which includes the changes not committed yet.
  absl::Status Rewrite(const State& state);

  uint64_t bytes() const { return bytes_; }
  uint64_t damaged_bytes() const { return damaged_bytes_; }

 private:
  StateLog(base::Disk* disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  absl::Status Load(State* state);
  absl::Status KeepDamaged(std::string_view bytes);

  base::Disk* const disk_;
  const std::string path_;
  std::unique_ptr<base::AppendFile> file_;
  std::string changes_;
  uint64_t bytes_ = 0;
  uint64_t live_bytes_ = 0;  // after the last rewrite or load
  uint64_t damaged_bytes_ = 0;
  bool in_doubt_ = false;
};

}  // namespace baro::notify
