#include "database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "folder.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

constexpr size_t kBlockCacheBytes = size_t{64} << 20;
constexpr size_t kBlockCacheBytesMin = size_t{4} << 20;
// The block cache's part of the process's memory when that is limited.
constexpr uint64_t kBlockCacheDivisor = 16;
constexpr size_t kJournalBufferBytes = size_t{8} << 20;
constexpr size_t kIndexBufferBytes = size_t{4} << 20;
// A quiet column family must not pin logs: bounds what a start has to replay.
constexpr uint64_t kLogBytesMax = uint64_t{64} << 20;
// Slot values are 100 B to 20 kB; neighbours are the same columns of other targets and compress
// together.
constexpr size_t kSlotBlockBytes = size_t{32} << 10;
// Merged values are longer, and read in longer runs: docs/adr/0016-merges.md has the measurements.
constexpr size_t kMergedBlockBytes = size_t{64} << 10;
constexpr int kMergedZstdLevel = 6;
// What a commit leaves free: room for RocksDB to flush and to start a new log.
constexpr uint64_t kFreeBytesMin = uint64_t{8} << 20;
constexpr size_t kProbeBytes = size_t{256} << 10;
constexpr int kOpenFilesMax = 512;

// Removes no table of `folder` once `manifest_in_doubt` is set.
class KeepTables final : public rocksdb::FileSystemWrapper {
 public:
  KeepTables(const std::shared_ptr<rocksdb::FileSystem>& base, std::string folder,
             std::shared_ptr<const std::atomic<bool>> manifest_in_doubt)
      : FileSystemWrapper(base),
        folder_(std::move(folder)),
        manifest_in_doubt_(std::move(manifest_in_doubt)) {}

  const char* Name() const override { return "BaroKeepTables"; }
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    const bool is_table = path.ends_with(".sst") && path.starts_with(folder_) &&
                          path.find('/', folder_.size() + 1) == std::string::npos;
    if (is_table && manifest_in_doubt_->load()) return rocksdb::IOStatus::OK();
    return target()->DeleteFile(path, options, debug);
  }

 private:
  const std::string folder_;
  const std::shared_ptr<const std::atomic<bool>> manifest_in_doubt_;
};

