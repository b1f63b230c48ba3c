#include "node_metrics.h"

#include "baro/base/strings.h"

namespace baro::agent {
namespace {

prometheus::Family<prometheus::Counter>& CounterFamily(prometheus::Registry* registry,
                                                       const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry);
}

prometheus::Counter& AddCounter(prometheus::Registry* registry, const char* name,
                                const char* help) {
  return CounterFamily(registry, name, help).Add({});
}

}  // namespace

std::string ReasonOf(const absl::Status& status) {
  std::string reason = absl::StatusCodeToString(status.code());
  for (char& c : reason) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return reason;
}

NodeMetrics::NodeMetrics(prometheus::Registry* registry)
    : passes(AddCounter(registry, "baro_agent_node_passes_total",
                        "Passes over the node's collectors.")),
      passes_missed(AddCounter(registry, "baro_agent_node_passes_missed_total",
                               "Passes left out because the agent was late by a whole interval.")),
      cpu_seconds(AddCounter(registry, "baro_agent_node_cpu_seconds_total",
                             "CPU time of the passes, without the statfs helper.")),
      values_dropped(AddCounter(registry, "baro_agent_node_values_dropped_total",
                                "Values beyond the most that one collector may have.")),
      layout_changes(AddCounter(registry, "baro_agent_node_layout_changes_total",
                                "Times that the node's columns changed.")),
      statfs_kills(AddCounter(registry, "baro_agent_node_statfs_helper_kills_total",
                              "Statfs helpers killed because a mount did not answer.")),
      columns(prometheus::BuildGauge()
                  .Name("baro_agent_node_columns")
                  .Help("Columns of the node's row.")
                  .Register(*registry)
                  .Add({})),
      failures_(CounterFamily(registry, "baro_agent_node_collector_failures_total",
                              "Failed reads of a node collector.")),
      rows_dropped_(CounterFamily(registry, "baro_agent_node_rows_dropped_total",
                                  "Rows of the node that delivery did not take.")) {}

void NodeMetrics::CountFailure(std::string_view collector, const absl::Status& status) {
  failures_.Add({{"collector", std::string(collector)}, {"reason", ReasonOf(status)}}).Increment();
}

void NodeMetrics::CountDroppedRow(const absl::Status& status) {
  rows_dropped_.Add({{"reason", ReasonOf(status)}}).Increment();
}

}  // namespace baro::agent
