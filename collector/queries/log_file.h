// LogFile: a file that whole lines are added to; for the query log.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/mutex.h"

namespace baro::collector {

// Thread-safe. One write a line, so lines of several threads do not mix.
class LogFile {
 public:
  // Errors: Unavailable, with the system's reason.
  static absl::StatusOr<std::unique_ptr<LogFile>> Open(std::string path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // False: lost; the disk is full, say.
  bool Write(std::string_view line) ABSL_LOCKS_EXCLUDED(mutex_);
  // Goes on in a new file of the same name, after the old one was moved away.
  absl::Status Reopen() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  base::Mutex mutex_;
  int descriptor_ ABSL_GUARDED_BY(mutex_) = -1;
};

}  // namespace baro::collector