// Two things RocksDB 7.8 does after an error that a folder does not survive (docs/adr/0013):
//
// It resumes by itself after a full disk, whatever max_bgerror_resume_count says: it flushes one
// column family after the other from behind a log with a torn end. Stopped half-way, that leaves a
// folder it refuses ("SST file is ahead of WALs"). Forbidden; Reopen() instead.
//
// An ingestion whose manifest write failed removes its tables, though the manifest may name them:
// hence KeepTables. The next opening removes what the manifest does not name.
class ErrorListener final : public rocksdb::EventListener {
 public:
  explicit ErrorListener(std::shared_ptr<std::atomic<bool>> manifest_in_doubt)
      : manifest_in_doubt_(std::move(manifest_in_doubt)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                         rocksdb::Status* /*error*/) override {
    if (reason == rocksdb::BackgroundErrorReason::kManifestWrite) manifest_in_doubt_->store(true);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::shared_ptr<std::atomic<bool>> manifest_in_doubt_;
};

class SilentLog final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

rocksdb::DBOptions DatabaseOptions(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // The newest log may end in a torn write; what is before it was synced and counts.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_total_wal_size = kLogBytesMax;
  options.max_background_jobs = 2;
  options.max_bgerror_resume_count = 0;
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

rocksdb::ColumnFamilyOptions SlotOptions(const std::shared_ptr<rocksdb::Cache>& cache,
                                         size_t block_bytes = kSlotBlockBytes) {
  rocksdb::ColumnFamilyOptions options;
  // Only ever ingested into: no memtable, no compaction, no key in two files.
  options.write_buffer_size = size_t{1} << 20;
  options.disable_auto_compactions = true;
  options.compression = rocksdb::kZSTD;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = block_bytes;
  table.cache_index_and_filter_blocks = true;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// A folder without CURRENT is new, or its first opening was cut short before it could hold anything
// (then there is the first manifest, no other, no log and no table). Else the pointer to everything
// is lost: RocksDB would fail once, write a new CURRENT all the same, and start empty the next
// time.
absl::StatusOr<bool> IsNew(const std::string& path, rocksdb::Env* env) {
  const rocksdb::Status current = env->FileExists(path + "/CURRENT");
  if (current.ok()) return false;
  if (!current.IsNotFound()) return ToStatus(current, base::StrCat("look for ", path, "/CURRENT"));
  std::vector<std::string> names;
  BARO_TRY(ToStatus(env->GetChildren(path, &names), base::StrCat("list ", path)));
  for (const std::string& name : names) {
    const bool numbered = !name.empty() && name[0] >= '0' && name[0] <= '9';
    const bool is_store = (numbered && (name.ends_with(".log") || name.ends_with(".sst"))) ||
                          (name.starts_with("MANIFEST-") && name != "MANIFEST-000001");
    if (!is_store) continue;
    return absl::DataLossError(base::StrCat("cannot open ", path, ": file CURRENT is missing, but ",
                                            name, " of a store is there; restore CURRENT"));
  }
  return true;
}

size_t BlockCacheBytes(uint64_t memory_limit_bytes) {
  if (memory_limit_bytes == 0) return kBlockCacheBytes;
  return std::clamp<size_t>(memory_limit_bytes / kBlockCacheDivisor, kBlockCacheBytesMin,
                            kBlockCacheBytes);
}

}  // namespace

absl::Status ToStatus(const rocksdb::Status& status, std::string_view action) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = base::StrCat("cannot ", action, ": ", status.ToString());
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  if (status.IsCorruption()) return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

Database::Using::Using(const Database& database) : database_(database) {
  base::MutexLock lock(&database_.mutex_);
  while (database_.reopening_) database_.changed_.Wait(&database_.mutex_);
  ++database_.users_;
}

Database::Using::~Using() {
  base::MutexLock lock(&database_.mutex_);
  --database_.users_;
  database_.changed_.SignalAll();
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path, rocksdb::Env* env,
                                                         uint64_t memory_limit_bytes) {
  auto database = std::unique_ptr<Database>(new Database());
  database->SetPath(path, env, memory_limit_bytes);
  BARO_TRY(ToStatus(database->env_->CreateDirIfMissing(path), base::StrCat("create ", path)));
  base::MutexLock lock(&database->mutex_);
  BARO_TRY(database->OpenFamilies());
  return database;
}

void Database::SetPath(const std::string& path, rocksdb::Env* env, uint64_t memory_limit_bytes) {
  path_ = path;
  rocksdb::Env* const base_env = env != nullptr ? env : rocksdb::Env::Default();
  owned_env_ = rocksdb::NewCompositeEnv(
      std::make_shared<KeepTables>(base_env->GetFileSystem(), path, manifest_in_doubt_));
  env_ = owned_env_.get();
  cache_ = rocksdb::NewLRUCache(BlockCacheBytes(memory_limit_bytes));
  slot_options_ = rocksdb::Options(DatabaseOptions(env_), SlotOptions(cache_));
  merged_options_ = rocksdb::Options(DatabaseOptions(env_), SlotOptions(cache_, kMergedBlockBytes));
  merged_options_.compression_opts.level = kMergedZstdLevel;
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenReadOnly(const std::string& path,
                                                                 rocksdb::Env* env) {
  auto database = std::unique_ptr<Database>(new Database());
  database->SetPath(path, env, 0);
  database->read_only_ = true;
  if (!database->env_->FileExists(path + "/CURRENT").ok()) {
    return absl::NotFoundError(base::StrCat("cannot open ", path, ": there is no store"));
  }
  BARO_TRY(database->LockFolder());
  base::MutexLock lock(&database->mutex_);
  rocksdb::DBOptions options = DatabaseOptions(database->env_);
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  options.paranoid_checks = false;
  options.info_log = std::make_shared<SilentLog>();
  std::vector<std::string> names;
  BARO_TRY(ToStatus(rocksdb::DB::ListColumnFamilies(options, path, &names),
                    base::StrCat("open ", path)));
  BARO_TRY(database->OpenFamiliesOf(options, std::move(names)));
  return database;
}

// A file system that is read-only has no other process writing either.
absl::Status Database::LockFolder() {
  const std::string file = path_ + "/LOCK";
  const rocksdb::Status status = env_->LockFile(file, &lock_);
  if (status.ok() || access(path_.c_str(), W_OK) != 0) return absl::OkStatus();
  return absl::UnavailableError(base::StrCat(
      "cannot open ", path_, ": another process has it open (", status.ToString(), ")"));
}

absl::Status Database::OpenFamilies() {
  rocksdb::DBOptions options = DatabaseOptions(env_);
  options.listeners.push_back(std::make_shared<ErrorListener>(manifest_in_doubt_));
  manifest_in_doubt_->store(false);
  BARO_TRY_ASSIGN(const bool is_new, IsNew(path_, env_));
  std::vector<std::string> names;
  if (!is_new) {
    BARO_TRY(ToStatus(rocksdb::DB::ListColumnFamilies(options, path_, &names),
                      base::StrCat("open ", path_)));
  }
  for (const char* name : {"default", "index", "slots"}) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  }
  const absl::Status status = OpenFamiliesOf(options, names);
  if (!absl::IsDataLoss(status)) return status;
  BARO_TRY(SetDamagedAside(options, names));
  return OpenFamiliesOf(options, std::move(names));
}

// Of the tables that keep RocksDB from opening, those of `slots` are taken out, kept for people,
// and missed by whoever reads their part. The rest is the index and the journals: without them
// there is no store.
absl::Status Database::SetDamagedAside(rocksdb::DBOptions options,
                                       const std::vector<std::string>& names) {
  options.paranoid_checks = false;
  if (absl::Status status = OpenFamiliesOf(options, names); !status.ok()) {
    return absl::DataLossError(base::StrCat(base::FromAbsl(status.message()), kRestoreHint));
  }
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  absl::Status status;
  for (const rocksdb::LiveFileMetaData& file : files) {
    const std::string path = base::StrCat(path_, file.name);
    const absl::Status what = CheckTable(path, file.size);
    if (what.ok() || !status.ok()) continue;
    if (file.column_family_name != "slots") {
      status = absl::DataLossError(
          base::StrCat("cannot open ", path_, ": ", file.column_family_name, " is damaged in file ",
                       file.name.substr(1), ": ", base::FromAbsl(what.message()), kRestoreHint));
      continue;
    }
    status = SetFileAside(file.name.substr(1));
    if (!status.ok()) continue;
    const rocksdb::Slice first(file.smallestkey);
    const rocksdb::Slice last(file.largestkey);
    status = ToStatus(rocksdb::DeleteFilesInRange(db_.get(), slots_, &first, &last, true),
                      base::StrCat("take out ", path));
  }
  CloseFamilies();
  return status;
}

absl::Status Database::CheckTable(const std::string& path, uint64_t size) const {
  uint64_t there = 0;
  BARO_TRY(ToStatus(env_->GetFileSize(path, &there), base::StrCat("find ", path)));
  if (there != size) {
    return absl::DataLossError(base::StrCat("it has ", there, " bytes, not ", size));
  }
  rocksdb::SstFileReader reader(slot_options_);
  return ToStatus(reader.Open(path), base::StrCat("read ", path));
}

// Under quarantine/, by a link: the folder's own entry goes with the table.
absl::Status Database::SetFileAside(const std::string& name) const {
  const std::string from = base::StrCat(path_, "/", name);
  if (!env_->FileExists(from).ok()) return absl::OkStatus();
  const std::string folder = path_ + "/quarantine";
  BARO_TRY(CreateFolders(env_, folder));
  const std::string to = base::StrCat(folder, "/", name);
  if (env_->FileExists(to).ok() || env_->LinkFile(from, to).ok()) return absl::OkStatus();
  return CopyFile(env_, from, to).status();
}

absl::Status Database::OpenFamiliesOf(const rocksdb::DBOptions& options,
                                      std::vector<std::string> names) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) {
    uint64_t epoch = 0;
    if (name == "slots") {
      families.emplace_back(name, SlotOptions(cache_));
    } else {
      families.emplace_back(name,
                            ParseJournalName(name, &epoch) ? JournalOptions() : IndexOptions());
    }
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  BARO_TRY(ToStatus(read_only_
                        ? rocksdb::DB::OpenForReadOnly(options, path_, families, &handles, &db)
                        : rocksdb::DB::Open(options, path_, families, &handles, &db),
                    base::StrCat("open ", path_)));
  db_.reset(db);
  for (size_t i = 0; i < names.size(); ++i) {
    uint64_t epoch = 0;
    if (names[i] == "index") {
      index_ = handles[i];
    } else if (names[i] == "slots") {
      slots_ = handles[i];
    } else if (ParseJournalName(names[i], &epoch)) {
      journals_[epoch] = handles[i];
    } else {
      default_ = handles[i];
    }
  }
  return absl::OkStatus();
}

void Database::CloseFamilies() {
  if (db_ == nullptr) return;
  for (const auto& [epoch, handle] : journals_) db_->DestroyColumnFamilyHandle(handle);
  for (rocksdb::ColumnFamilyHandle* handle : {default_, index_, slots_}) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle);
  }
  journals_.clear();
  default_ = index_ = slots_ = nullptr;
  db_.reset();
}

