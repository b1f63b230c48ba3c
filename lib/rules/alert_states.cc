#include "alert_states.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "baro/base/strings.h"

namespace baro::rules {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

int64_t FloorMs(int64_t time_ns) { return time_ns / kNsPerMs - (time_ns % kNsPerMs < 0 ? 1 : 0); }

int64_t FloorSeconds(int64_t time_ns) {
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  return time_ns / kNsPerSecond - (time_ns % kNsPerSecond < 0 ? 1 : 0);
}

// Of the last `of` evaluations how many found the alert.
int HitsOf(const RuleSpec& rule, const ActiveAlert& alert) {
  const uint64_t mask = rule.hold_of >= 64 ? ~uint64_t{0} : (uint64_t{1} << rule.hold_of) - 1;
  return std::popcount(alert.found & mask);
}

// Found for long enough to fire.
bool IsDue(const RuleSpec& rule, const ActiveAlert& alert, int64_t now_ns) {
  if (rule.hold_of > 0) return HitsOf(rule, alert) >= rule.hold_at_least;
  return now_ns - alert.active_at_ns >= rule.hold_ms * kNsPerMs;
}

bool NeedsSending(const ActiveAlert& alert, int64_t now_ns, int64_t resend_delay_ns) {
  if (alert.state == AlertState::kPending) return false;
  if (alert.resolved_at_ns > alert.last_sent_ns) return true;
  return alert.last_sent_ns + resend_delay_ns < now_ns;
}

}  // namespace

std::string_view AlertStateName(AlertState state) {
  switch (state) {
    case AlertState::kInactive:
      return "inactive";
    case AlertState::kPending:
      return "pending";
    case AlertState::kFiring:
      return "firing";
    case AlertState::kUnknown:
      break;
  }
  return "unknown";
}

std::string_view HealthName(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kError:
      return "err";
    case Health::kUnknown:
      break;
  }
  return "unknown";
}

void AlertStates::Merge(Evaluation* evaluation) {
  if (evaluation->adopt) Adopt(evaluation);
  for (auto& [labels, found] : evaluation->found) {
    const auto it = alerts_.find(labels);
    if (it != alerts_.end() && it->second.state != AlertState::kInactive) {
      it->second.value = found.value;
      it->second.annotations = std::move(found.annotations);
      it->second.source = std::move(found.source);
      it->second.without_data = found.without_data;
      continue;
    }
    ActiveAlert fresh = std::move(found);
    fresh.labels = labels;
    fresh.state = AlertState::kPending;
    fresh.active_at_ns = evaluation->time_ns;
    alerts_.insert_or_assign(labels, std::move(fresh));
    changed_ = true;
  }
}

// An alert whose labels were changed by a reload goes on under its new ones; receivers get the old
// ones resolved.
void AlertStates::Adopt(Evaluation* evaluation) {
  std::map<model::Labels, ActiveAlert*> by_source;
  for (auto& [labels, alert] : alerts_) {
    if (alert.state != AlertState::kInactive && !evaluation->found.contains(labels)) {
      by_source.emplace(alert.source, &alert);
    }
  }
  std::vector<ActiveAlert> adopted;
  for (const auto& [labels, found] : evaluation->found) {
    const auto it = by_source.find(found.source);
    if (it == by_source.end() || alerts_.contains(labels)) continue;
    adopted.push_back(*it->second);
    adopted.back().labels = labels;
    adopted.back().last_sent_ns = 0;
    // The old labels are resolved at once: keep_firing_for is of alerts whose condition has ended.
    if (it->second->state == AlertState::kFiring) {
      it->second->state = AlertState::kInactive;
      it->second->resolved_at_ns = evaluation->time_ns;
    }
  }
  for (ActiveAlert& alert : adopted) {
    changed_ = true;
    alerts_.insert_or_assign(alert.labels, alert);
  }
}

bool AlertStates::AdvanceMissing(const RuleSpec& rule, int64_t now_ns, ActiveAlert* alert,
                                 bool* goes_on) {
  bool keeps_firing = false;
  if (alert->state == AlertState::kFiring && rule.keep_firing_for_ms > 0) {
    if (alert->keep_firing_since_ns == 0) {
      alert->keep_firing_since_ns = now_ns;
      changed_ = true;
    }
    keeps_firing = now_ns - alert->keep_firing_since_ns < rule.keep_firing_for_ms * kNsPerMs;
  }
  const bool forgotten =
      alert->state == AlertState::kPending ||
      (alert->resolved_at_ns != 0 && now_ns - alert->resolved_at_ns > kResolvedRetentionNs);
  if (alert->state != AlertState::kInactive && !keeps_firing) {
    alert->state = AlertState::kInactive;
    alert->resolved_at_ns = now_ns;
    changed_ = true;
  }
  if (forgotten) changed_ = true;
  *goes_on = keeps_firing;
  return !forgotten;
}

