// NodeMetrics: what the node collectors tell about themselves on the agent's /metrics.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace baro::agent {

// "not_found", "data_loss", …: a status code as a label value.
std::string ReasonOf(const absl::Status& status);

// Thread-safe (as prometheus-cpp's counters are). The registry outlives it.
class NodeMetrics {
 public:
  explicit NodeMetrics(prometheus::Registry* registry);

  void CountFailure(std::string_view collector, const absl::Status& status);
  void CountDroppedRow(const absl::Status& status);

  prometheus::Counter& passes;
  prometheus::Counter& passes_missed;
  prometheus::Counter& cpu_seconds;
  prometheus::Counter& values_dropped;
  prometheus::Counter& layout_changes;
  prometheus::Counter& statfs_kills;
  prometheus::Gauge& columns;

 private:
  prometheus::Family<prometheus::Counter>& failures_;
  prometheus::Family<prometheus::Counter>& rows_dropped_;
};

}  // namespace baro::agent