Database::~Database() {
  base::MutexLock lock(&mutex_);
  CloseFamilies();
  if (lock_ != nullptr) env_->UnlockFile(lock_).PermitUncheckedError();
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
  const Using use(*this);
  if (db_ == nullptr) return absl::UnavailableError(base::StrCat("cannot write to ", path_));
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  BARO_TRY(Outcome(db_->CreateColumnFamily(JournalOptions(), JournalName(epoch), &handle),
                   base::StrCat("create journal ", epoch)));
  base::MutexLock lock(&mutex_);
  journals_[epoch] = handle;
  return handle;
}

absl::Status Database::KeepJournal(uint64_t epoch) const {
  const Using use(*this);
  rocksdb::ColumnFamilyHandle* handle = Journal(epoch);
  if (handle == nullptr) return absl::UnavailableError(base::StrCat("no journal ", epoch));
  rocksdb::ColumnFamilyMetaData files;
  db_->GetColumnFamilyMetaData(handle, &files);
  for (const rocksdb::LevelMetaData& level : files.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      BARO_TRY(SetFileAside(file.name.substr(1)));
    }
  }
  return absl::OkStatus();
}

absl::Status Database::DropJournal(uint64_t epoch) {
  const Using use(*this);
  rocksdb::ColumnFamilyHandle* handle = Journal(epoch);
  if (handle == nullptr) return absl::UnavailableError(base::StrCat("no journal ", epoch));
  BARO_TRY(Outcome(db_->DropColumnFamily(handle), base::StrCat("drop journal ", epoch)));
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

absl::Status Database::CheckDisk() const {
  const std::string file = path_ + "/probe.tmp";
  std::unique_ptr<rocksdb::WritableFile> probe;
  rocksdb::Status status = env_->NewWritableFile(file, &probe, rocksdb::EnvOptions());
  if (status.ok()) status = probe->Append(std::string(kProbeBytes, '\0'));
  if (status.ok()) status = probe->Sync();
  probe.reset();
  env_->DeleteFile(file).PermitUncheckedError();
  return ToStatus(status, base::StrCat("write to ", path_));
}

// RocksDB 7.8 cannot be trusted to resume: with nothing in memory to flush it keeps the broken log,
// and the next write to that aborts the process (facebook/rocksdb#12448); a resume that meets a
// full disk leaves it refusing for ever. Opening anew is what every start does.
absl::Status Database::Reopen() {
  BARO_TRY(CheckDisk());
  base::MutexLock lock(&mutex_);
  reopening_ = true;
  while (users_ > 0) changed_.Wait(&mutex_);
  CloseFamilies();
  const absl::Status status = OpenFamilies();
  writable_.store(status.ok(), std::memory_order_relaxed);
  reopening_ = false;
  changed_.SignalAll();
  return status;
}

absl::Status Database::Outcome(const rocksdb::Status& status, std::string_view action) {
  if (!status.ok()) writable_.store(false, std::memory_order_relaxed);
  return ToStatus(status, action);
}

absl::Status Database::MakeWritable() { return writable() ? absl::OkStatus() : Reopen(); }

absl::Status Database::Write(rocksdb::WriteBatch* batch) {
  if (!writable()) return absl::UnavailableError(base::StrCat("cannot write to ", path_, " yet"));
  BARO_TRY(CheckSpace(batch->GetDataSize()));
  rocksdb::WriteOptions options;
  options.sync = true;
  return Outcome(db_->Write(options, batch), base::StrCat("write to ", path_));
}

absl::Status Database::Ingest(const std::vector<std::string>& files) {
  const Using use(*this);
  if (db_ == nullptr) return absl::UnavailableError(base::StrCat("cannot ingest: no ", path_));
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.write_global_seqno = false;
  return Outcome(db_->IngestExternalFile(slots_, files, options), "ingest sealed parts");
}

absl::Status Database::Checkpoint(const std::string& folder) {
  const Using use(*this);
  if (db_ == nullptr) return absl::UnavailableError(base::StrCat("cannot copy ", path_));
  BARO_TRY(CreateFolders(env_, folder.substr(0, folder.rfind('/'))));
  env_->DeleteDir(folder).PermitUncheckedError();  // an empty one is in the way
  rocksdb::Checkpoint* checkpoint = nullptr;
  BARO_TRY(ToStatus(rocksdb::Checkpoint::Create(db_.get(), &checkpoint), "prepare a snapshot"));
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  const absl::Status status = ToStatus(checkpoint->CreateCheckpoint(folder, UINT64_MAX),
                                       base::StrCat("write snapshot to ", folder));
  if (!status.ok()) RemoveFolder(env_, folder + ".tmp").IgnoreError();
  return status;
}

absl::Status Database::Probe() {
  BARO_TRY(MakeWritable());
  rocksdb::WriteBatch batch;
  BARO_TRY(ToStatus(batch.Put(default_, "probe", ""), "gather a probe"));
  return Write(&batch);
}

absl::Status Database::DeleteSlots(const std::string& first, const std::string& last) {
  const Using use(*this);
  if (db_ == nullptr) return absl::UnavailableError(base::StrCat("cannot write to ", path_));
  const rocksdb::Slice begin(first);
  const rocksdb::Slice end(last);
  return Outcome(rocksdb::DeleteFilesInRange(db_.get(), slots_, &begin, &end, false),
                 "delete expired slots");
}

}  // namespace baro::tsdb
