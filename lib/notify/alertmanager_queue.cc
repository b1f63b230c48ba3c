#include "alertmanager_queue.h"

#include <algorithm>
#include <utility>

#include "alert_codec.h"
#include "alert_json.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/notify/fingerprint.h"

namespace baro::notify {
namespace {

// A firing alert that waited longer than this is told with a later end: what it promised was "from
// now on", and by its old end Alertmanager would take it for resolved.
constexpr int64_t kShiftMsMin = 1'000;
// How long a firing that is over already is said to last beyond the hold of its resolve.
constexpr int64_t kOwedSlackMs = 60'000;
// Of the limits: so much is freed when they are reached, so that it is not done for each alert.
constexpr size_t kSlackShare = 16;
// The resolve of a firing that was heard: never evicted.
constexpr int kWorthMax = 5;

enum Flag : uint8_t { kResolved = 1, kPending = 2, kOwed = 4, kHeardFiring = 8 };

std::string KeyOf(char kind, uint64_t fingerprint) {
  std::string key(1, kind);
  AppendNumber(fingerprint, &key);
  return key;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AlertmanagerQueue>> AlertmanagerQueue::Open(
    AlertmanagerQueueOptions options) {
  auto queue = std::unique_ptr<AlertmanagerQueue>(new AlertmanagerQueue(std::move(options)));
  State state;
  BARO_TRY_ASSIGN(queue->log_, StateLog::Open(queue->options_.disk, queue->options_.path, &state));
  queue->Restore(state);
  return queue;
}

// Alerts ('a') come before their states ('s') in the map's order.
void AlertmanagerQueue::Restore(const State& state) {
  for (const auto& [key, value] : state) {
    ByteReader key_reader(std::string_view(key).substr(1));
    const auto fingerprint = key_reader.Number<uint64_t>();
    ByteReader reader(value);
    if (key[0] == 'a') {
      Entry& entry = entries_[fingerprint];
      entry.put_ms = reader.Number<int64_t>();
      entry.fired_until_ms = reader.Number<int64_t>();
      entry.alert = ReadAlert(&reader);
      continue;
    }
    const auto found = entries_.find(fingerprint);
    if (key[0] != 's' || found == entries_.end()) continue;
    Entry& entry = found->second;
    const auto flags = reader.Number<uint8_t>();
    entry.resolved = (flags & kResolved) != 0;
    entry.owed = (flags & kOwed) != 0;
    entry.heard_firing = (flags & kHeardFiring) != 0;
    entry.not_before_ms = reader.Number<int64_t>();
    entry.order = reader.Number<uint64_t>();
    next_order_ = std::max(next_order_, entry.order + 1);
    if ((flags & kPending) != 0) {
      entry.pending = true;
      due_.emplace(std::pair(entry.not_before_ms, entry.order), fingerprint);
    }
  }
  for (auto& [fingerprint, entry] : entries_) {
    entry.version = next_version_++;
    bytes_ += EntryBytes(entry);
  }
}

size_t AlertmanagerQueue::EntryBytes(const Entry& entry) {
  return sizeof(Entry) + AlertBytes(entry.alert);
}

absl::Status AlertmanagerQueue::Put(const std::vector<model::Alert>& alerts, int64_t now_ms) {
  size_t refused = 0;
  for (const model::Alert& alert : alerts) {
    if (!PutOne(alert, now_ms)) ++refused;
  }
  queue_full_ += refused;
  BARO_TRY(Commit(true));
  if (refused == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("cannot queue ", refused, " alerts: ", entries_.size(), " are waiting, limit ",
                   options_.limits.alerts_max, " alerts, ", options_.limits.bytes_max, " bytes"));
}

bool AlertmanagerQueue::PutOne(const model::Alert& alert, int64_t now_ms) {
  const uint64_t fingerprint = Fingerprint(alert.labels);
  auto found = entries_.find(fingerprint);
  if (found == entries_.end()) {
    if (!MakeRoom(sizeof(Entry) + AlertBytes(alert))) return false;
    found = entries_.try_emplace(fingerprint).first;
  } else {
    bytes_ -= EntryBytes(found->second);
  }
  Merge(alert, now_ms, &found->second);
  bytes_ += EntryBytes(found->second);
  Enqueue(fingerprint, &found->second);
  Save(fingerprint, found->second);
  return true;
}

void AlertmanagerQueue::Merge(const model::Alert& alert, int64_t now_ms, Entry* entry) {
  const bool resolved = model::IsResolved(alert, now_ms);
  const bool is_known = entry->version != 0;
  const bool is_unheard = entry->pending && !entry->heard_firing;
  if (!resolved) {
    entry->owed = false;
  } else if (is_known && !entry->resolved && (is_unheard || failing_)) {
    entry->owed = true;
    entry->fired_until_ms = entry->alert.ends_ms;
  }
  model::Labels annotations = std::move(entry->alert.annotations);
  entry->alert = alert;
  // A resolve without annotations would empty them in what Alertmanager sends on.
  if (resolved && alert.annotations.empty()) entry->alert.annotations = std::move(annotations);
  entry->resolved = resolved;
  entry->put_ms = now_ms;
  entry->version = next_version_++;
}

// Keeps its place when it waits already; what holds a resolve back does not hold a firing.
void AlertmanagerQueue::Enqueue(uint64_t fingerprint, Entry* entry) {
  if (entry->pending) {
    Dequeue(*entry);
  } else {
    entry->order = next_order_++;
    entry->not_before_ms = 0;
  }
  if (!entry->resolved) entry->not_before_ms = 0;
  entry->pending = true;
  due_.emplace(std::pair(entry->not_before_ms, entry->order), fingerprint);
}

void AlertmanagerQueue::Dequeue(const Entry& entry) {
  due_.erase(std::pair(entry.not_before_ms, entry.order));
}

void AlertmanagerQueue::Forget(uint64_t fingerprint) {
  const auto found = entries_.find(fingerprint);
  if (found->second.pending) Dequeue(found->second);
  bytes_ -= EntryBytes(found->second);
  entries_.erase(found);
  log_->Erase(KeyOf('a', fingerprint));
  log_->Erase(KeyOf('s', fingerprint));
}

int AlertmanagerQueue::Worth(const Entry& entry) {
  if (!entry.pending) return 0;                            // heard; only the memory of it
  if (!entry.resolved) return entry.heard_firing ? 1 : 2;  // the rule engine tells it again
  if (!entry.heard_firing) return entry.owed ? 4 : 3;
  return kWorthMax;
}

bool AlertmanagerQueue::Fits(size_t bytes, size_t slack_share) const {
  const OutboxLimits& limits = options_.limits;
  const size_t alerts = slack_share == 0 ? 0 : limits.alerts_max / slack_share;
  const uint64_t free_bytes = slack_share == 0 ? 0 : limits.bytes_max / slack_share;
  return entries_.size() + 1 + alerts <= limits.alerts_max &&
         bytes_ + bytes + free_bytes <= limits.bytes_max;
}

bool AlertmanagerQueue::MakeRoom(size_t bytes) {
  if (Fits(bytes, 0)) return true;
  struct Candidate {
    int worth;
    uint64_t order;
    uint64_t fingerprint;
    auto operator<=>(const Candidate&) const = default;
  };
  std::vector<Candidate> candidates;
  for (const auto& [fingerprint, entry] : entries_) {
    const int worth = Worth(entry);
    if (worth < kWorthMax) candidates.push_back({worth, entry.order, fingerprint});
  }
  std::sort(candidates.begin(), candidates.end());
  for (const Candidate& candidate : candidates) {
    if (Fits(bytes, kSlackShare)) break;
    if (candidate.worth > 0) ++queue_full_;
    Forget(candidate.fingerprint);
  }
  return Fits(bytes, 0);
}

std::optional<int64_t> AlertmanagerQueue::NextDueMs() {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first.first;
}

std::optional<Parcel> AlertmanagerQueue::Take(int64_t now_ms) {
  Parcel parcel;
  parcel.now_ms = now_ms;
  for (const auto& [key, fingerprint] : due_) {
    if (key.first > now_ms || parcel.items.size() >= options_.batch_alerts_max) break;
    parcel.items.push_back(ItemOf(fingerprint, entries_.at(fingerprint), now_ms));
  }
  if (parcel.items.empty()) return std::nullopt;
  return parcel;
}

ParcelItem AlertmanagerQueue::ItemOf(uint64_t fingerprint, const Entry& entry,
                                     int64_t now_ms) const {
  ParcelItem item;
  item.fingerprint = fingerprint;
  item.version = entry.version;
  item.owed = entry.owed;
  item.resolved = entry.resolved && !entry.owed;
  item.news = item.owed || item.resolved || !entry.heard_firing;
  item.alert = entry.alert;
  const int64_t waited_ms = now_ms - entry.put_ms;
  if (entry.owed) {
    item.alert.ends_ms =
        std::max(entry.fired_until_ms, now_ms + options_.resolve_hold_ms + kOwedSlackMs);
  } else if (!entry.resolved && waited_ms >= kShiftMsMin) {
    item.alert.ends_ms += waited_ms;
  }
  return item;
}

void AlertmanagerQueue::Delivered(const Parcel& parcel, int64_t now_ms) {
  failing_ = false;
  for (const ParcelItem& item : parcel.items) Settle(item, true, now_ms);
  // Lost with a crash, it is told once more; a receiver knows it by its labels.
  static_cast<void>(Commit(false));
}

// What was heard may be forgotten over there when the end can be told at last.
void AlertmanagerQueue::Failed(const Parcel& parcel, int64_t /*now_ms*/) {
  failing_ = true;
  for (const ParcelItem& item : parcel.items) {
    const auto found = entries_.find(item.fingerprint);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    if (!entry.resolved || entry.owed || !entry.heard_firing) continue;
    entry.owed = true;
    SaveState(item.fingerprint, entry);
  }
  static_cast<void>(Commit(false));
}

void AlertmanagerQueue::Refused(const Parcel& parcel, int64_t now_ms) {
  refused_ += parcel.items.size();
  for (const ParcelItem& item : parcel.items) Settle(item, false, now_ms);
  static_cast<void>(Commit(false));
}

void AlertmanagerQueue::Settle(const ParcelItem& item, bool heard, int64_t now_ms) {
  const auto found = entries_.find(item.fingerprint);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (item.owed) {
    SettleOwed(item, heard, now_ms, &entry);
  } else if (item.version != entry.version) {
    if (heard) entry.heard_firing = !item.resolved;
    // It was on its way when its end came.
    if (heard && !item.resolved) entry.owed = false;
  } else if (entry.resolved || !heard) {
    return Forget(item.fingerprint);
  } else {
    Dequeue(entry);
    entry.pending = false;
    entry.heard_firing = true;
  }
  SaveState(item.fingerprint, entry);
}

void AlertmanagerQueue::SettleOwed(const ParcelItem& item, bool heard, int64_t now_ms,
                                   Entry* entry) {
  if (heard) entry->heard_firing = true;
  if (!entry->owed) return;  // it fires again, and that waits
  entry->owed = false;
  if (!heard) return;
  Dequeue(*entry);
  entry->not_before_ms = now_ms + options_.resolve_hold_ms;
  due_.emplace(std::pair(entry->not_before_ms, entry->order), item.fingerprint);
}

std::string AlertmanagerQueue::Body(const Parcel& parcel) const {
  return AlertmanagerBody(parcel.items);
}

OutboxStats AlertmanagerQueue::GetStats() const {
  OutboxStats stats;
  stats.pending = due_.size();
  stats.kept = entries_.size();
  stats.bytes = bytes_;
  stats.disk_errors_total = disk_errors_;
  stats.dropped_total = {{"queue_full", queue_full_}, {"refused", refused_}};
  return stats;
}

namespace {

template <typename Entry>
std::string AlertValue(const Entry& entry) {
  std::string value;
  AppendNumber(entry.put_ms, &value);
  AppendNumber(entry.fired_until_ms, &value);
  AppendAlert(entry.alert, &value);
  return value;
}

template <typename Entry>
std::string StateValue(const Entry& entry) {
  std::string value;
  const int flags = (entry.resolved ? kResolved : 0) | (entry.pending ? kPending : 0) |
                    (entry.owed ? kOwed : 0) | (entry.heard_firing ? kHeardFiring : 0);
  AppendNumber(static_cast<uint8_t>(flags), &value);
  AppendNumber(entry.not_before_ms, &value);
  AppendNumber(entry.order, &value);
  return value;
}

}  // namespace

void AlertmanagerQueue::Save(uint64_t fingerprint, const Entry& entry) {
  log_->Put(KeyOf('a', fingerprint), AlertValue(entry));
  SaveState(fingerprint, entry);
}

void AlertmanagerQueue::SaveState(uint64_t fingerprint, const Entry& entry) {
  log_->Put(KeyOf('s', fingerprint), StateValue(entry));
}

State AlertmanagerQueue::Snapshot() const {
  State state;
  for (const auto& [fingerprint, entry] : entries_) {
    state.emplace(KeyOf('a', fingerprint), AlertValue(entry));
    state.emplace(KeyOf('s', fingerprint), StateValue(entry));
  }
  return state;
}

absl::Status AlertmanagerQueue::Commit(bool sync) {
  const absl::Status status = log_->WantsRewrite() ? log_->Rewrite(Snapshot()) : log_->Commit(sync);
  if (!status.ok()) ++disk_errors_;
  return status;
}

}  // namespace baro::notify
