#include "alert_book.h"

#include <algorithm>
#include <set>
#include <utility>

#include "note_bytes.h"

namespace baro::slo {
namespace {

// For that long an end is told again, as Prometheus does.
constexpr int64_t kResolvedKeptMs = 15 * kMinuteMs;
constexpr uint64_t kVersion = 1;

}  // namespace

void AlertBook::Advance(int64_t time_ms, std::vector<FoundAlert> found) {
  std::set<model::Labels> seen;
  for (FoundAlert& one : found) {
    seen.insert(one.labels);
    auto it = alerts_.find(one.labels);
    if (it == alerts_.end() || it->second.alert.state == SloAlertState::kResolved) {
      Entry fresh;
      fresh.alert.labels = one.labels;
      fresh.alert.active_since_ms = time_ms;
      it = alerts_.insert_or_assign(one.labels, std::move(fresh)).first;
      changed_ = true;
    }
    SloAlert& alert = it->second.alert;
    alert.severity = std::move(one.severity);
    alert.annotations = std::move(one.annotations);
    alert.why = std::move(one.why);
    alert.value = one.value;
    if (one.fires && alert.state == SloAlertState::kPending) {
      alert.state = SloAlertState::kFiring;
      alert.fired_ms = time_ms;
      changed_ = true;
    }
  }
  for (auto it = alerts_.begin(); it != alerts_.end();) {
    SloAlert& alert = it->second.alert;
    const bool over = !seen.contains(it->first);
    const bool forgotten = over && (alert.state == SloAlertState::kPending ||
                                    (alert.state == SloAlertState::kResolved &&
                                     time_ms - alert.resolved_ms > kResolvedKeptMs));
    if (forgotten) {
      changed_ = true;
      it = alerts_.erase(it);
      continue;
    }
    if (over && alert.state == SloAlertState::kFiring) {
      alert.state = SloAlertState::kResolved;
      alert.resolved_ms = time_ms;
      changed_ = true;
    }
    ++it;
  }
}

std::vector<model::Alert> AlertBook::TakeDue(const Telling& telling) {
  std::vector<model::Alert> due;
  for (auto& [labels, entry] : alerts_) {
    const SloAlert& alert = entry.alert;
    if (alert.state == SloAlertState::kPending) continue;
    const bool just_resolved = alert.resolved_ms > entry.sent_ms;
    if (!just_resolved && entry.sent_ms != 0 &&
        entry.sent_ms + telling.resend_delay_ms > telling.time_ms) {
      continue;
    }
    entry.sent_ms = telling.time_ms;
    model::Alert told;
    told.labels = labels;
    for (const auto& [name, value] : alert.annotations) told.annotations.Set(name, value);
    told.starts_ms = alert.fired_ms;
    told.ends_ms = alert.resolved_ms != 0 ? alert.resolved_ms
                                          : telling.time_ms + 4 * std::max(telling.interval_ms,
                                                                           telling.resend_delay_ms);
    told.generator_url = telling.generator_url;
    due.push_back(std::move(told));
  }
  return due;
}

void AlertBook::TellAgain(const std::vector<model::Alert>& alerts) {
  for (const model::Alert& alert : alerts) {
    const auto it = alerts_.find(alert.labels);
    if (it != alerts_.end()) it->second.sent_ms = 0;
  }
}

std::vector<SloAlert> AlertBook::Active() const {
  std::vector<SloAlert> active;
  for (const auto& [labels, entry] : alerts_) {
    if (entry.alert.state != SloAlertState::kResolved) active.push_back(entry.alert);
  }
  return active;
}

int64_t AlertBook::ActiveSince(const model::Labels& labels) const {
  const auto it = alerts_.find(labels);
  if (it == alerts_.end() || it->second.alert.state == SloAlertState::kResolved) return 0;
  return it->second.alert.active_since_ms;
}

bool AlertBook::IsFiring(const model::Labels& labels) const {
  const auto it = alerts_.find(labels);
  return it != alerts_.end() && it->second.alert.state == SloAlertState::kFiring;
}

bool AlertBook::TakeChanged() { return std::exchange(changed_, false); }

std::string AlertBook::Encode() const {
  NoteWriter out;
  out.Varint(kVersion);
  out.Varint(alerts_.size());
  for (const auto& [labels, entry] : alerts_) {
    const SloAlert& alert = entry.alert;
    out.Labels(labels);
    out.Varint(alert.annotations.size());
    for (const auto& [name, value] : alert.annotations) {
      out.Text(name);
      out.Text(value);
    }
    out.Text(alert.severity);
    out.Text(alert.why);
    out.Varint(static_cast<uint64_t>(alert.state));
    out.Number(alert.value);
    for (const int64_t time_ms :
         {alert.active_since_ms, alert.fired_ms, alert.resolved_ms, entry.sent_ms}) {
      out.Int(time_ms);
    }
  }
  return out.Finish();
}

absl::Status AlertBook::Decode(std::string_view bytes) {
  NoteReader in(bytes);
  std::map<model::Labels, Entry> alerts;
  const bool known = in.Varint() == kVersion;
  const size_t count = known ? in.Count() : 0;
  for (size_t i = 0; i < count && in.ok(); ++i) {
    Entry entry;
    SloAlert& alert = entry.alert;
    alert.labels = in.Labels();
    const size_t annotations = in.Count();
    for (size_t j = 0; j < annotations && in.ok(); ++j) {
      const std::string name(in.Text());
      alert.annotations[name] = std::string(in.Text());
    }
    alert.severity = std::string(in.Text());
    alert.why = std::string(in.Text());
    const uint64_t state = in.Varint();
    if (state > static_cast<uint64_t>(SloAlertState::kResolved)) {
      return absl::DataLossError("damaged saved alerts: unknown state");
    }
    alert.state = static_cast<SloAlertState>(state);
    alert.value = in.Number();
    for (int64_t* time_ms :
         {&alert.active_since_ms, &alert.fired_ms, &alert.resolved_ms, &entry.sent_ms}) {
      *time_ms = in.Int();
    }
    model::Labels labels = alert.labels;
    alerts.insert_or_assign(std::move(labels), std::move(entry));
  }
  if (!known || !in.ok() || !in.at_end()) return absl::DataLossError("damaged saved alerts");
  alerts_ = std::move(alerts);
  return absl::OkStatus();
}

}  // namespace baro::slo
