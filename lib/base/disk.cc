#include "baro/base/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::base {
namespace {

absl::Status ErrnoStatus(std::string_view verb, std::string_view path, int error) {
  const std::string text = StrCat("cannot ", verb, " ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::UnavailableError(text);
}

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0640)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

class MachineFile final : public AppendFile {
 public:
  explicit MachineFile(const std::string& path)
      : path_(path), descriptor_(path, O_WRONLY | O_CREAT | O_APPEND) {}
  bool opened() const { return descriptor_.get() >= 0; }

  absl::Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoStatus("append to", path_, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    if (::fdatasync(descriptor_.get()) != 0) return ErrnoStatus("sync", path_, errno);
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  const Descriptor descriptor_;
};

class MachineDisk final : public Disk {
 public:
  absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override {
    auto file = std::make_unique<MachineFile>(path);
    if (!file->opened()) return ErrnoStatus("open", path, errno);
    return file;
  }

  absl::StatusOr<std::string> Read(const std::string& path, uint64_t offset,
                                   size_t size_max) override {
    const Descriptor file(path, O_RDONLY);
    if (file.get() < 0) return ErrnoStatus("open", path, errno);
    struct stat facts;
    if (::fstat(file.get(), &facts) != 0) return ErrnoStatus("stat", path, errno);
    const auto file_size = static_cast<uint64_t>(facts.st_size);
    std::string bytes(std::min<uint64_t>(size_max, file_size - std::min(offset, file_size)), '\0');
    size_t filled = 0;
    while (filled < bytes.size()) {
      const ssize_t got = ::pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                                  static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus("read", path, errno);
      if (got == 0) break;
      filled += static_cast<size_t>(got);
    }
    bytes.resize(filled);
    return bytes;
  }

  absl::StatusOr<uint64_t> Size(const std::string& path) override {
    struct stat facts;
    if (::stat(path.c_str(), &facts) != 0) return ErrnoStatus("stat", path, errno);
    return static_cast<uint64_t>(facts.st_size);
  }

  absl::Status Truncate(const std::string& path, uint64_t size) override {
    if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0)
      return ErrnoStatus("truncate", path, errno);
    return absl::OkStatus();
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus("rename", from, errno);
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return ErrnoStatus("remove", path, errno);
    return absl::OkStatus();
  }

  absl::Status CreateDirs(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return ErrnoStatus("create", path, error.value());
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return ErrnoStatus("list", path, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status SyncDir(const std::string& path) override {
    const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
    if (folder.get() < 0) return ErrnoStatus("open", path, errno);
    if (::fsync(folder.get()) != 0) return ErrnoStatus("sync", path, errno);
    return absl::OkStatus();
  }
};

}  // namespace

Disk* RealDisk() {
  static MachineDisk disk;
  return &disk;
}

}  // namespace baro::base
