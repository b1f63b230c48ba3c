#include "rule_group.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "go_format.h"
#include "histogram_text.h"
#include "state_codec.h"

namespace baro::rules {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr char kAlertNotes[] = "rules/alerts/";
constexpr char kGroupNotes[] = "rules/group/";

int64_t FloorMs(int64_t time_ns) { return time_ns / kNsPerMs - (time_ns % kNsPerMs < 0 ? 1 : 0); }

// As Prometheus keeps labels: the length in one byte, or 255 and three bytes.
void PutText(const std::string& text, std::string* out) {
  const size_t size = text.size();
  if (size < 255) {
    *out += static_cast<char>(size);
  } else {
    *out += '\xff';
    for (int shift = 0; shift < 24; shift += 8) *out += static_cast<char>(size >> shift & 0xff);
  }
  *out += text;
}

// Everything of a group that makes a difference.
bool SameRule(const RuleSpec& a, const RuleSpec& b) {
  return a.alerting == b.alerting && a.name == b.name && a.query == b.query &&
         a.hold_ms == b.hold_ms && a.hold_of == b.hold_of && a.hold_at_least == b.hold_at_least &&
         a.keep_firing_for_ms == b.keep_firing_for_ms && a.written_labels == b.written_labels &&
         a.annotations == b.annotations && a.no_data == b.no_data &&
         a.resolve_query == b.resolve_query && a.baseline == b.baseline;
}

// What Prometheus says of two alerts or samples alike.
absl::Status SameLabels(const char* kind) {
  return absl::FailedPreconditionError(base::StrCat(
      "vector contains metrics with the same labelset after applying ", kind, " labels"));
}

}  // namespace

uint64_t GroupHash(const std::string& file, const std::string& name) {
  std::string bytes;
  for (const std::string& text : {std::string("file"), file, std::string("name"), name}) {
    PutText(text, &bytes);
  }
  return XXH64(bytes.data(), bytes.size(), 0);
}

RuleGroup::RuleGroup(GroupSpec spec, GroupSurroundings surroundings)
    : spec_(std::move(spec)),
      surroundings_(std::move(surroundings)),
      key_(spec_.Key()),
      interval_ms_(spec_.interval_ms > 0 ? spec_.interval_ms : surroundings_.interval_ms),
      offset_ms_(spec_.query_offset_ms.value_or(surroundings_.query_offset_ms)),
      hash_(GroupHash(spec_.file, spec_.name)) {
  std::map<std::string, int> same_name;
  for (const RuleSpec& one : spec_.rules) {
    auto rule = std::make_unique<Rule>();
    rule->spec = one;
    rule->inputs = InputsOf(one.query);
    rule->reads_anything = rule->inputs.any_name;
    for (const auto* templates : {&one.label_templates, &one.annotation_templates}) {
      for (const NamedTemplate& text : *templates) {
        rule->reads_anything |= text.value.text().find("query") != std::string::npos;
      }
    }
    rule->generator_url = base::StrCat(surroundings_.external_url,
                                       "/graph?g0.expr=", GoQueryEscape(one.query), "&g0.tab=1");
    if (one.alerting) {
      rule->note_key = base::StrCat(kAlertNotes, key_, "\n", one.name, "\n", same_name[one.name]++);
    }
    rules_.push_back(std::move(rule));
  }
  stats_.key = key_;
  stats_.interval_ms = interval_ms_;
  stats_.rules = rules_.size();
}

int64_t RuleGroup::SlotBefore(int64_t now_ns) const {
  const auto offset = static_cast<int64_t>(hash_ % static_cast<uint64_t>(interval_ns()));
  const int64_t shifted = now_ns - offset;
  return shifted - shifted % interval_ns() + offset;
}

