#include "baro/tsdb/testing/fault_file_system.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace baro::tsdb::testing {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using FileState = FaultFileSystem::FileState;

// One message for all: the process it would reach no longer exists.
IOStatus PowerIsOff() { return IOStatus::IOError("power is off"); }

std::string FolderOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

std::string ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

class FaultFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::shared_ptr<FaultFileSystem> disk,
            std::shared_ptr<FileState> state)
      : FSWritableFileOwnerWrapper(std::move(file)),
        disk_(std::move(disk)),
        state_(std::move(state)) {}

  IOStatus Append(const rocksdb::Slice& bytes, const IOOptions& options,
                  IODebugContext* debug) override {
    if (IOStatus status = disk_->BeforeChange(); !status.ok()) {
      // A disk that runs full takes what fits.
      if (disk_->disk_full() && bytes.size() > 1) {
        const rocksdb::Slice part(bytes.data(), bytes.size() / 2);
        if (target()->Append(part, options, debug).ok()) disk_->Wrote(state_, part.size());
      }
      return status;
    }
    IOStatus status = target()->Append(bytes, options, debug);
    if (status.ok()) disk_->Wrote(state_, bytes.size());
    return status;
  }
  IOStatus Append(const rocksdb::Slice& bytes, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*verification*/,
                  IODebugContext* debug) override {
    return Append(bytes, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus status = disk_->BeforeChange(); !status.ok()) return status;
    IOStatus status = target()->Truncate(size, options, debug);
    if (status.ok()) disk_->Truncated(state_, size);
    return status;
  }
  // What a sync promises is kept in state_, so the machine's own (slow) one is left out.
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (IOStatus status = disk_->BeforeChange(); !status.ok()) {
      disk_->SyncFailed(state_);
      return status;
    }
    IOStatus status = target()->Flush(options, debug);
    if (status.ok()) disk_->Synced(state_);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus RangeSync(uint64_t /*offset*/, uint64_t /*size*/, const IOOptions& /*options*/,
                     IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }

 private:
  const std::shared_ptr<FaultFileSystem> disk_;
  const std::shared_ptr<FileState> state_;
};

class FaultDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  FaultDirectory(std::unique_ptr<rocksdb::FSDirectory>&& directory,
                 std::shared_ptr<FaultFileSystem> disk, std::string path)
      : FSDirectoryWrapper(std::move(directory)), disk_(std::move(disk)), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    if (IOStatus status = disk_->BeforeChange(); !status.ok()) return status;
    disk_->SyncedFolder(path_);
    return IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& /*which*/) override {
    return Fsync(options, debug);
  }

 private:
  const std::shared_ptr<FaultFileSystem> disk_;
  const std::string path_;
};

}  // namespace

std::shared_ptr<FaultFileSystem> FaultFileSystem::Create(uint64_t seed) {
  return std::shared_ptr<FaultFileSystem>(
      new FaultFileSystem(rocksdb::FileSystem::Default(), seed));
}

FaultFileSystem::FaultFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base, uint64_t seed)
    : FileSystemWrapper(base), random_(seed) {}

std::unique_ptr<rocksdb::Env> FaultFileSystem::NewEnv() {
  return rocksdb::NewCompositeEnv(shared_from_this());
}

void FaultFileSystem::CutPower() {
  base::MutexLock lock(&mutex_);
  down_ = true;
}

void FaultFileSystem::CutPowerAfter(uint64_t operations) {
  base::MutexLock lock(&mutex_);
  cut_at_ = operations == 0 ? 0 : operations_ + operations;
}

bool FaultFileSystem::down() const {
  base::MutexLock lock(&mutex_);
  return down_;
}

void FaultFileSystem::SetFaultAfter(DiskFault fault, uint64_t operations) {
  base::MutexLock lock(&mutex_);
  fault_ = fault;
  fault_at_ = operations_ + operations;
}

uint64_t FaultFileSystem::operations() const {
  base::MutexLock lock(&mutex_);
  return operations_;
}

bool FaultFileSystem::disk_full() const {
  base::MutexLock lock(&mutex_);
  return !down_ && fault_ == DiskFault::kFull && operations_ > fault_at_;
}

IOStatus FaultFileSystem::BeforeChange() {
  base::MutexLock lock(&mutex_);
  ++operations_;
  if (cut_at_ != 0 && operations_ >= cut_at_) down_ = true;
  if (down_) return PowerIsOff();
  if (fault_ == DiskFault::kNone || operations_ <= fault_at_) return IOStatus::OK();
  // As RocksDB's own file system reports them.
  IOStatus status = fault_ == DiskFault::kFull ? IOStatus::NoSpace("disk is full")
                                               : IOStatus::IOError("disk is broken");
  status.SetRetryable(fault_ == DiskFault::kFull);
  return status;
}

void FaultFileSystem::Wrote(const std::shared_ptr<FileState>& state, uint64_t bytes) {
  base::MutexLock lock(&mutex_);
  state->written_bytes += bytes;
}

void FaultFileSystem::Truncated(const std::shared_ptr<FileState>& state, uint64_t bytes) {
  base::MutexLock lock(&mutex_);
  state->written_bytes = bytes;
  state->synced_bytes = std::min(state->synced_bytes, bytes);
}

void FaultFileSystem::Synced(const std::shared_ptr<FileState>& state) {
  base::MutexLock lock(&mutex_);
  if (!state->sync_failed) state->synced_bytes = state->written_bytes;
}

void FaultFileSystem::SyncFailed(const std::shared_ptr<FileState>& state) {
  base::MutexLock lock(&mutex_);
  state->sync_failed = true;
}

