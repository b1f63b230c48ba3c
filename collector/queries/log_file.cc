#include "queries/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::collector {

absl::StatusOr<std::unique_ptr<LogFile>> LogFile::Open(std::string path) {
  auto file = std::unique_ptr<LogFile>(new LogFile(std::move(path)));
  BARO_TRY(file->Reopen());
  return file;
}

LogFile::~LogFile() {
  base::MutexLock lock(&mutex_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

absl::Status LogFile::Reopen() {
  const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return absl::UnavailableError(
        base::StrCat("cannot open the query log ", path_, ": ", std::strerror(errno)));
  }
  base::MutexLock lock(&mutex_);
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = descriptor;
  return absl::OkStatus();
}

bool LogFile::Write(std::string_view line) {
  base::MutexLock lock(&mutex_);
  return ::write(descriptor_, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace baro::collector