bool RuleGroup::SameAs(const RuleGroup& other) const {
  return spec_.name == other.spec_.name && spec_.file == other.spec_.file &&
         interval_ms_ == other.interval_ms_ && spec_.limit == other.spec_.limit &&
         offset_ms_ == other.offset_ms_ && surroundings_.SameAs(other.surroundings_) &&
         std::equal(spec_.rules.begin(), spec_.rules.end(), other.spec_.rules.begin(),
                    other.spec_.rules.end(), SameRule);
}

void RuleGroup::Evaluate(int64_t slot_ns, EvaluationMode mode) {
  const int64_t begin_ms = surroundings_.clock->NowMs();
  const int64_t begin_ns = surroundings_.clock->MonotonicNs();
  Outcome outcome;
  outcome.slot_ns = slot_ns;
  outcome.time_ms = FloorMs(slot_ns - offset_ms_ * kNsPerMs);
  outcome.mode = mode;
  for (const auto& rule : rules_) {
    if (surroundings_.queries.cancelled != nullptr && *surroundings_.queries.cancelled) return;
    EvaluateRule(rule.get(), &outcome);
  }
  Flush(&outcome);
  WriteLeftovers(outcome);
  const double seconds = static_cast<double>(surroundings_.clock->MonotonicNs() - begin_ns) / 1e9;
  base::MutexLock lock(&mutex_);
  ++stats_.iterations_scheduled;
  if (mode == EvaluationMode::kReplay) ++stats_.iterations_replayed;
  stats_.samples = outcome.total;
  stats_.last_duration_seconds = evaluation_seconds_ = seconds;
  stats_.last_evaluation_ns = begin_ms * kNsPerMs;
  stats_.rule_duration_sum_seconds = 0;
  for (const auto& rule : rules_) stats_.rule_duration_sum_seconds += rule->seconds;
  last_slot_ns_ = slot_ns;
}

void RuleGroup::EvaluateRule(Rule* rule, Outcome* outcome) {
  const int64_t begin_ms = surroundings_.clock->NowMs();
  const int64_t begin_ns = surroundings_.clock->MonotonicNs();
  // A rule sees what those before it have written; others need not wait for the disk.
  const bool reads = rule->reads_anything ||
                     std::any_of(outcome->names.begin(), outcome->names.end(),
                                 [&](const auto& name) { return rule->inputs.Reads(name); });
  if (reads && !outcome->samples.empty()) Flush(outcome);
  auto samples = rule->spec.alerting ? Alert(rule, *outcome) : Record(rule, *outcome);
  {
    base::MutexLock lock(&mutex_);
    ++stats_.evaluations;
    rule->last_evaluation_ns = begin_ms * kNsPerMs;
    rule->seconds = static_cast<double>(surroundings_.clock->MonotonicNs() - begin_ns) / 1e9;
    if (samples.ok()) {
      rule->health = Health::kOk;
      rule->last_error.clear();
    } else {
      Fail(rule, samples.status());
    }
  }
  // Also after an error: silence would be taken for "resolved".
  if (rule->spec.alerting) Tell(rule, *outcome);
  if (samples.ok()) Add(rule, *std::move(samples), outcome);
}

void RuleGroup::Fail(Rule* rule, const absl::Status& status) {
  ++stats_.failures;
  rule->health = Health::kError;
  rule->last_error = std::string(status.message());
  if (surroundings_.warn && !absl::IsCancelled(status)) {
    surroundings_.warn(base::StrCat("a rule cannot be evaluated: group=", key_,
                                    " rule=", rule->spec.name, " error=", rule->last_error));
  }
}

