// AlertmanagerQueue: the outbox of one Alertmanager.
//
// Of each alert the newest state counts. What waits is coalesced, so an outage costs one firing and
// one resolved, however often the rule engine has told them. An alert that ended while nobody could
// hear it is told twice: as firing first, and as resolved resolve_hold_ms later, when
// Alertmanager's group_wait is over. A page that was never heard is not taken back silently; and an
// Alertmanager that was killed has forgotten what it had told, and would keep the end to itself.
// One that has not forgotten tells nobody of the firing again.
#pragma once

#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "baro/base/disk.h"
#include "outbox.h"
#include "state_log.h"

namespace baro::notify {

struct AlertmanagerQueueOptions {
  std::string path;  // of the file
  base::Disk* disk = base::RealDisk();
  OutboxLimits limits;
  size_t batch_alerts_max = 256;  // Prometheus'
  int64_t resolve_hold_ms = 35'000;
};

class AlertmanagerQueue final : public Outbox {
 public:
  // Errors: the disk's.
  static absl::StatusOr<std::unique_ptr<AlertmanagerQueue>> Open(AlertmanagerQueueOptions options);

  absl::Status Put(const std::vector<model::Alert>& alerts, int64_t now_ms) override;
  std::optional<int64_t> NextDueMs() override;
  std::optional<Parcel> Take(int64_t now_ms) override;
  void Delivered(const Parcel& parcel, int64_t now_ms) override;
  void Failed(const Parcel& parcel, int64_t now_ms) override;
  void Refused(const Parcel& parcel, int64_t now_ms) override;
  std::string Body(const Parcel& parcel) const override;
  bool MaySplit() const override { return true; }
  OutboxStats GetStats() const override;

 private:
  struct Entry {
    model::Alert alert;  // the newest state
    bool resolved = false;
    bool pending = false;        // `alert` has to be told
    bool owed = false;           // `alert` is resolved, and the firing before has to be told first
    bool heard_firing = false;   // the receiver believes it fires
    int64_t fired_until_ms = 0;  // ends_ms of the firing state that is owed
    int64_t put_ms = 0;
    int64_t not_before_ms = 0;
    uint64_t version = 0;
    uint64_t order = 0;  // of arrival
  };
  using Entries = absl::flat_hash_map<uint64_t, Entry>;

  explicit AlertmanagerQueue(AlertmanagerQueueOptions options) : options_(std::move(options)) {}
  void Restore(const State& state);
  // False when there was no room.
  bool PutOne(const model::Alert& alert, int64_t now_ms);
  void Merge(const model::Alert& alert, int64_t now_ms, Entry* entry);
  bool MakeRoom(size_t bytes);
  bool Fits(size_t bytes, size_t slack_share) const;
  // How much would be lost with it: less is evicted first.
  static int Worth(const Entry& entry);
  static size_t EntryBytes(const Entry& entry);
  ParcelItem ItemOf(uint64_t fingerprint, const Entry& entry, int64_t now_ms) const;
  void Settle(const ParcelItem& item, bool heard, int64_t now_ms);
  void Enqueue(uint64_t fingerprint, Entry* entry);
  void Dequeue(const Entry& entry);
  void SettleOwed(const ParcelItem& item, bool heard, int64_t now_ms, Entry* entry);
  void Forget(uint64_t fingerprint);
  void Save(uint64_t fingerprint, const Entry& entry);
  void SaveState(uint64_t fingerprint, const Entry& entry);
  absl::Status Commit(bool sync);
  State Snapshot() const;

  const AlertmanagerQueueOptions options_;
  std::unique_ptr<StateLog> log_;
  Entries entries_;
  // All that is pending: (not_before_ms, order) to fingerprint.
  absl::btree_map<std::pair<int64_t, uint64_t>, uint64_t> due_;
  uint64_t next_order_ = 1;
  uint64_t next_version_ = 1;
  uint64_t bytes_ = 0;
  uint64_t refused_ = 0;
  uint64_t queue_full_ = 0;
  uint64_t disk_errors_ = 0;
  bool failing_ = false;  // the last attempt failed
};

}  // namespace baro::notify
