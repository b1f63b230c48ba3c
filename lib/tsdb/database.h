// Database: RocksDB as the store uses it: column families, options, errors as absl::Status, and
// writing again after the disk was full. Options' reasons: docs/adr/0010-part-in-key.md.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/mutex.h"

namespace baro::tsdb {

inline rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view FromSlice(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// What to do about an index that cannot be read; ends the texts of such errors.
inline constexpr std::string_view kRestoreHint =
    "; restore a backup into another folder (--tsdb.restore)";

// NoSpace is ResourceExhausted, Corruption DataLoss, all else Unavailable.
absl::Status ToStatus(const rocksdb::Status& status, std::string_view action);

// Thread-safe.
class Database {
 public:
  // `env` null: the machine's. `memory_limit_bytes`: of the process, the block cache takes a part
  // of it; 0: unknown.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, rocksdb::Env* env,
                                                        uint64_t memory_limit_bytes = 0);
  // For reading only: nothing in the folder changes, not even RocksDB's own log. Damaged tables do
  // not keep it from opening; reading them tells. Errors: NotFound (no store), Unavailable (another
  // process has it open).
  static absl::StatusOr<std::unique_ptr<Database>> OpenReadOnly(const std::string& path,
                                                                rocksdb::Env* env);
  ~Database();

  // Whoever reads beside the writer thread holds one as long as it uses db(), column families or an
  // iterator: MakeWritable() may have to open RocksDB anew. Not held for long: it holds up the
  // writer then.
  class Using {
   public:
    explicit Using(const Database& database);
    ~Using();
    Using(const Using&) = delete;
    Using& operator=(const Using&) = delete;

   private:
    const Database& database_;
  };

  // Null when the last opening failed; MakeWritable() tries again.
  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* index() const { return index_; }
  rocksdb::ColumnFamilyHandle* slots() const { return slots_; }
  const rocksdb::Options& slot_options() const { return slot_options_; }
  // For files of merged parts: written seldom, kept long.
  const rocksdb::Options& merged_options() const { return merged_options_; }
  rocksdb::Env* env() const { return env_; }
  const std::string& path() const { return path_; }

  // Epochs of the journals there are, ascending.
  std::vector<uint64_t> Journals() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Null when there is no such journal.
  rocksdb::ColumnFamilyHandle* Journal(uint64_t epoch) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> CreateJournal(uint64_t epoch)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Its tables under quarantine/, where they stay.
  absl::Status KeepJournal(uint64_t epoch) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status DropJournal(uint64_t epoch) ABSL_LOCKS_EXCLUDED(mutex_);

  // After a failed write: tries whether the disk takes a file, then opens RocksDB anew. Comes
  // before a batch names a column family: there are none while the last opening has failed, and
  // RocksDB takes null for the default one. The writer thread only.
  absl::Status MakeWritable();
  // Writes and syncs. MakeWritable() has said OK since the last error. After an error the batch may
  // be in the log all the same, whole or not at all: docs/adr/0013. The writer thread only.
  absl::Status Write(rocksdb::WriteBatch* batch);
  // Writes something small. Before anything that changes RocksDB's own manifest: a full disk found
  // by a log write is recovered from, one found by a manifest write only by opening anew.
  absl::Status Probe();
  bool writable() const { return writable_.load(std::memory_order_relaxed); }

  // A copy of all as of now in a folder of its own that must not exist: tables are linked where the
  // file system can, logs are copied. Nothing is flushed, so a disk that is full harms the copy
  // only.
  absl::Status Checkpoint(const std::string& folder);
  absl::Status Ingest(const std::vector<std::string>& files);
  // Removes the files that hold only keys within [first, last). Readers of those keys are gone.
  absl::Status DeleteSlots(const std::string& first, const std::string& last);

 private:
  Database() = default;
  void SetPath(const std::string& path, rocksdb::Env* env, uint64_t memory_limit_bytes);
  absl::Status LockFolder();
  absl::Status OpenFamilies() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SetDamagedAside(rocksdb::DBOptions options, const std::vector<std::string>& names)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckTable(const std::string& path, uint64_t size) const;
  absl::Status SetFileAside(const std::string& name) const;
  absl::Status OpenFamiliesOf(const rocksdb::DBOptions& options, std::vector<std::string> names)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseFamilies() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Reopen() ABSL_LOCKS_EXCLUDED(mutex_);
  // Of a change; after a failed one the next write opens anew.
  absl::Status Outcome(const rocksdb::Status& status, std::string_view action);
  absl::Status CheckSpace(uint64_t bytes) const;
  absl::Status CheckDisk() const;

  std::string path_;
  // A manifest write failed since the last opening: it may name tables RocksDB thinks are not
  // there.
  const std::shared_ptr<std::atomic<bool>> manifest_in_doubt_ =
      std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<rocksdb::Env> owned_env_;
  rocksdb::Env* env_ = nullptr;
  rocksdb::Options slot_options_;
  bool read_only_ = false;
  rocksdb::FileLock* lock_ = nullptr;  // read-only: RocksDB itself takes none
  rocksdb::Options merged_options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  rocksdb::ColumnFamilyHandle* index_ = nullptr;
  rocksdb::ColumnFamilyHandle* slots_ = nullptr;
  std::shared_ptr<rocksdb::Cache> cache_;
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  mutable size_t users_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reopening_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<uint64_t, rocksdb::ColumnFamilyHandle*> journals_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> writable_{true};
};

}  // namespace baro::tsdb