absl::StatusOr<std::vector<RuleSample>> RuleGroup::Record(Rule* rule, const Outcome& outcome) {
  std::vector<RuleSample> samples;
  if (rule->spec.baseline) {
    BARO_TRY_ASSIGN(samples, rule->baseline.At(surroundings_.queries, rule->spec, outcome.time_ms));
  } else {
    BARO_TRY_ASSIGN(std::vector<RuleElement> elements,
                    surroundings_.queries.Evaluate(rule->spec.query, outcome.time_ms));
    samples.reserve(elements.size());
    for (RuleElement& element : elements) {
      samples.push_back({std::move(element.labels), outcome.time_ms, element.value,
                         std::move(element.histogram)});
      samples.back().labels.Set(model::kMetricName, rule->spec.name);
    }
  }
  for (RuleSample& sample : samples) {
    for (const auto& [name, value] : rule->spec.written_labels) sample.labels.Set(name, value);
  }
  std::vector<const model::Labels*> all;
  for (const RuleSample& sample : samples) all.push_back(&sample.labels);
  std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto twice = std::adjacent_find(all.begin(), all.end(),
                                        [](const auto* a, const auto* b) { return *a == *b; });
  if (twice != all.end()) return SameLabels("rule");
  const auto limit = static_cast<size_t>(std::max<int64_t>(spec_.limit, 0));
  if (limit > 0 && samples.size() > limit) {
    return absl::FailedPreconditionError(
        base::StrCat("exceeded limit of ", limit, " with ", samples.size(), " series"));
  }
  return samples;
}

absl::StatusOr<std::vector<RuleSample>> RuleGroup::Alert(Rule* rule, const Outcome& outcome) {
  const int64_t slot_ms = FloorMs(outcome.slot_ns);
  BARO_TRY_ASSIGN(std::vector<RuleElement> elements,
                  surroundings_.queries.Evaluate(rule->spec.query, outcome.time_ms));
  BARO_TRY_ASSIGN(auto found, Expand(*rule, std::move(elements), slot_ms));
  if (rule->spec.no_data == NoData::kAlert && found.empty()) {
    BARO_TRY(AddWithoutData(*rule, outcome.time_ms, slot_ms, &found));
  }
  BARO_TRY_ASSIGN(const std::set<model::Labels> held, HeldAlerts(*rule, found, outcome));
  AlertStates::Evaluation evaluation;
  evaluation.time_ns = outcome.slot_ns;
  evaluation.found = std::move(found);
  evaluation.limit = spec_.limit;
  evaluation.adopt = std::exchange(rule->adopt, false);
  evaluation.holds = [&](const ActiveAlert& alert) { return held.contains(alert.labels); };
  base::MutexLock lock(&mutex_);
  BARO_TRY(rule->alerts.Advance(rule->spec, std::move(evaluation)));
  std::vector<RuleSample> samples;
  rule->alerts.AppendSamples(rule->spec, outcome.time_ms, &samples);
  return samples;
}

ActiveAlert RuleGroup::ExpandOne(const Rule& rule, RuleElement element, int64_t slot_ms) const {
  TemplateInput input;
  std::map<std::string, std::string> labels;
  for (const model::Label& label : element.labels) labels.emplace(label.name, label.value);
  input.labels = &labels;
  input.external_labels = &surroundings_.external_labels;
  input.external_url = surroundings_.external_url;
  input.value = element.value;
  if (element.histogram) input.value = HistogramText(*element.histogram);
  input.time_ms = slot_ms;
  input.query = [&](const std::string& query) {
    return surroundings_.queries.EvaluateForTemplate(query, slot_ms);
  };
  absl::Status failure;
  ActiveAlert alert;
  alert.value = element.value;
  alert.labels = std::move(element.labels);
  alert.labels.Remove(model::kMetricName);
  alert.source = alert.labels;
  for (const NamedTemplate& one : rule.spec.label_templates) {
    alert.labels.Set(one.name, one.value.Expand(input, &failure));
  }
  alert.labels.Set("alertname", rule.spec.name);
  for (const NamedTemplate& one : rule.spec.annotation_templates) {
    alert.annotations[one.name] = one.value.Expand(input, &failure);
  }
  if (!failure.ok() && surroundings_.warn) {
    surroundings_.warn(base::StrCat("an alert's template cannot be expanded: alert=",
                                    rule.spec.name, " error=", base::FromAbsl(failure.message())));
  }
  return alert;
}

