// What a query has cost, as JSON: Prometheus' `stats`, and our own beside it.
#pragma once

#include <cstdint>

#include "baro/promql/engine.h"
#include "http_api/json_writer.h"

namespace baro::collector {

struct StatsToWrite {
  const promql::QueryStats& stats;
  double queue_seconds = 0;
  // With stats=all: what each step and each node of the tree has cost. The grid of the steps.
  bool detailed = false;
  int64_t start_ms = 0;
  int64_t step_ms = 0;
};

// {"timings":{…},"samples":{…}}, and with `detailed` "baro":{"tree":{…}}.
void WriteStats(const StatsToWrite& what, JsonWriter* writer);

}  // namespace baro::collector
