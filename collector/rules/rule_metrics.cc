#include "rules/rule_metrics.h"

#include <string>
#include <utility>

#include "self_metrics.h"

namespace baro::collector {
namespace {

using rules::GroupStats;

struct GroupFamily {
  const char* name;
  const char* help;
  bool counter;
  double (*value)(const GroupStats& stats);
};

double D(uint64_t value) { return static_cast<double>(value); }

constexpr GroupFamily kFamilies[] = {
    {"baro_rule_evaluations_total", "Rules evaluated.", true,
     [](const GroupStats& stats) { return D(stats.evaluations); }},
    {"baro_rule_evaluation_failures_total", "Rules that could not be evaluated or written.", true,
     [](const GroupStats& stats) { return D(stats.failures); }},
    {"baro_rule_group_iterations_total", "Evaluations of the group that were due.", true,
     [](const GroupStats& stats) { return D(stats.iterations_scheduled); }},
    {"baro_rule_group_iterations_missed_total", "Evaluations left out as they were too late.", true,
     [](const GroupStats& stats) { return D(stats.iterations_missed); }},
    {"baro_rule_group_iterations_replayed_total",
     "Evaluations missed while the process was down and made up for.", true,
     [](const GroupStats& stats) { return D(stats.iterations_replayed); }},
    {"baro_rule_group_interval_seconds", "Interval of the group.", false,
     [](const GroupStats& stats) { return static_cast<double>(stats.interval_ms) / 1000; }},
    {"baro_rule_group_last_duration_seconds", "How long the group's last evaluation took.", false,
     [](const GroupStats& stats) { return stats.last_duration_seconds; }},
    {"baro_rule_group_last_rule_duration_sum_seconds",
     "How long the rules of the group's last evaluation took together.", false,
     [](const GroupStats& stats) { return stats.rule_duration_sum_seconds; }},
    {"baro_rule_group_last_evaluation_timestamp_seconds", "When the group was evaluated last.",
     false,
     [](const GroupStats& stats) { return static_cast<double>(stats.last_evaluation_ns) / 1e9; }},
    {"baro_rule_group_last_evaluation_samples", "Samples of the group's last evaluation.", false,
     [](const GroupStats& stats) { return D(stats.samples); }},
    {"baro_rule_group_rules", "Rules of the group.", false,
     [](const GroupStats& stats) { return D(stats.rules); }},
};

}  // namespace

void CollectRules(const rules::RuleEngine& engine,
                  std::vector<prometheus::MetricFamily>* families) {
  const std::vector<GroupStats> groups = engine.Stats();
  for (const GroupFamily& one : kFamilies) {
    prometheus::MetricFamily family;
    family.name = one.name;
    family.help = one.help;
    family.type = one.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    for (const GroupStats& stats : groups) {
      prometheus::ClientMetric metric;
      metric.label = {{"rule_group", stats.key}};
      (one.counter ? metric.counter.value : metric.gauge.value) = one.value(stats);
      family.metric.push_back(std::move(metric));
    }
    families->push_back(std::move(family));
  }
  families->push_back(OneCounter("baro_rule_state_save_failures_total",
                                 "Failed attempts to save the state of alerts.",
                                 D(engine.save_failures())));
}

}  // namespace baro::collector