absl::StatusOr<std::map<model::Labels, ActiveAlert>> RuleGroup::Expand(
    const Rule& rule, std::vector<RuleElement> elements, int64_t slot_ms) const {
  std::map<model::Labels, ActiveAlert> found;
  for (RuleElement& element : elements) {
    ActiveAlert alert = ExpandOne(rule, std::move(element), slot_ms);
    model::Labels labels = alert.labels;
    if (!found.emplace(std::move(labels), std::move(alert)).second) return SameLabels("alert");
  }
  return found;
}

// `no_data: alert`: nothing was found because there is nothing to look at.
absl::Status RuleGroup::AddWithoutData(const Rule& rule, int64_t time_ms, int64_t slot_ms,
                                       std::map<model::Labels, ActiveAlert>* found) const {
  BARO_TRY_ASSIGN(const bool there_are,
                  HaveSamples(surroundings_.queries, rule.inputs, {}, time_ms));
  if (there_are) return absl::OkStatus();
  RuleElement element;
  element.value = model::kNormalNan;
  ActiveAlert alert = ExpandOne(rule, std::move(element), slot_ms);
  alert.labels.Set("no_data", "true");
  alert.without_data = true;
  model::Labels labels = alert.labels;
  found->emplace(std::move(labels), std::move(alert));
  return absl::OkStatus();
}

// Alerts that were not found and yet stay as they are.
absl::StatusOr<std::set<model::Labels>> RuleGroup::HeldAlerts(
    const Rule& rule, const std::map<model::Labels, ActiveAlert>& found,
    const Outcome& outcome) const {
  std::vector<std::pair<model::Labels, ActiveAlert>> missing;
  {
    base::MutexLock lock(&mutex_);
    for (const auto& [labels, alert] : rule.alerts.all()) {
      if (alert.state == AlertState::kInactive || found.contains(labels)) continue;
      missing.emplace_back(labels, alert);
    }
  }
  std::set<model::Labels> held;
  if (missing.empty()) return held;
  std::set<model::Labels> resolving;
  if (!rule.spec.resolve_query.empty()) {
    BARO_TRY_ASSIGN(const std::vector<RuleElement> elements,
                    surroundings_.queries.Evaluate(rule.spec.resolve_query, outcome.time_ms));
    for (const RuleElement& element : elements) {
      model::Labels labels = element.labels;
      labels.Remove(model::kMetricName);
      resolving.insert(std::move(labels));
    }
  }
  for (const auto& [labels, alert] : missing) {
    bool holds = outcome.mode != EvaluationMode::kLive;
    if (!rule.spec.resolve_query.empty() && alert.state == AlertState::kFiring) {
      holds |= !resolving.contains(alert.source) && !resolving.contains(model::Labels());
    }
    if (!holds && rule.spec.no_data != NoData::kOk && !alert.without_data) {
      BARO_TRY_ASSIGN(const bool there_are, HaveSamples(surroundings_.queries, rule.inputs,
                                                        alert.source, outcome.time_ms));
      holds = !there_are;
    }
    if (holds) held.insert(labels);
  }
  return held;
}

void RuleGroup::Tell(Rule* rule, const Outcome& outcome) {
  if (outcome.mode == EvaluationMode::kReplay || !surroundings_.sink) return;
  std::vector<model::Alert> due;
  {
    base::MutexLock lock(&mutex_);
    due = rule->alerts.TakeDue({outcome.slot_ns, interval_ns(),
                                surroundings_.resend_delay_ms * kNsPerMs, rule->generator_url});
  }
  if (due.empty()) return;
  const absl::Status taken = surroundings_.sink(due);
  if (taken.ok()) return;
  if (surroundings_.warn) {
    surroundings_.warn(base::StrCat("alerts are not taken, and are told again: rule=",
                                    rule->spec.name, " error=", base::FromAbsl(taken.message())));
  }
  base::MutexLock lock(&mutex_);
  rule->alerts.TellAgain(due);
}

