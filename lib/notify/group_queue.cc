#include "group_queue.h"

#include <algorithm>
#include <tuple>

#include "alert_codec.h"
#include "alert_json.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/notify/fingerprint.h"

namespace baro::notify {
namespace {

// Alertmanager's order within a message.
bool ComesBefore(const ParcelItem& a, const ParcelItem& b) {
  const auto order = [](const ParcelItem& item) {
    const model::Labels& labels = item.alert.labels;
    using Order = std::tuple<std::string_view, std::string_view, const model::Labels&>;
    return Order(labels.Get("job"), labels.Get("instance"), labels);
  };
  return order(a) < order(b);
}

std::string MemberKey(uint64_t fingerprint) {
  std::string key = "a";
  AppendNumber(fingerprint, &key);
  return key;
}

// The route is the webhook's own, which has no matchers.
std::string GroupKey(const model::Labels& labels) {
  return base::StrCat("{}:", labels.empty() ? "{}" : labels.ToString());
}

}  // namespace

absl::StatusOr<std::unique_ptr<GroupQueue>> GroupQueue::Open(GroupQueueOptions options,
                                                             int64_t now_ms) {
  auto queue = std::unique_ptr<GroupQueue>(new GroupQueue(std::move(options)));
  State state;
  BARO_TRY_ASSIGN(queue->log_, StateLog::Open(queue->options_.disk, queue->options_.path, &state));
  queue->Restore(state, now_ms);
  return queue;
}

void GroupQueue::Regroup(const GroupOptions& groups, int64_t now_ms) {
  if (groups == groups_of_) return;
  const State state = Snapshot();
  groups_of_ = groups;
  groups_.clear();
  due_.clear();
  members_ = 0;
  bytes_ = 0;
  Restore(state, now_ms);
  const absl::Status status = log_->Rewrite(Snapshot());
  if (!status.ok()) ++disk_errors_;
}

// Members ('a') come before groups ('g') in the map's order; a group without members is gone.
void GroupQueue::Restore(const State& state, int64_t now_ms) {
  for (const auto& [key, value] : state) {
    if (key[0] == 'a') RestoreMember(value, now_ms);
    if (key[0] == 'g') RestoreGroup(key.substr(1), value);
  }
}

void GroupQueue::RestoreMember(std::string_view value, int64_t now_ms) {
  ByteReader reader(value);
  Member member;
  member.told = reader.Number<uint8_t>() != 0;
  member.owed = reader.Number<uint8_t>() != 0;
  member.put_ms = reader.Number<int64_t>();
  member.alert = ReadAlert(&reader);
  if (!reader.ok()) return;
  const int64_t lasts_ms = member.alert.ends_ms - member.put_ms;
  if (lasts_ms > 0) member.alert.ends_ms = std::max(member.alert.ends_ms, now_ms + lasts_ms);
  member.version = next_version_++;
  std::string key;
  Group* const group = FindOrAddGroup(member.alert, now_ms, &key);
  bytes_ += AlertBytes(member.alert);
  ++members_;
  group->members[Fingerprint(member.alert.labels)] = std::move(member);
}

void GroupQueue::RestoreGroup(const std::string& key, std::string_view value) {
  const auto found = groups_.find(key);
  if (found == groups_.end()) return;
  ByteReader reader(value);
  const auto flush_ms = reader.Number<int64_t>();
  found->second.told_ms = reader.Number<int64_t>();
  found->second.flushed = reader.Number<uint8_t>() != 0;
  Schedule(key, flush_ms, &found->second);
}

model::Labels GroupQueue::GroupLabels(const model::Labels& labels) const {
  if (groups_of_.group_by_all) return labels;
  model::Labels group;
  for (const std::string& name : groups_of_.group_by) group.Set(name, labels.Get(name));
  return group;
}

GroupQueue::Group* GroupQueue::FindOrAddGroup(const model::Alert& alert, int64_t now_ms,
                                              std::string* key) {
  model::Labels labels = GroupLabels(alert.labels);
  *key = GroupKey(labels);
  auto [found, added] = groups_.try_emplace(*key);
  Group* const group = &found->second;
  if (added) {
    group->labels = std::move(labels);
    group->flush_ms = now_ms + groups_of_.group_wait_ms;
    due_.emplace(group->flush_ms, *key);
  }
  // It has waited already: by the rule engine's word, or before a restart.
  const bool overdue = alert.starts_ms + groups_of_.group_wait_ms < now_ms;
  if (!group->flushed && overdue) Schedule(*key, now_ms, group);
  return group;
}

void GroupQueue::Schedule(const std::string& key, int64_t flush_ms, Group* group) {
  due_.erase(std::pair(group->flush_ms, key));
  group->flush_ms = flush_ms;
  due_.emplace(flush_ms, key);
}

absl::Status GroupQueue::Put(const std::vector<model::Alert>& alerts, int64_t now_ms) {
  size_t refused = 0;
  for (const model::Alert& alert : alerts) {
    if (!PutOne(alert, now_ms)) ++refused;
  }
  queue_full_ += refused;
  BARO_TRY(Commit(true));
  if (refused == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("cannot queue ", refused, " alerts: ", members_, " are kept, limit ",
                   options_.limits.alerts_max, " alerts, ", options_.limits.bytes_max, " bytes"));
}

bool GroupQueue::HasRoom(size_t bytes) const {
  return members_ < options_.limits.alerts_max && bytes_ + bytes <= options_.limits.bytes_max;
}

// What fires is kept until its end was told, so "full" refuses what is new.
bool GroupQueue::PutOne(const model::Alert& alert, int64_t now_ms) {
  const bool resolved = model::IsResolved(alert, now_ms);
  const uint64_t fingerprint = Fingerprint(alert.labels);
  std::string key = GroupKey(GroupLabels(alert.labels));
  const auto known = groups_.find(key);
  const bool is_member = known != groups_.end() && known->second.members.contains(fingerprint);
  if (!is_member && resolved) return true;  // nobody was told that it fires
  if (!is_member && !HasRoom(AlertBytes(alert))) return false;
  Group* const group = FindOrAddGroup(alert, now_ms, &key);
  Member& member = group->members[fingerprint];
  if (is_member) {
    bytes_ -= AlertBytes(member.alert);
  } else {
    ++members_;
  }
  model::Labels annotations = std::move(member.alert.annotations);
  member.alert = alert;
  if (resolved && alert.annotations.empty()) member.alert.annotations = std::move(annotations);
  member.put_ms = now_ms;
  member.version = next_version_++;
  bytes_ += AlertBytes(member.alert);
  SaveMember(fingerprint, member);
  if (!is_member) SaveGroup(key, *group);
  return true;
}

std::optional<int64_t> GroupQueue::NextDueMs() {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

// Groups with nothing to say are put off until there may be something.
std::optional<Parcel> GroupQueue::Take(int64_t now_ms) {
  while (!due_.empty() && due_.begin()->first <= now_ms) {
    const std::string key = due_.begin()->second;
    Group& group = groups_.at(key);
    std::vector<ParcelItem> items = ItemsOf(group, now_ms);
    if (!items.empty() && (IsNews(group, items) || IsDueAgain(group, now_ms))) {
      return Parcel{key, now_ms, std::move(items)};
    }
    DropEnded(&group, now_ms);
    group.flushed = true;
    Schedule(key, now_ms + groups_of_.group_interval_ms, &group);
    SaveGroup(key, group);
    if (group.members.empty()) {
      due_.erase(std::pair(group.flush_ms, key));
      log_->Erase("g" + key);
      groups_.erase(key);
    }
  }
  static_cast<void>(Commit(false));
  return std::nullopt;
}

std::vector<ParcelItem> GroupQueue::ItemsOf(const Group& group, int64_t now_ms) const {
  std::vector<ParcelItem> items;
  for (const auto& [fingerprint, member] : group.members) {
    ParcelItem item;
    item.fingerprint = fingerprint;
    item.version = member.version;
    const bool ended = model::IsResolved(member.alert, now_ms);
    item.owed = ended && member.owed && !member.told;
    item.resolved = ended && !item.owed;
    if (item.resolved && (!member.told || !groups_of_.send_resolved)) continue;
    item.alert = member.alert;
    items.push_back(std::move(item));
  }
  std::sort(items.begin(), items.end(), ComesBefore);
  return items;
}

bool GroupQueue::IsNews(const Group& group, const std::vector<ParcelItem>& items) {
  return std::any_of(items.begin(), items.end(), [&](const ParcelItem& item) {
    return item.resolved || !group.members.at(item.fingerprint).told;
  });
}

// ItemsOf() was not empty and nothing is news: something fires on.
bool GroupQueue::IsDueAgain(const Group& group, int64_t now_ms) const {
  return group.told_ms + groups_of_.repeat_interval_ms <= now_ms;
}

// Members whose end nobody has to hear.
void GroupQueue::DropEnded(Group* group, int64_t now_ms) {
  std::vector<uint64_t> ended;
  for (const auto& [fingerprint, member] : group->members) {
    if (!model::IsResolved(member.alert, now_ms)) continue;
    const bool must_hear = member.told ? groups_of_.send_resolved : member.owed;
    if (!must_hear) ended.push_back(fingerprint);
  }
  for (const uint64_t fingerprint : ended) Forget(fingerprint, group);
}

void GroupQueue::Forget(uint64_t fingerprint, Group* group) {
  const auto found = group->members.find(fingerprint);
  bytes_ -= AlertBytes(found->second.alert);
  --members_;
  group->members.erase(found);
  log_->Erase(MemberKey(fingerprint));
}

void GroupQueue::Delivered(const Parcel& parcel, int64_t now_ms) {
  const auto found = groups_.find(parcel.group);
  if (found == groups_.end()) return;
  Group& group = found->second;
  bool owes_end = false;
  for (const ParcelItem& item : parcel.items) {
    const auto member = group.members.find(item.fingerprint);
    if (member == group.members.end()) continue;
    if (item.resolved && item.version == member->second.version) {
      Forget(item.fingerprint, &group);
      continue;
    }
    owes_end |= item.owed;
    member->second.told = !item.resolved;
    member->second.owed = false;
    SaveMember(item.fingerprint, member->second);
  }
  group.told_ms = now_ms;
  group.flushed = true;
  // The end of what was told too late is told at once.
  Schedule(parcel.group, owes_end ? now_ms : now_ms + groups_of_.group_interval_ms, &group);
  SaveGroup(parcel.group, group);
  static_cast<void>(Commit(false));
}

void GroupQueue::Failed(const Parcel& parcel, int64_t /*now_ms*/) {
  const auto found = groups_.find(parcel.group);
  if (found == groups_.end()) return;
  for (const ParcelItem& item : parcel.items) {
    const auto member = found->second.members.find(item.fingerprint);
    if (member == found->second.members.end() || member->second.told || member->second.owed) {
      continue;
    }
    member->second.owed = true;
    SaveMember(item.fingerprint, member->second);
  }
  static_cast<void>(Commit(false));
}

// As Alertmanager: the same is tried again with the next flush.
void GroupQueue::Refused(const Parcel& parcel, int64_t now_ms) {
  ++refused_;
  Failed(parcel, now_ms);
  const auto found = groups_.find(parcel.group);
  if (found == groups_.end()) return;
  Schedule(parcel.group, now_ms + groups_of_.group_interval_ms, &found->second);
  SaveGroup(parcel.group, found->second);
  static_cast<void>(Commit(false));
}

std::string GroupQueue::Body(const Parcel& parcel) const {
  const auto found = groups_.find(parcel.group);
  const model::Labels labels = found == groups_.end() ? model::Labels() : found->second.labels;
  WebhookMessage message;
  message.receiver = groups_of_.receiver;
  message.external_url = groups_of_.external_url;
  message.group_key = parcel.group;
  message.group_labels = &labels;
  message.alerts_max = groups_of_.alerts_max;
  return WebhookBody(message, parcel.items);
}

OutboxStats GroupQueue::GetStats() const {
  OutboxStats stats;
  stats.kept = members_;
  stats.bytes = bytes_;
  stats.disk_errors_total = disk_errors_;
  stats.dropped_total = {{"queue_full", queue_full_}};
  for (const auto& [key, group] : groups_) {
    for (const auto& [fingerprint, member] : group.members) {
      const bool waits = !member.told || member.alert.ends_ms <= member.put_ms;
      if (waits) ++stats.pending;
    }
  }
  return stats;
}

namespace {

template <typename Member>
std::string MemberValue(const Member& member) {
  std::string value;
  AppendNumber(static_cast<uint8_t>(member.told), &value);
  AppendNumber(static_cast<uint8_t>(member.owed), &value);
  AppendNumber(member.put_ms, &value);
  AppendAlert(member.alert, &value);
  return value;
}

template <typename Group>
std::string GroupValue(const Group& group) {
  std::string value;
  AppendNumber(group.flush_ms, &value);
  AppendNumber(group.told_ms, &value);
  AppendNumber(static_cast<uint8_t>(group.flushed), &value);
  return value;
}

}  // namespace

void GroupQueue::SaveMember(uint64_t fingerprint, const Member& member) {
  log_->Put(MemberKey(fingerprint), MemberValue(member));
}

void GroupQueue::SaveGroup(const std::string& key, const Group& group) {
  log_->Put("g" + key, GroupValue(group));
}

State GroupQueue::Snapshot() const {
  State state;
  for (const auto& [key, group] : groups_) {
    state.emplace("g" + key, GroupValue(group));
    for (const auto& [fingerprint, member] : group.members) {
      state.emplace(MemberKey(fingerprint), MemberValue(member));
    }
  }
  return state;
}

absl::Status GroupQueue::Commit(bool sync) {
  const absl::Status status = log_->WantsRewrite() ? log_->Rewrite(Snapshot()) : log_->Commit(sync);
  if (!status.ok()) ++disk_errors_;
  return status;
}

}  // namespace baro::notify