void FaultFileSystem::SyncedFolder(const std::string& path) {
  const std::string folder = std::filesystem::path(path + "/").parent_path().string();
  base::MutexLock lock(&mutex_);
  // What came before the folder's last change is there with it.
  while (!changes_.empty()) {
    const bool inside = std::any_of(changes_.begin(), changes_.end(), [&](const Change& change) {
      return FolderOf(change.to) == folder;
    });
    if (!inside) return;
    changes_.erase(changes_.begin());
  }
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& path,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file,
                                          IODebugContext* debug) {
  if (IOStatus status = BeforeChange(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> inner;
  auto state = std::make_shared<FileState>();
  {
    base::MutexLock lock(&mutex_);
    Change change = Replacing(path);
    if (IOStatus status = target()->NewWritableFile(path, options, &inner, debug); !status.ok()) {
      return status;
    }
    files_[path] = state;
    // Emptying a file that is there changes no folder.
    if (!change.had_target) changes_.push_back(std::move(change));
  }
  *file = std::make_unique<FaultFile>(std::move(inner), shared_from_this(), std::move(state));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::ReopenWritableFile(const std::string& path,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             IODebugContext* debug) {
  if (IOStatus status = BeforeChange(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> inner;
  if (IOStatus status = target()->ReopenWritableFile(path, options, &inner, debug); !status.ok()) {
    return status;
  }
  std::shared_ptr<FileState> state;
  {
    base::MutexLock lock(&mutex_);
    auto& known = files_[path];
    if (known == nullptr) {
      known = std::make_shared<FileState>();
      known->written_bytes = known->synced_bytes = std::filesystem::file_size(path);
    }
    state = known;
  }
  *file = std::make_unique<FaultFile>(std::move(inner), shared_from_this(), std::move(state));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* directory,
                                       IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> inner;
  if (IOStatus status = target()->NewDirectory(path, options, &inner, debug); !status.ok()) {
    return status;
  }
  *directory = std::make_unique<FaultDirectory>(std::move(inner), shared_from_this(), path);
  return IOStatus::OK();
}

FaultFileSystem::Change FaultFileSystem::Replacing(const std::string& path) const {
  Change change;
  change.to = path;
  change.had_target = std::filesystem::exists(path);
  if (!change.had_target) return change;
  change.lost = ReadWhole(path);
  if (const auto it = files_.find(path); it != files_.end()) {
    change.lost.resize(std::min<uint64_t>(change.lost.size(), it->second->synced_bytes));
  }
  return change;
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                     IODebugContext* debug) {
  base::MutexLock lock(&mutex_);
  if (down_) return PowerIsOff();
  Change change = Replacing(path);
  if (IOStatus status = target()->DeleteFile(path, options, debug); !status.ok()) return status;
  files_.erase(path);
  changes_.push_back(std::move(change));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to,
                                     const IOOptions& options, IODebugContext* debug) {
  if (IOStatus status = BeforeChange(); !status.ok()) return status;
  base::MutexLock lock(&mutex_);
  Change change = Replacing(to);
  change.from = from;
  if (IOStatus status = target()->RenameFile(from, to, options, debug); !status.ok()) return status;
  files_.erase(to);
  if (const auto it = files_.find(from); it != files_.end()) {
    files_[to] = it->second;
    files_.erase(from);
  }
  changes_.push_back(std::move(change));
  return IOStatus::OK();
}

IOStatus FaultFileSystem::LinkFile(const std::string& from, const std::string& to,
                                   const IOOptions& options, IODebugContext* debug) {
  if (IOStatus status = BeforeChange(); !status.ok()) return status;
  base::MutexLock lock(&mutex_);
  Change change = Replacing(to);
  if (IOStatus status = target()->LinkFile(from, to, options, debug); !status.ok()) return status;
  if (const auto it = files_.find(from); it != files_.end()) files_[to] = it->second;
  changes_.push_back(std::move(change));
  return IOStatus::OK();
}

void FaultFileSystem::RestorePower() {
  base::MutexLock lock(&mutex_);
  for (const auto& [path, state] : files_) {
    LoseUnsynced(path, *state);
    state->written_bytes = state->synced_bytes;  // its other hard links are done with as well
  }
  // Nothing of the line, all of it, or a part: all and nothing are where programs err most.
  const uint64_t fate = random_() % 3;
  size_t kept = fate == 0 ? 0 : changes_.size();
  if (fate == 2) kept = random_() % (changes_.size() + 1);
  for (size_t i = changes_.size(); i > kept; --i) TakeBack(changes_[i - 1]);
  files_.clear();
  changes_.clear();
  down_ = false;
  fault_ = DiskFault::kNone;
  cut_at_ = 0;
}

// The changes after it have been taken back.
void FaultFileSystem::TakeBack(const Change& change) {
  if (!change.from.empty()) {
    std::filesystem::rename(change.to, change.from);
  } else if (!change.had_target) {
    std::filesystem::remove(change.to);
  }
  if (change.had_target) std::ofstream(change.to, std::ios::binary) << change.lost;
}

void FaultFileSystem::LoseUnsynced(const std::string& path, const FileState& state) {
  if (!std::filesystem::exists(path) || state.written_bytes <= state.synced_bytes) return;
  uint64_t kept = state.synced_bytes;
  const uint64_t fate = random_() % 3;  // all is lost, a part stays, a part stays and is garbled
  if (fate > 0) kept += random_() % (state.written_bytes - state.synced_bytes + 1);
  std::filesystem::resize_file(path, kept);
  if (fate < 2 || kept == state.synced_bytes) return;
  const uint64_t garbled = std::min<uint64_t>(kept - state.synced_bytes, 1 + random_() % 512);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(kept - garbled));
  for (uint64_t i = 0; i < garbled; ++i) file.put(static_cast<char>(random_()));
}

}  // namespace baro::tsdb::testing