void AlertStates::AdvanceFound(const RuleSpec& rule, int64_t now_ns, ActiveAlert* alert) {
  const bool due = IsDue(rule, *alert, now_ns);
  if (alert->state == AlertState::kPending && due) {
    alert->state = AlertState::kFiring;
    alert->fired_at_ns = now_ns;
    changed_ = true;
  }
  // The time it must be found for was made longer.
  if (alert->state == AlertState::kFiring && !due && rule.hold_of == 0) {
    alert->state = AlertState::kPending;
    alert->fired_at_ns = alert->last_sent_ns = alert->keep_firing_since_ns = 0;
    changed_ = true;
  }
}

absl::Status AlertStates::Advance(const RuleSpec& rule, Evaluation evaluation) {
  std::map<model::Labels, ActiveAlert> before;
  if (evaluation.limit > 0) before = alerts_;
  const bool changed_before = changed_;
  const int64_t now_ns = evaluation.time_ns;
  std::map<model::Labels, bool> found;
  for (const auto& [labels, alert] : evaluation.found) found.emplace(labels, true);
  Merge(&evaluation);
  int64_t active = 0;
  for (auto it = alerts_.begin(); it != alerts_.end();) {
    ActiveAlert& alert = it->second;
    const bool is_found = found.contains(it->first);
    const bool is_active = alert.state != AlertState::kInactive;
    const bool held = !is_found && is_active && evaluation.holds && evaluation.holds(alert);
    if (rule.hold_of > 0 && is_active && !held) {
      alert.found = alert.found << 1 | uint64_t{is_found};
      changed_ = true;
    }
    const bool by_hits =
        !is_found && is_active && !held && rule.hold_of > 0 &&
        HitsOf(rule, alert) >= (alert.state == AlertState::kFiring ? rule.hold_at_least : 1);
    bool goes_on = true;
    if (is_found || by_hits) {
      if (is_found && alert.keep_firing_since_ns != 0) {
        alert.keep_firing_since_ns = 0;
        changed_ = true;
      }
      AdvanceFound(rule, now_ns, &alert);
    } else if (!held && !AdvanceMissing(rule, now_ns, &alert, &goes_on)) {
      it = alerts_.erase(it);
      continue;
    } else if (goes_on && !held) {
      AdvanceFound(rule, now_ns, &alert);
    }
    if (goes_on) ++active;
    ++it;
  }
  if (evaluation.limit <= 0 || active <= evaluation.limit) return absl::OkStatus();
  alerts_ = std::move(before);
  changed_ = changed_before;
  return absl::FailedPreconditionError(
      base::StrCat("exceeded limit of ", evaluation.limit, " with ", active, " alerts"));
}

void AlertStates::AppendSamples(const RuleSpec& rule, int64_t time_ms,
                                std::vector<RuleSample>* samples) const {
  for (const auto& [labels, alert] : alerts_) {
    if (alert.state == AlertState::kInactive) continue;
    model::Labels series = rule.labels;
    for (const model::Label& label : labels) series.Set(label.name, label.value);
    series.Set("alertname", rule.name);
    series.Set(model::kMetricName, "ALERTS_FOR_STATE");
    samples->push_back(
        {series, time_ms, static_cast<double>(FloorSeconds(alert.active_at_ns)), std::nullopt});
    series.Set(model::kMetricName, "ALERTS");
    series.Set("alertstate", AlertStateName(alert.state));
    samples->push_back({std::move(series), time_ms, 1, std::nullopt});
  }
}

std::vector<model::Alert> AlertStates::TakeDue(const Sending& sending) {
  std::vector<model::Alert> due;
  for (auto& [labels, alert] : alerts_) {
    if (!NeedsSending(alert, sending.time_ns, sending.resend_delay_ns)) continue;
    alert.last_sent_ns = sending.time_ns;
    alert.valid_until_ns =
        sending.time_ns + 4 * std::max(sending.interval_ns, sending.resend_delay_ns);
    model::Alert told;
    told.labels = labels;
    for (const auto& [name, value] : alert.annotations) told.annotations.Set(name, value);
    told.starts_ms = FloorMs(alert.fired_at_ns);
    told.ends_ms = FloorMs(alert.resolved_at_ns != 0 ? alert.resolved_at_ns : alert.valid_until_ns);
    told.generator_url = sending.generator_url;
    due.push_back(std::move(told));
  }
  return due;
}

void AlertStates::TellAgain(const std::vector<model::Alert>& alerts) {
  for (const model::Alert& alert : alerts) {
    const auto it = alerts_.find(alert.labels);
    if (it != alerts_.end()) it->second.last_sent_ns = 0;
  }
}

AlertState AlertStates::Highest() const {
  AlertState highest = AlertState::kInactive;
  for (const auto& [labels, alert] : alerts_) highest = std::max(highest, alert.state);
  return highest;
}

std::vector<ActiveAlert> AlertStates::Active() const {
  std::vector<ActiveAlert> active;
  for (const auto& [labels, alert] : alerts_) {
    if (alert.resolved_at_ns == 0) active.push_back(alert);
  }
  return active;
}

void AlertStates::Restore(std::vector<ActiveAlert> alerts) {
  for (ActiveAlert& alert : alerts) {
    model::Labels labels = alert.labels;
    alerts_.insert_or_assign(std::move(labels), std::move(alert));
  }
}

}  // namespace baro::rules
