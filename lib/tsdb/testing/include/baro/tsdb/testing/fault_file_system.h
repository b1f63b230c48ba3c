// FaultFileSystem: a disk under RocksDB that loses power, tears writes, fills up and fails.
//
// Files lie on the machine's disk as always; what is remembered beside them is how much of each has
// been synced, and which changes of folders have. CutPower() makes every operation fail, as if the
// process had stopped there; RestorePower() takes away what was not synced and lets a new store
// open the folder. The idea is LevelDB's db/fault_injection_test.cc.
//
// What a power cut leaves, the seed decides within this:
//
//   bytes     what a file's Sync() returned OK for. Of the rest nothing, a part, or a part whose
//   end
//             is garbled; even when a folder entry written later is there.
//   entries   creations, links, renames and removals form one line, as the journals of ext4 and XFS
//             write them; a beginning of it is there, at least up to the last change in a folder
//             that was synced. So a rename replaces at once or not at all, a name that was replaced
//             never is missing, a file removed may come back, and a later change is not there
//             without an earlier one. Harsher than these two: syncing a file brings no entry along.
//             POSIX alone would allow any order (btrfs does some of it); RocksDB itself is not made
//             for that: it syncs the folder once for a new manifest and the CURRENT that names it.
//   a failed Sync()  is not made good by a later one that says OK: Linux marks the pages clean all
//             the same (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
//
//   auto disk = baro::tsdb::testing::FaultFileSystem::Create(seed);
//   auto env = disk->NewEnv();             // outlives the store
//   options.env = env.get();
//   disk->CutPowerAfter(37);               // at the 37th write, sync, creation or rename from now
//   … append until it fails …
//   store.reset();
//   disk->RestorePower();
//   … Store::Open(options): everything acknowledged is there …
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "baro/base/mutex.h"

namespace baro::tsdb::testing {

enum class DiskFault { kNone, kFull, kBroken };

// Thread-safe.
class FaultFileSystem final : public rocksdb::FileSystemWrapper,
                              public std::enable_shared_from_this<FaultFileSystem> {
 public:
  static std::shared_ptr<FaultFileSystem> Create(uint64_t seed);

  // An Env over this file system, for StoreOptions::env.
  std::unique_ptr<rocksdb::Env> NewEnv();

  void CutPower() ABSL_LOCKS_EXCLUDED(mutex_);
  // Cuts at the n-th changing operation from now; 0 takes the order back.
  void CutPowerAfter(uint64_t operations) ABSL_LOCKS_EXCLUDED(mutex_);
  bool down() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The store that was open is gone by now.
  void RestorePower() ABSL_LOCKS_EXCLUDED(mutex_);
  // From now on writes fail: the disk is full (a write may leave a part), or broken.
  void SetFault(DiskFault fault) ABSL_LOCKS_EXCLUDED(mutex_) { SetFaultAfter(fault, 0); }
  // The next `operations` changing ones still succeed: a write may, and its sync fail.
  void SetFaultAfter(DiskFault fault, uint64_t operations) ABSL_LOCKS_EXCLUDED(mutex_);
  // Changing operations so far.
  uint64_t operations() const ABSL_LOCKS_EXCLUDED(mutex_);

  const char* Name() const override { return "BaroFaultFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;

  // What of a file a power cut leaves for certain. Shared by its hard links.
  struct FileState {
    uint64_t synced_bytes = 0;
    uint64_t written_bytes = 0;
    bool sync_failed = false;  // synced_bytes will not grow any more
  };

  // Called by the files. The status to fail with, or OK.
  rocksdb::IOStatus BeforeChange() ABSL_LOCKS_EXCLUDED(mutex_);
  bool disk_full() const ABSL_LOCKS_EXCLUDED(mutex_);
  void SyncFailed(const std::shared_ptr<FileState>& state) ABSL_LOCKS_EXCLUDED(mutex_);
  void Wrote(const std::shared_ptr<FileState>& state, uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void Truncated(const std::shared_ptr<FileState>& state, uint64_t bytes)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Synced(const std::shared_ptr<FileState>& state) ABSL_LOCKS_EXCLUDED(mutex_);
  void SyncedFolder(const std::string& path) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // A change of a folder that a power cut may take back.
  struct Change {
    std::string from;  // of a rename
    std::string to;    // the name made, replaced or removed
    bool had_target = false;
    std::string lost;  // what `to` held then, as far as it had been synced
  };

  FaultFileSystem(const std::shared_ptr<rocksdb::FileSystem>& base, uint64_t seed);
  Change Replacing(const std::string& path) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void TakeBack(const Change& change);
  void LoseUnsynced(const std::string& path, const FileState& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
  DiskFault fault_ ABSL_GUARDED_BY(mutex_) = DiskFault::kNone;
  uint64_t fault_at_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t cut_at_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: not ordered
  std::map<std::string, std::shared_ptr<FileState>> files_ ABSL_GUARDED_BY(mutex_);
  std::vector<Change> changes_ ABSL_GUARDED_BY(mutex_);  // not synced, oldest first
};

}  // namespace baro::tsdb::testing
