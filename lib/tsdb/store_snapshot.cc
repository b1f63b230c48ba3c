#include "store_impl.h"
namespace baro::tsdb {
absl::Status StoreImpl::Snapshot(const SnapshotRequest& ) { return absl::OkStatus(); }
absl::Status StoreImpl::WriteSnapshot(const SnapshotRequest& ) { return absl::OkStatus(); }
absl::StatusOr<BackupReport> StoreImpl::Backup(const std::string& ) { return BackupReport{}; }
absl::StatusOr<VerifyReport> StoreImpl::Verify() { return VerifyReport{}; }
}
