// StoreAdmin: what an operator does to a store: delete, clean up, snapshot, back up, verify; and
// what works on a folder that no process has open: verify, restore. docs/operations.md is the
// operator's page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/matcher.h"
#include "baro/model/sample.h"

namespace rocksdb {
class Env;
}

namespace baro::tsdb {

// Series by selectors, and a range of time; both ends are part of it.
struct DeleteRequest {
  std::vector<std::vector<model::Matcher>> selectors;
  int64_t start_ms = model::kTimeMsMin;
  int64_t end_ms = model::kTimeMsMax;
};

struct DeleteCount {
  uint64_t series = 0;
  uint64_t samples = 0;
};

struct SnapshotRequest {
  // A folder that does not exist or is empty; files are linked when it is on the store's own file
  // system, else copied.
  std::string folder;
  // Seals first, so that all of it is in slots. Without, what is in memory only is left out.
  bool with_head = true;
};

// A name for a snapshot, as Prometheus gives them: 20260102T030405Z-0123456789abcdef.
std::string SnapshotName(int64_t now_ms);

// A place in a store that is not as it was written.
struct Damage {
  std::string place;  // "file 000123.sst", "part 7", "journal 4 record 17", "index key 70000001"
  std::string what;
};

struct BackupReport {
  std::string name;  // of this backup within its folder: 000012-20260102T030405Z
  uint64_t files = 0;
  uint64_t bytes = 0;
  // What was not there from an earlier backup.
  uint64_t files_copied = 0;
  uint64_t bytes_copied = 0;
  // Damaged tables: they are in the backup as they are.
  std::vector<Damage> damages;
};

// What a verification has read. Good when `damages_total` is 0.
struct VerifyReport {
  uint64_t files = 0;
  uint64_t file_bytes = 0;
  uint64_t index_records = 0;
  uint64_t parts = 0;
  uint64_t values = 0;  // of column family `slots`
  uint64_t samples = 0;
  uint64_t journals = 0;
  uint64_t journal_records = 0;
  uint64_t damages_total = 0;
  std::vector<Damage> damages;  // the first thousand
};

// Thread-safe. One of Snapshot(), Backup() and Verify() runs at a time; the others wait. Writing
// and reading go on beside all of them.
class StoreAdmin {
 public:
  virtual ~StoreAdmin() = default;

  // When it returns, no reader sees what was stored before in the range, also after a restart.
  // Samples that come later are visible, at the same times too. Space comes back with
  // CleanTombstones(), which the store calls by itself within half a minute.
  // Errors: ResourceExhausted (too many deletes wait to be made physical; disk full), Unavailable.
  virtual absl::Status Delete(const DeleteRequest& request) = 0;
  // What Delete() would take away. Reads all of it.
  virtual absl::StatusOr<DeleteCount> CountDelete(const DeleteRequest& request) const = 0;
  // Seals what is in memory and rewrites the parts that hold deleted samples.
  virtual absl::Status CleanTombstones() = 0;

  // A whole store of its own, as of now. Errors: AlreadyExists (folder not empty),
  // ResourceExhausted (disk full), Unavailable; what was written of the folder is removed.
  virtual absl::Status Snapshot(const SnapshotRequest& request) = 0;
  // Adds a backup to a folder of backups, made when absent; files there already are not copied
  // again. One that was interrupted is not listed, and what it copied is used by the next.
  virtual absl::StatusOr<BackupReport> Backup(const std::string& folder) = 0;
  // Reads and decodes everything. Errors: Unavailable; damage is in the report.
  virtual absl::StatusOr<VerifyReport> Verify() = 0;
};

// The same for a folder. It is opened for reading only and nothing in it changes. Errors:
// Unavailable (a process has it open), NotFound (no store), DataLoss (cannot be opened at all).
// `env` null: the machine's disk.
absl::StatusOr<VerifyReport> VerifyFolder(const std::string& path, rocksdb::Env* env = nullptr);

// Names of the complete backups in a folder, oldest first. Errors: NotFound.
absl::StatusOr<std::vector<std::string>> ListBackups(const std::string& folder);

struct RestoreRequest {
  std::string backup_folder;
  std::string name;  // empty: the newest
  std::string path;  // of the store: absent or empty, or what an interrupted restore left
};
// Copies, compares checksums, verifies; only then the folder can be opened as a store. Errors:
// NotFound, AlreadyExists (there is something at `path`), DataLoss (names the damaged file).
absl::StatusOr<VerifyReport> RestoreBackup(const RestoreRequest& request);

}  // namespace baro::tsdb
