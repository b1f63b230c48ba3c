// GroupQueue: the outbox of one webhook: alerts in groups, each group told when it changes and
// repeated from time to time, by Alertmanager's own rules (group_wait, group_interval,
// repeat_interval, what counts as news).
//
// Where it differs: a firing that could not be told while it lasted is told later, and then its
// end; and what was never told as firing is not told as resolved.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/base/disk.h"
#include "outbox.h"
#include "state_log.h"

namespace baro::notify {

struct GroupOptions {
  std::string receiver;
  std::string external_url;
  bool send_resolved = true;
  std::vector<std::string> group_by;
  bool group_by_all = false;  // every alert is a group of its own
  int64_t group_wait_ms = 30'000;
  int64_t group_interval_ms = 300'000;
  int64_t repeat_interval_ms = 4 * 3'600'000;
  size_t alerts_max = 0;  // in one message; 0: no limit
  bool operator==(const GroupOptions&) const = default;
};

struct GroupQueueOptions {
  std::string path;  // of the file
  base::Disk* disk = base::RealDisk();
  OutboxLimits limits;
  GroupOptions groups;
};

class GroupQueue final : public Outbox {
 public:
  // What fired when the last process ended fires on: nobody has judged it since. Errors: the
  // disk's.
  static absl::StatusOr<std::unique_ptr<GroupQueue>> Open(GroupQueueOptions options,
                                                          int64_t now_ms);
  // Groups are formed anew; what was told stays told.
  void Regroup(const GroupOptions& groups, int64_t now_ms) override;

  absl::Status Put(const std::vector<model::Alert>& alerts, int64_t now_ms) override;
  std::optional<int64_t> NextDueMs() override;
  std::optional<Parcel> Take(int64_t now_ms) override;
  void Delivered(const Parcel& parcel, int64_t now_ms) override;
  void Failed(const Parcel& parcel, int64_t now_ms) override;
  void Refused(const Parcel& parcel, int64_t now_ms) override;
  std::string Body(const Parcel& parcel) const override;
  bool MaySplit() const override { return false; }
  OutboxStats GetStats() const override;

 private:
  struct Member {
    model::Alert alert;
    bool told = false;  // as firing, and its end was not told yet
    bool owed = false;  // the receiver was away while it fired
    int64_t put_ms = 0;
    uint64_t version = 0;
  };
  struct Group {
    model::Labels labels;
    std::map<uint64_t, Member> members;  // by fingerprint
    int64_t flush_ms = 0;                // the next look at it
    int64_t told_ms = 0;                 // the last message
    bool flushed = false;                // once looked at
  };
  using Groups = std::map<std::string, Group>;

  explicit GroupQueue(GroupQueueOptions options)
      : options_(std::move(options)), groups_of_(options_.groups) {}
  void Restore(const State& state, int64_t now_ms);
  void RestoreMember(std::string_view value, int64_t now_ms);
  void RestoreGroup(const std::string& key, std::string_view value);
  model::Labels GroupLabels(const model::Labels& labels) const;
  Group* FindOrAddGroup(const model::Alert& alert, int64_t now_ms, std::string* key);
  bool PutOne(const model::Alert& alert, int64_t now_ms);
  bool HasRoom(size_t bytes) const;
  std::vector<ParcelItem> ItemsOf(const Group& group, int64_t now_ms) const;
  static bool IsNews(const Group& group, const std::vector<ParcelItem>& items);
  bool IsDueAgain(const Group& group, int64_t now_ms) const;
  void DropEnded(Group* group, int64_t now_ms);
  void Schedule(const std::string& key, int64_t flush_ms, Group* group);
  void Forget(uint64_t fingerprint, Group* group);
  void SaveMember(uint64_t fingerprint, const Member& member);
  void SaveGroup(const std::string& key, const Group& group);
  absl::Status Commit(bool sync);
  State Snapshot() const;

  const GroupQueueOptions options_;
  GroupOptions groups_of_;
  std::unique_ptr<StateLog> log_;
  Groups groups_;
  std::set<std::pair<int64_t, std::string>> due_;  // (flush_ms, key) of every group
  uint64_t next_version_ = 1;
  size_t members_ = 0;
  uint64_t bytes_ = 0;
  uint64_t queue_full_ = 0;
  uint64_t refused_ = 0;
  uint64_t disk_errors_ = 0;
};

}  // namespace baro::notify