void RuleGroup::Add(Rule* rule, std::vector<RuleSample> samples, Outcome* outcome) {
  std::set<model::Labels> series;
  outcome->total += samples.size();
  for (RuleSample& sample : samples) {
    series.insert(sample.labels);
    outcome->written.insert(sample.labels);
    outcome->names.emplace(sample.labels.Get(model::kMetricName));
    outcome->samples.push_back(std::move(sample));
  }
  for (const model::Labels& gone : rule->series) {
    // Another rule of this group may have written it.
    if (series.contains(gone) || outcome->written.contains(gone)) continue;
    outcome->names.emplace(gone.Get(model::kMetricName));
    outcome->samples.push_back({gone, outcome->time_ms, model::kStaleNan, std::nullopt});
  }
  outcome->rules.emplace_back(rule, std::move(series));
}

void RuleGroup::Flush(Outcome* outcome) {
  absl::Status status;
  if (!outcome->samples.empty()) status = surroundings_.storage->Write(outcome->samples);
  base::MutexLock lock(&mutex_);
  for (auto& [rule, series] : outcome->rules) {
    if (status.ok()) {
      rule->series = std::move(series);
    } else {
      Fail(rule, status);
    }
  }
  outcome->samples.clear();
  outcome->names.clear();
  outcome->rules.clear();
}

// Series of rules that a reload has taken away.
void RuleGroup::WriteLeftovers(const Outcome& outcome) {
  std::vector<RuleSample> samples;
  {
    base::MutexLock lock(&mutex_);
    for (const model::Labels& series : leftovers_) {
      if (outcome.written.contains(series)) continue;
      samples.push_back({series, outcome.time_ms, model::kStaleNan, std::nullopt});
    }
  }
  if (!samples.empty() && !surroundings_.storage->Write(samples).ok()) return;
  base::MutexLock lock(&mutex_);
  leftovers_.clear();
}

void RuleGroup::CountMissed(uint64_t slots) {
  base::MutexLock lock(&mutex_);
  stats_.iterations_missed += slots;
  stats_.iterations_scheduled += slots;
}

std::vector<RuleNote> RuleGroup::TakeNotes(bool* urgent) {
  base::MutexLock lock(&mutex_);
  std::vector<RuleNote> notes;
  *urgent = false;
  for (const auto& rule : rules_) {
    if (!rule->spec.alerting || !rule->alerts.TakeChanged()) continue;
    *urgent = true;
    const bool none = rule->alerts.all().empty();
    notes.push_back({rule->note_key, none ? "" : EncodeAlerts(rule->alerts.all())});
  }
  notes.push_back(
      {base::StrCat(kGroupNotes, key_), EncodeGroupMark({last_slot_ns_, interval_ms_})});
  return notes;
}

std::vector<std::string> RuleGroup::NoteKeys() const {
  std::vector<std::string> keys = {base::StrCat(kGroupNotes, key_)};
  for (const auto& rule : rules_) {
    if (!rule->note_key.empty()) keys.push_back(rule->note_key);
  }
  return keys;
}

int64_t RuleGroup::Restore(std::map<std::string, std::string>* saved) {
  base::MutexLock lock(&mutex_);
  for (const auto& rule : rules_) {
    const auto it = saved->find(rule->note_key);
    if (rule->note_key.empty() || it == saved->end()) continue;
    auto alerts = DecodeAlerts(it->second);
    if (alerts.ok()) {
      rule->alerts.Restore(*std::move(alerts));
      rule->adopt = true;  // the file may have changed meanwhile
    } else if (surroundings_.warn) {
      surroundings_.warn(base::StrCat("alerts are not restored: group=", key_,
                                      " rule=", rule->spec.name,
                                      " error=", base::FromAbsl(alerts.status().message())));
    }
    saved->erase(it);
  }
  const auto it = saved->find(base::StrCat(kGroupNotes, key_));
  if (it == saved->end()) return 0;
  const auto mark = DecodeGroupMark(it->second);
  saved->erase(it);
  return mark.ok() ? mark->last_evaluation_ns : 0;
}

