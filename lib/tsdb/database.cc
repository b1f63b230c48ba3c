#include "database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

constexpr size_t kBlockCacheBytes = size_t{64} << 20;
constexpr size_t kJournalBufferBytes = size_t{8} << 20;
constexpr size_t kIndexBufferBytes = size_t{4} << 20;
// A quiet column family must not pin logs: bounds what a start has to replay.
constexpr uint64_t kLogBytesMax = uint64_t{64} << 20;
// Slot values are 100 B to 20 kB; neighbours are the same columns of other targets and compress
// together.
constexpr size_t kSlotBlockBytes = size_t{32} << 10;
// What a commit leaves free: room for RocksDB to flush and to start a new log.
constexpr uint64_t kFreeBytesMin = uint64_t{8} << 20;
constexpr int kOpenFilesMax = 512;

rocksdb::DBOptions DatabaseOptions(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // The newest log may end in a torn write; what is before it was synced and counts.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_total_wal_size = kLogBytesMax;
  options.max_background_jobs = 2;
  options.avoid_flush_during_shutdown = true;  // what is not in a log need not survive
  options.max_open_files = kOpenFilesMax;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_log_file_size = size_t{4} << 20;
  options.keep_log_file_num = 4;
  options.max_manifest_file_size = uint64_t{8} << 20;
  return options;
}

rocksdb::ColumnFamilyOptions JournalOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kJournalBufferBytes;
  options.max_write_buffer_number = 2;
  options.disable_auto_compactions = true;        // read once at most, then dropped whole
  options.compression = rocksdb::kNoCompression;  // agents' frames are compressed already
  return options;
}

rocksdb::ColumnFamilyOptions IndexOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kIndexBufferBytes;
  options.max_write_buffer_number = 2;
  options.compression = rocksdb::kZSTD;
  return options;
}

rocksdb::ColumnFamilyOptions SlotOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  // Only ever ingested into: no memtable, no compaction, no key in two files.
  options.write_buffer_size = size_t{1} << 20;
  options.disable_auto_compactions = true;
  options.compression = rocksdb::kZSTD;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = kSlotBlockBytes;
  table.cache_index_and_filter_blocks = true;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

absl::Status ToStatus(const rocksdb::Status& status, std::string_view action) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = base::StrCat("cannot ", action, ": ", status.ToString());
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  if (status.IsCorruption()) return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         rocksdb::Env* env) {
  auto database = std::unique_ptr<Database>(new Database());
  database->path_ = path;
  database->env_ = env != nullptr ? env : rocksdb::Env::Default();
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  const rocksdb::DBOptions options = DatabaseOptions(database->env_);
  database->slot_options_ = rocksdb::Options(options, SlotOptions(cache));
  BARO_TRY(ToStatus(database->env_->CreateDirIfMissing(path), base::StrCat("create ", path)));

  std::vector<std::string> names;
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(options, path, &names);
  if (!listed.ok()) names.clear();  // a new folder; a damaged one fails in Open() below
  for (const char* name : {"default", "index", "slots"}) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) {
    uint64_t epoch = 0;
    if (name == "slots") {
      families.emplace_back(name, SlotOptions(cache));
    } else {
      families.emplace_back(name,
                            ParseJournalName(name, &epoch) ? JournalOptions() : IndexOptions());
    }
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  BARO_TRY(ToStatus(rocksdb::DB::Open(options, path, families, &handles, &db),
                    base::StrCat("open ", path)));
  database->db_.reset(db);
  base::MutexLock lock(&database->mutex_);
  for (size_t i = 0; i < names.size(); ++i) {
    uint64_t epoch = 0;
    if (names[i] == "index") {
      database->index_ = handles[i];
    } else if (names[i] == "slots") {
      database->slots_ = handles[i];
    } else if (ParseJournalName(names[i], &epoch)) {
      database->journals_[epoch] = handles[i];
    } else {
      database->default_ = handles[i];
    }
  }
  return database;
}

Database::~Database() {
  if (db_ == nullptr) return;
  base::MutexLock lock(&mutex_);
  for (const auto& [epoch, handle] : journals_) db_->DestroyColumnFamilyHandle(handle);
  for (rocksdb::ColumnFamilyHandle* handle : {default_, index_, slots_}) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle);
  }
}

std::vector<uint64_t> Database::Journals() const {
  base::MutexLock lock(&mutex_);
  std::vector<uint64_t> epochs;
  for (const auto& [epoch, handle] : journals_) epochs.push_back(epoch);
  return epochs;
}

rocksdb::ColumnFamilyHandle* Database::Journal(uint64_t epoch) const {
  base::MutexLock lock(&mutex_);
  const auto it = journals_.find(epoch);
  return it == journals_.end() ? nullptr : it->second;
}

absl::StatusOr<rocksdb::ColumnFamilyHandle*> Database::CreateJournal(uint64_t epoch) {
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  BARO_TRY(ToStatus(db_->CreateColumnFamily(JournalOptions(), JournalName(epoch), &handle),
                    base::StrCat("create journal ", epoch)));
  base::MutexLock lock(&mutex_);
  journals_[epoch] = handle;
  return handle;
}

absl::Status Database::DropJournal(uint64_t epoch) {
  rocksdb::ColumnFamilyHandle* handle = Journal(epoch);
  BARO_CHECK(handle != nullptr);
  BARO_TRY(ToStatus(db_->DropColumnFamily(handle), base::StrCat("drop journal ", epoch)));
  base::MutexLock lock(&mutex_);
  journals_.erase(epoch);
  db_->DestroyColumnFamilyHandle(handle);
  return absl::OkStatus();
}

// Refusing early is cheaper for all than running into the wall; who fills the disk besides us may
// still get there first.
absl::Status Database::CheckSpace(uint64_t bytes) const {
  uint64_t free_bytes = 0;
  if (!env_->GetFreeSpace(path_, &free_bytes).ok()) return absl::OkStatus();
  if (free_bytes >= kFreeBytesMin + bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("cannot write to ", path_, ": ", free_bytes, " bytes free on the disk"));
}

absl::Status Database::Resume() { return ToStatus(db_->Resume(), "resume writing"); }

// RocksDB 7.8 recovers from a failed log write by flushing what is in memory, which starts a new
// log; with nothing in memory it keeps the broken log, and the next write to it aborts the process
// (facebook/rocksdb#12448). So there is always a key in memory that no log knows; writing it also
// makes RocksDB switch logs, when that is due, before the write that matters.
absl::Status Database::Write(rocksdb::WriteBatch* batch) {
  BARO_TRY(CheckSpace(batch->GetDataSize()));
  if (!writable()) BARO_TRY(Resume());
  rocksdb::WriteOptions unlogged;
  unlogged.disableWAL = true;
  rocksdb::Status status = db_->Put(unlogged, default_, "in memory", "");
  rocksdb::WriteOptions options;
  options.sync = true;
  if (status.ok()) status = db_->Write(options, batch);
  writable_.store(status.ok(), std::memory_order_relaxed);
  return ToStatus(status, base::StrCat("write to ", path_));
}

absl::Status Database::Probe() {
  rocksdb::WriteBatch batch;
  BARO_TRY(ToStatus(batch.Put(default_, "probe", ""), "gather a probe"));
  return Write(&batch);
}

absl::Status Database::DeleteSlots(const std::string& first, const std::string& last) {
  const rocksdb::Slice begin(first);
  const rocksdb::Slice end(last);
  return ToStatus(rocksdb::DeleteFilesInRange(db_.get(), slots_, &begin, &end, false),
                  "delete expired slots");
}

}  // namespace baro::tsdb
