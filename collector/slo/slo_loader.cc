#include "slo/slo_loader.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "baro/base/status.h"
#include "baro/rules/rule_file.h"
#include "baro/slo/slo_file.h"
#include "self_metrics.h"

namespace baro::collector {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

rules::ActiveAlert ToRuleAlert(const slo::SloAlert& alert) {
  rules::ActiveAlert active;
  active.state = alert.state == slo::SloAlertState::kFiring ? rules::AlertState::kFiring
                                                            : rules::AlertState::kPending;
  active.labels = alert.labels;
  active.annotations = alert.annotations;
  active.value = alert.value;
  active.active_at_ns = alert.active_since_ms * kNsPerMs;
  active.fired_at_ns = alert.fired_ms * kNsPerMs;
  return active;
}

// The severities that an objective may alert with, and what each alert is called.
std::set<std::pair<std::string, std::string>> AlertsOf(const slo::SloSpec& spec) {
  std::set<std::pair<std::string, std::string>> all;
  for (const slo::PolicySpec& policy : spec.alerting.policies) {
    all.emplace(spec.alerting.name, policy.severity);
  }
  if (!spec.alerting.exhausted_severity.empty()) {
    all.emplace("SloErrorBudgetExhausted", spec.alerting.exhausted_severity);
  }
  if (!spec.alerting.no_data_severity.empty()) {
    all.emplace("SloNoData", spec.alerting.no_data_severity);
  }
  return all;
}

rules::RuleStatus ToRule(const slo::SloStatus& status, const std::string& name,
                         const std::string& severity) {
  const slo::SloSpec& spec = *status.spec;
  rules::RuleStatus rule;
  rule.spec.alerting = true;
  rule.spec.name = name;
  rule.spec.query = slo::AlertQuery(spec, name, severity);
  rule.spec.labels = {{"slo", spec.name}, {"service", spec.service}, {"severity", severity}};
  for (const model::Label& label : rule.spec.labels) {
    rule.spec.written_labels.emplace(label.name, label.value);
  }
  rule.spec.annotations = spec.alerting.annotations;
  rule.health = !status.last_error.empty() ? rules::Health::kError
                : status.evaluated         ? rules::Health::kOk
                                           : rules::Health::kUnknown;
  rule.last_error = status.last_error;
  rule.last_evaluation_ns = status.evaluated_ms * kNsPerMs;
  rule.evaluation_seconds = status.evaluation_seconds;
  rule.state = rules::AlertState::kInactive;
  for (const slo::GroupStatus& group : status.groups) {
    for (const slo::SloAlert& alert : group.alerts) {
      if (alert.severity != severity || alert.labels.Get("alertname") != name) continue;
      rule.alerts.push_back(ToRuleAlert(alert));
      rule.state = std::max(rule.state, rule.alerts.back().state);
    }
  }
  return rule;
}

double D(uint64_t value) { return static_cast<double>(value); }

}  // namespace

absl::StatusOr<std::vector<slo::SloSpec>> LoadSlos(const CollectorConfig& config,
                                                   const std::string& config_file) {
  const size_t slash = config_file.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : config_file.substr(0, slash);
  BARO_TRY_ASSIGN(const std::vector<std::string> files,
                  rules::FindRuleFiles(config.slo_files, folder));
  std::vector<slo::SloSpec> all;
  for (const std::string& file : files) {
    BARO_TRY_ASSIGN(std::vector<slo::SloSpec> slos, slo::ReadSloFile(file));
    all.insert(all.end(), std::make_move_iterator(slos.begin()),
               std::make_move_iterator(slos.end()));
  }
  BARO_TRY(slo::CheckSlos(all));
  return all;
}

std::vector<rules::GroupStatus> SloGroups(const slo::SloEngine& engine) {
  std::map<std::string, rules::GroupStatus> by_file;
  for (const auto& status : engine.List()) {
    rules::GroupStatus& group = by_file[status->spec->file];
    group.name = "slo";
    group.file = status->spec->file;
    group.interval_ms = engine.interval_ms();
    group.last_evaluation_ns = std::max(group.last_evaluation_ns, status->evaluated_ms * kNsPerMs);
    group.evaluation_seconds += status->evaluation_seconds;
    for (const auto& [name, severity] : AlertsOf(*status->spec)) {
      group.rules.push_back(ToRule(*status, name, severity));
    }
  }
  std::vector<rules::GroupStatus> groups;
  for (auto& [file, group] : by_file) {
    if (!group.rules.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

void CollectSlos(const slo::SloEngine& engine, std::vector<prometheus::MetricFamily>* families) {
  const slo::SloEngineStats stats = engine.Stats();
  const auto gauge = [&](const char* name, const char* help, double value) {
    families->push_back(OneGauge(name, help, value));
  };
  const auto counter = [&](const char* name, const char* help, double value) {
    families->push_back(OneCounter(name, help, value));
  };
  gauge("baro_slo_objectives", "Objectives that are evaluated.", D(stats.slos));
  gauge("baro_slo_objectives_backfilling", "Objectives whose history is being counted.",
        D(stats.backfilling));
  gauge("baro_slo_groups", "Groups of all objectives.", D(stats.groups));
  gauge("baro_slo_groups_refused", "Groups left out as their objective's groups_max is reached.",
        D(stats.groups_refused));
  gauge("baro_slo_memory_bytes", "Memory taken by counts.", D(stats.memory_bytes));
  gauge("baro_slo_last_evaluation_duration_seconds",
        "How long the last evaluation of all objectives took.", stats.last_evaluation_seconds);
  counter("baro_slo_evaluations_total", "Evaluations of objectives.", D(stats.evaluations_total));
  counter("baro_slo_evaluation_failures_total", "Evaluations of objectives that failed.",
          D(stats.evaluation_failures_total));
  counter("baro_slo_evaluations_missed_total", "Evaluations left out as they were too late.",
          D(stats.evaluations_missed_total));
  counter("baro_slo_amendments_total", "Times that counts were amended as samples came late.",
          D(stats.amendments_total));
  counter("baro_slo_save_failures_total", "Failed attempts to save counts or alerts.",
          D(stats.save_failures_total));
}

}  // namespace baro::collector