void RuleGroup::TakeOver(RuleGroup* from) {
  base::MutexLock from_lock(&from->mutex_);
  base::MutexLock lock(&mutex_);
  std::set<const Rule*> taken;
  std::set<const Rule*> given;
  const auto take = [&](Rule* rule, Rule* old) {
    if (taken.contains(rule) || given.contains(old)) return;
    if (rule->spec.alerting != old->spec.alerting || rule->spec.name != old->spec.name) return;
    taken.insert(rule);
    given.insert(old);
    rule->series = old->series;
    rule->alerts = old->alerts;
    rule->adopt = old->adopt || rule->spec.labels != old->spec.labels;
    rule->health = old->health;
    rule->last_error = old->last_error;
    rule->last_evaluation_ns = old->last_evaluation_ns;
    rule->seconds = old->seconds;
  };
  for (const bool by_labels : {true, false}) {
    for (const auto& rule : rules_) {
      for (const auto& old : from->rules_) {
        if (!by_labels || rule->spec.labels == old->spec.labels) take(rule.get(), old.get());
      }
    }
  }
  leftovers_ = from->leftovers_;
  for (const auto& old : from->rules_) {
    if (!given.contains(old.get())) leftovers_.insert(old->series.begin(), old->series.end());
  }
  evaluation_seconds_ = from->evaluation_seconds_;
  last_slot_ns_ = from->last_slot_ns_;
  const uint64_t rules = stats_.rules;
  stats_ = from->stats_;
  stats_.rules = rules;
  stats_.interval_ms = interval_ms_;
}

std::set<model::Labels> RuleGroup::Series() const {
  base::MutexLock lock(&mutex_);
  std::set<model::Labels> all = leftovers_;
  for (const auto& rule : rules_) all.insert(rule->series.begin(), rule->series.end());
  return all;
}

GroupStatus RuleGroup::Status() const {
  base::MutexLock lock(&mutex_);
  GroupStatus status{spec_.name, spec_.file, interval_ms_, spec_.limit, evaluation_seconds_, 0, {}};
  status.last_evaluation_ns = stats_.last_evaluation_ns;
  for (const auto& rule : rules_) {
    RuleStatus one;
    one.spec = rule->spec;
    one.health = rule->health;
    one.last_error = rule->last_error;
    one.last_evaluation_ns = rule->last_evaluation_ns;
    one.evaluation_seconds = rule->seconds;
    one.series = rule->series.size();
    if (rule->spec.alerting) {
      one.alerts = rule->alerts.Active();
      if (rule->last_evaluation_ns != 0 || !one.alerts.empty()) {
        one.state = rule->alerts.Highest();
      }
    }
    status.rules.push_back(std::move(one));
  }
  return status;
}

std::vector<std::pair<std::string, std::string>> RuleGroup::Errors() const {
  base::MutexLock lock(&mutex_);
  std::vector<std::pair<std::string, std::string>> errors;
  for (const auto& rule : rules_) {
    if (!rule->last_error.empty()) errors.emplace_back(rule->spec.name, rule->last_error);
  }
  return errors;
}

void RuleGroup::AddActive(std::set<std::string>* places) const {
  base::MutexLock lock(&mutex_);
  for (const auto& rule : rules_) {
    const bool active =
        rule->spec.alerting ? rule->alerts.Highest() == AlertState::kFiring : !rule->series.empty();
    if (active) places->insert(rule->spec.where);
  }
}

GroupStats RuleGroup::Stats() const {
  base::MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace baro::rules
