#include "objective.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "output_series.h"

namespace baro::slo {
namespace {

constexpr int64_t kRecentMs = 5 * kMinuteMs;
// The finest slots are not saved: they are counted again after a start.
constexpr int64_t kRecountMs = 6 * kHourMs;

std::string RateText(double rate) {
  return base::StrCat(NumberText(std::round(rate * 10) / 10), "x");
}

}  // namespace

std::string_view SloStateName(SloState state) {
  constexpr std::string_view kNames[] = {"ok", "no_traffic", "no_data"};
  return kNames[static_cast<size_t>(state)];
}

Objective::Objective(std::shared_ptr<const SloSpec> spec, ObjectiveSurroundings surroundings,
                     int64_t now_ms)
    : spec_(std::move(spec)),
      surroundings_(std::move(surroundings)),
      started_ms_(now_ms),
      keeper_(*spec_, surroundings_.sources, surroundings_.clock),
      store_(*spec_, surroundings_.storage) {
  auto status = std::make_shared<SloStatus>();
  status->spec = spec_;
  status->warnings = spec_->warnings;
  status->backfilling = !is_composite();
  status_ = std::move(status);
}

void Objective::Warn(std::string_view what, const absl::Status& status) const {
  if (status.ok() || absl::IsCancelled(status) || !surroundings_.warn) return;
  surroundings_.warn(
      base::StrCat(what, ": slo=", spec_->name, " error=", base::FromAbsl(status.message())));
}

std::string Objective::AlertsKey() const { return base::StrCat("slo/alerts/", spec_->name); }

bool Objective::CountsSame(const SloSpec& spec) const {
  return CountingKey(spec) == CountingKey(*spec_) &&
         spec.window.length_ms == spec_->window.length_ms && spec.sli.kind == spec_->sli.kind;
}

void Objective::Restore(int64_t now_ms) {
  const auto notes = surroundings_.storage->Load(AlertsKey());
  Warn("alerts of an objective are not restored", notes.status());
  if (notes.ok()) {
    for (const SloNote& note : *notes) {
      if (note.key != AlertsKey()) continue;
      Warn("alerts of an objective are not restored", alerts_.Decode(note.value));
    }
  }
  if (is_composite()) return;
  auto saved = store_.Load(EventBook(*spec_, surroundings_.sources));
  // What cannot be read is counted again from samples.
  Warn("counts of an objective are not restored", saved.status());
  if (!saved.ok() || !*saved) return;
  const int64_t from_ms = std::min((*saved)->time_ms, now_ms - kRecountMs);
  if (now_ms - from_ms > spec_->window.length_ms) return;
  Warn("counts of an objective are not restored",
       keeper_.Adopt(std::move((*saved)->book), from_ms, now_ms));
}

void Objective::Reconfigure(std::shared_ptr<const SloSpec> spec,
                            ObjectiveSurroundings surroundings) {
  if (spec->alerting.policies != spec_->alerting.policies) holds_since_.clear();
  spec_ = std::move(spec);
  surroundings_ = std::move(surroundings);
  if (EventBook* book = keeper_.mutable_book()) book->SetGroupsMax(spec_->groups_max);
  auto status = std::make_shared<SloStatus>(*status_);
  status->spec = spec_;
  status->warnings = spec_->warnings;
  status_ = std::move(status);
}

absl::Status Objective::Count(const Round& round) {
  if (is_composite()) return absl::OkStatus();
  return keeper_.Advance(round.now_ms, round.go_on);
}

GroupView Objective::ViewOfComposite(const Round& round) const {
  struct Part {
    double weight = 1;
    std::vector<CountsLeft> groups;
  };
  GroupView view;
  view.objective = spec_->objective;
  std::vector<Part> parts;
  for (const CompositeSpec::Part& one : spec_->composite.parts) {
    const Objective* objective = round.find ? round.find(one.slo) : nullptr;
    Part part{one.weight, {}};
    if (objective != nullptr && objective->book() != nullptr) {
      for (const GroupBook& group : objective->book()->groups()) {
        std::vector<Exclusion> exclusions(round.exclusions.begin(), round.exclusions.end());
        exclusions.insert(exclusions.end(), objective->spec()->exclusions.begin(),
                          objective->spec()->exclusions.end());
        // What is excluded of the composite is excluded of its parts, for it.
        for (Exclusion exclusion : spec_->exclusions) {
          exclusion.slo = one.slo;
          exclusions.push_back(std::move(exclusion));
        }
        for (size_t i = 0; i < round.exclusions.size(); ++i) {
          if (exclusions[i].slo == spec_->name) exclusions[i].slo = one.slo;
        }
        part.groups.emplace_back(&group.counted(),
                                 ExcludedSpans(exclusions, *objective->spec(), group.labels));
        view.last_seen_ms = std::max(view.last_seen_ms, group.last_seen_ms);
        view.ever += group.counted().UpTo(round.now_ms);
      }
    }
    parts.push_back(std::move(part));
  }
  view.counts = [parts = std::move(parts), minimum = spec_->composite.minimum](int64_t from_ms,
                                                                               int64_t to_ms) {
    Counts all;
    double weights = 0;
    double weighted = 0;
    double worst = 0;
    for (const Part& part : parts) {
      Counts counts;
      for (const CountsLeft& group : part.groups) counts += group(from_ms, to_ms);
      if (!(counts.total > 0)) continue;  // no traffic: it has no say
      all.total += counts.total;
      weights += part.weight;
      weighted += part.weight * ErrorRatio(counts);
      worst = std::max(worst, ErrorRatio(counts));
    }
    if (weights > 0) all.bad = all.total * (minimum ? worst : weighted / weights);
    return all;
  };
  return view;
}

std::vector<GroupView> Objective::Views(const Round& round) const {
  std::vector<GroupView> views;
  if (is_composite()) {
    views.push_back(ViewOfComposite(round));
    return views;
  }
  if (book() == nullptr) return views;
  std::vector<Exclusion> exclusions(round.exclusions.begin(), round.exclusions.end());
  exclusions.insert(exclusions.end(), spec_->exclusions.begin(), spec_->exclusions.end());
  for (const GroupBook& group : book()->groups()) {
    GroupView view;
    view.labels = group.labels;
    view.objective = ObjectiveOf(*spec_, group.labels);
    view.counts = CountsLeft(&group.counted(), ExcludedSpans(exclusions, *spec_, group.labels));
    view.last_seen_ms = group.last_seen_ms;
    view.oldest_ms = group.counted().oldest_ms();
    view.ever = group.events.UpTo(round.now_ms);
    views.push_back(std::move(view));
  }
  // An objective of everything is there before its first sample.
  if (views.empty() && spec_->group_by.empty()) {
    GroupView view;
    view.objective = spec_->objective;
    view.counts = [](int64_t, int64_t) { return Counts(); };
    view.oldest_ms = round.now_ms;
    views.push_back(std::move(view));
  }
  std::sort(views.begin(), views.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  return views;
}

GroupStatus Objective::StatusOfGroup(const GroupView& view, int64_t now_ms) {
  GroupStatus group;
  group.labels = view.labels;
  group.objective = view.objective;
  const int64_t start_ms = WindowStart(spec_->window, now_ms);
  group.period = StatusOf(view.counts(start_ms, now_ms), spec_->window.length_ms, view.objective);
  for (const int64_t window_ms : WindowsOf(*spec_)) {
    group.windows.push_back(
        window_ms == spec_->window.length_ms
            ? group.period
            : StatusOf(view.counts(now_ms - window_ms, now_ms), window_ms, view.objective));
  }
  group.recent = StatusOf(view.counts(now_ms - kRecentMs, now_ms), kRecentMs, view.objective);
  group.remaining = 1 - group.period.burn_rate;
  group.total_ever = view.ever.total;
  group.bad_ever = std::clamp(view.ever.bad, 0.0, std::max(0.0, view.ever.total));
  if (view.last_seen_ms < now_ms - kNoDataMs) {
    group.state = SloState::kNoData;
  } else {
    group.state = group.recent.total > 0 ? SloState::kOk : SloState::kNoTraffic;
  }
  group.exhausted = group.remaining <= 0;
  if (group.exhausted) {
    group.exhausted_ms = exhausted_since_.emplace(view.labels, now_ms).first->second;
  } else {
    exhausted_since_.erase(view.labels);
    const Projection projection(view.counts, spec_->window, view.objective, now_ms, kHourMs);
    group.exhausted_ms = projection.Exhaustion();
  }
  return group;
}

FoundAlert Objective::MakeAlert(const GroupStatus& group, const std::string& name,
                                const std::string& severity, const std::string& why) const {
  const AlertingSpec& alerting = spec_->alerting;
  FoundAlert alert;
  alert.severity = severity;
  alert.why = why;
  alert.labels = BaseLabels(*spec_, group.labels);
  if (!spec_->owner.empty()) alert.labels.Set("owner", spec_->owner);
  if (spec_->export_sloth) AddSlothLabels(*spec_, &alert.labels);
  alert.labels.Set("severity", severity);
  const auto add = [](const auto& texts, const auto& set) {
    for (const auto& [key, value] : texts) set(key, value);
  };
  const auto set_label = [&](const auto& key, const auto& value) { alert.labels.Set(key, value); };
  add(alerting.labels, set_label);
  const auto labels = alerting.severity_labels.find(severity);
  if (labels != alerting.severity_labels.end()) add(labels->second, set_label);
  alert.labels.Set("alertname", name);
  alert.annotations["summary"] =
      base::StrCat(spec_->name, group.labels.empty() ? "" : group.labels.ToString(), " ", why);
  std::string text =
      base::StrCat("Of the error budget of ", DurationText(spec_->window.length_ms), " (objective ",
                   NumberText(group.objective * 100), "%) ",
                   NumberText(std::round(group.remaining * 1000) / 10), "% is left.");
  if (group.exhausted_ms && !group.exhausted) {
    const int64_t left_ms = (*group.exhausted_ms - status_->evaluated_ms) / kMinuteMs * kMinuteMs;
    base::StrAppend(&text, " At this rate it is gone in ",
                    DurationText(std::max(kMinuteMs, left_ms)), ".");
  }
  alert.annotations["description"] = std::move(text);
  return alert;
}

void Objective::FindBurning(const GroupView& view, const GroupStatus& group, int64_t now_ms,
                            std::vector<FoundAlert>* found) {
  const AlertingSpec& alerting = spec_->alerting;
  std::map<std::string, FoundAlert> by_severity;
  for (size_t i = 0; i < alerting.policies.size(); ++i) {
    const PolicySpec& policy = alerting.policies[i];
    const Counts long_counts = view.counts(now_ms - policy.long_ms, now_ms);
    const Counts short_counts = view.counts(now_ms - policy.short_ms, now_ms);
    const std::pair<model::Labels, size_t> key(view.labels, i);
    if (!Holds(policy, alerting.guards, view.objective, long_counts, short_counts)) {
      holds_since_.erase(key);
      continue;
    }
    const double rate = BurnRate(long_counts, view.objective);
    FoundAlert alert =
        MakeAlert(group, alerting.name, policy.severity,
                  base::StrCat("burns its error budget ", RateText(rate), " over ",
                               DurationText(policy.long_ms), " and ",
                               RateText(BurnRate(short_counts, view.objective)), " over ",
                               DurationText(policy.short_ms), " (", policy.severity, " from ",
                               RateText(policy.burn_rate), ")"));
    alert.value = rate;
    // After a restart the alert knows since when.
    const int64_t known_ms = alerts_.ActiveSince(alert.labels);
    const int64_t since_ms =
        holds_since_.emplace(key, known_ms != 0 && holds_since_.empty() ? known_ms : now_ms)
            .first->second;
    alert.fires = now_ms - since_ms >= policy.hold_ms || alerts_.IsFiring(alert.labels);
    const auto [it, fresh] = by_severity.emplace(policy.severity, alert);
    if (!fresh && alert.fires && !it->second.fires) it->second = std::move(alert);
  }
  for (auto& [severity, alert] : by_severity) found->push_back(std::move(alert));
}

void Objective::FindAlerts(const GroupView& view, const GroupStatus& group, int64_t now_ms,
                           std::vector<FoundAlert>* found) {
  FindBurning(view, group, now_ms, found);
  const AlertingSpec& alerting = spec_->alerting;
  if (!alerting.exhausted_severity.empty() && group.exhausted &&
      group.period.bad >= alerting.guards.min_bad) {
    found->push_back(MakeAlert(group, "SloErrorBudgetExhausted", alerting.exhausted_severity,
                               "has spent its error budget"));
  }
  if (!alerting.no_data_severity.empty() && group.state == SloState::kNoData) {
    FoundAlert alert =
        MakeAlert(group, "SloNoData", alerting.no_data_severity,
                  base::StrCat("has had no samples for more than ", DurationText(kNoDataMs)));
    const int64_t seen_ms = std::max(view.last_seen_ms, started_ms_);
    alert.fires =
        now_ms - seen_ms >= kNoDataMs + alerting.no_data_hold_ms || alerts_.IsFiring(alert.labels);
    found->push_back(std::move(alert));
  }
}

void Objective::EvaluateGroups(const Round& round, SloStatus* status) {
  std::vector<FoundAlert> found;
  std::map<model::Labels, size_t> group_of_alert;
  status->groups.clear();
  for (const GroupView& view : Views(round)) {
    GroupStatus group = StatusOfGroup(view, round.now_ms);
    const size_t before = found.size();
    FindAlerts(view, group, round.now_ms, &found);
    for (size_t i = before; i < found.size(); ++i) {
      group_of_alert.emplace(found[i].labels, status->groups.size());
    }
    status->groups.push_back(std::move(group));
  }
  alerts_.Advance(round.now_ms, std::move(found));
  for (SloAlert& alert : alerts_.Active()) {
    const auto it = group_of_alert.find(alert.labels);
    if (it != group_of_alert.end()) {
      status->groups[it->second].alerts.push_back(std::move(alert));
    }
  }
}

absl::Status Objective::WriteSeries(const SloStatus& status, int64_t now_ms) {
  std::vector<SloSample> samples;
  AppendSeries(status, now_ms, &samples);
  absl::flat_hash_map<uint64_t, model::Labels> written;
  written.reserve(samples.size());
  for (const SloSample& sample : samples) written.emplace(sample.labels.Hash(), sample.labels);
  for (auto& [hash, labels] : written_) {
    if (!written.contains(hash)) samples.push_back({labels, now_ms, model::kStaleNan});
  }
  BARO_TRY(surroundings_.storage->Write(samples));
  written_ = std::move(written);
  return absl::OkStatus();
}

void Objective::Save(int64_t now_ms) {
  absl::Status status;
  if (alerts_.TakeChanged()) {
    status = surroundings_.storage->Save({{AlertsKey(), alerts_.Encode()}});
  }
  if (status.ok() && book() != nullptr) {
    status = store_.Save(*book(), keeper_.TakeAmendedSince(), now_ms);
  }
  if (status.ok()) return;
  ++save_failures_;
  Warn("an objective is not saved", status);
}

void Objective::Tell(int64_t now_ms) {
  if (!surroundings_.sink) return;
  const std::vector<model::Alert> due =
      alerts_.TakeDue({now_ms, surroundings_.interval_ms, surroundings_.resend_delay_ms,
                       base::StrCat(surroundings_.external_url, "/api/v1/baro/slo/", spec_->name)});
  if (due.empty()) return;
  const absl::Status taken = surroundings_.sink(due);
  if (taken.ok()) return;
  Warn("alerts are not taken, and are told again", taken);
  alerts_.TellAgain(due);
}

void Objective::Evaluate(const Round& round) {
  const int64_t begin_ns = surroundings_.clock->MonotonicNs();
  auto status = std::make_shared<SloStatus>(*status_);
  const absl::Status counted = Count(round);
  status->backfilling = busy();
  status->last_error = std::string(counted.message());
  Warn("an objective cannot be evaluated", counted);
  const bool has_counts = is_composite() || book() != nullptr;
  // History goes on beside; what is known of this moment is told already.
  if (counted.ok() && status->evaluated && status->evaluated_ms == round.now_ms && busy()) {
    status_ = std::move(status);
    return;
  }
  if (counted.ok() && has_counts) {
    status->evaluated = true;
    status->evaluated_ms = round.now_ms;
    if (EventBook* book = keeper_.mutable_book()) {
      book->DropIdle(round.now_ms);
      status->groups_refused = book->groups_refused();
      status->memory_bytes = book->memory_bytes();
      status->warnings = spec_->warnings;
      if (!book->warning().empty()) status->warnings.push_back(book->warning());
    }
    status_ = status;  // alerts tell the time of this evaluation
    EvaluateGroups(round, status.get());
    if (status->groups_refused > 0) {
      status->last_error =
          base::StrCat("more than ", spec_->groups_max, " groups: ", status->groups_refused,
                       " are left out (raise groups_max or group by less)");
    }
    const absl::Status written = WriteSeries(*status, round.now_ms);
    if (!written.ok()) status->last_error = std::string(written.message());
    Warn("series of an objective are not written", written);
    Save(round.now_ms);
  }
  // Also after an error: silence would be taken for the end of an alert.
  Tell(round.now_ms);
  status->evaluation_seconds =
      static_cast<double>(surroundings_.clock->MonotonicNs() - begin_ns) / 1e9;
  status_ = std::move(status);
}

void Objective::End(int64_t now_ms) {
  std::vector<SloSample> samples;
  for (auto& [hash, labels] : written_) samples.push_back({labels, now_ms, model::kStaleNan});
  if (!samples.empty()) {
    Warn("series of an objective are not ended", surroundings_.storage->Write(samples));
  }
  alerts_.Advance(now_ms, {});
  Tell(now_ms);
  std::vector<SloNote> notes = {{AlertsKey(), ""}};
  const auto saved = surroundings_.storage->Load(BookStore::Prefix(spec_->name));
  if (saved.ok()) {
    for (const SloNote& note : *saved) notes.push_back({note.key, ""});
  }
  Warn("notes of an objective are not removed", surroundings_.storage->Save(notes));
}

}  // namespace baro::slo
