// Snapshots: RocksDB's checkpoint, which links the tables and copies the log, so that it costs
// little and holds all that was acknowledged when it was taken.
#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "baro/base/random.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"
#include "folder.h"
#include "keys.h"
#include "store_impl.h"

namespace baro::tsdb {

std::string SnapshotName(int64_t now_ms) {
  const absl::Time now = absl::FromUnixMillis(now_ms);
  std::string name = absl::FormatTime("%Y%m%dT%H%M%SZ-", now, absl::UTCTimeZone());
  const uint64_t random = base::RandomSeed();
  for (int shift = 60; shift >= 0; shift -= 4) {
    name.push_back("0123456789abcdef"[random >> shift & 15]);
  }
  return name;
}

absl::Status StoreImpl::Snapshot(const SnapshotRequest& request) {
  base::MutexLock lock(&operation_mutex_);
  return WriteSnapshot(request);
}

absl::Status StoreImpl::WriteSnapshot(const SnapshotRequest& request) {
  rocksdb::Env* const env = database_->env();
  BARO_TRY_ASSIGN(const std::vector<std::string> there, ListFolder(env, request.folder));
  if (!there.empty()) {
    return absl::AlreadyExistsError(
        base::StrCat("cannot write snapshot to ", request.folder, ": it is not empty"));
  }
  if (request.with_head) BARO_TRY(Maintain(true));
  // The folder is there when all of it is.
  const std::string stage = request.folder + ".part";
  BARO_TRY(RemoveFolder(env, stage));
  absl::Status status = database_->Checkpoint(stage);
  if (status.ok() && !request.with_head) status = LeaveOutJournals(stage);
  if (status.ok()) {
    env->DeleteDir(request.folder).PermitUncheckedError();  // an empty one is in the way
    status = ToStatus(env->RenameFile(stage, request.folder),
                      base::StrCat("finish snapshot ", request.folder));
  }
  if (status.ok()) {
    return SyncFolder(env, request.folder.substr(0, request.folder.rfind('/')));
  }
  // What stays is removed by the next snapshot of that name, or by people.
  RemoveFolder(env, stage).IgnoreError();
  return status;
}

// A snapshot is a store as any other. Its journals are taken for sealed, so that their numbers are
// not given out again: what was deleted of them would be deleted of new samples.
absl::Status StoreImpl::LeaveOutJournals(const std::string& folder) const {
  BARO_TRY_ASSIGN(const auto snapshot, Database::Open(folder, options_.env));
  const std::vector<uint64_t> epochs = snapshot->Journals();
  if (epochs.empty()) return absl::OkStatus();
  rocksdb::WriteBatch batch;
  BARO_TRY(ToStatus(batch.Put(snapshot->index(), IdKey(kStateKey, 0), StateValue(epochs.back())),
                    "gather the state"));
  BARO_TRY(snapshot->Write(&batch));
  for (const uint64_t epoch : epochs) BARO_TRY(snapshot->DropJournal(epoch));
  return absl::OkStatus();
}

}  // namespace baro::tsdb
