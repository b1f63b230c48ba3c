// Database: RocksDB as the store uses it: column families, options, errors as absl::Status, and
// writing again after the disk was full. Options' reasons: docs/adr/0010-part-in-key.md.
#pragma once

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

// NoSpace is ResourceExhausted, Corruption DataLoss, all else Unavailable.
absl::Status ToStatus(const rocksdb::Status& status, std::string_view action);

// Thread-safe.
class Database {
 public:
  // `env` null: the machine's.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, rocksdb::Env* env);
  ~Database();

  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* index() const { return index_; }
  rocksdb::ColumnFamilyHandle* slots() const { return slots_; }
  const rocksdb::Options& slot_options() const { return slot_options_; }
  rocksdb::Env* env() const { return env_; }
  const std::string& path() const { return path_; }

  // Epochs of the journals there are, ascending.
  std::vector<uint64_t> Journals() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Null when there is no such journal.
  rocksdb::ColumnFamilyHandle* Journal(uint64_t epoch) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> CreateJournal(uint64_t epoch)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status DropJournal(uint64_t epoch) ABSL_LOCKS_EXCLUDED(mutex_);

  // Writes and syncs. After an error RocksDB refuses to write until it has recovered; each later
  // call tries that first, so it succeeds again by itself when the disk does.
  absl::Status Write(rocksdb::WriteBatch* batch);
  // Writes something small. Before anything that changes RocksDB's own manifest: a full disk found
  // by a log write is recovered from, one found by a manifest write only by opening anew.
  absl::Status Probe();
  bool writable() const { return writable_.load(std::memory_order_relaxed); }

  // Removes the files that hold only keys within [first, last). Readers of those keys are gone.
  absl::Status DeleteSlots(const std::string& first, const std::string& last);

 private:
  Database() = default;
  absl::Status Resume();
  absl::Status CheckSpace(uint64_t bytes) const;

  std::string path_;
  rocksdb::Env* env_ = nullptr;
  rocksdb::Options slot_options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  rocksdb::ColumnFamilyHandle* index_ = nullptr;
  rocksdb::ColumnFamilyHandle* slots_ = nullptr;
  mutable base::Mutex mutex_;
  std::map<uint64_t, rocksdb::ColumnFamilyHandle*> journals_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> writable_{true};
};

}  // namespace baro::tsdb
