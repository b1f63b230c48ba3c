// From the configuration to the objectives in force, and from these to what rules look like.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/rules/rule_state.h"
#include "baro/slo/slo_engine.h"
#include "config.h"
#include "prometheus/metric_family.h"

namespace baro::collector {

// Reads every SLO file that the configuration names; patterns are relative to the folder of
// `config_file`. Errors: InvalidArgument (the first mistake, file:line:column), or what reading a
// file gives; then nothing has changed.
absl::StatusOr<std::vector<slo::SloSpec>> LoadSlos(const CollectorConfig& config,
                                                   const std::string& config_file);

// Objectives as alert rules, a group for each file: for /api/v1/rules and /api/v1/alerts.
std::vector<rules::GroupStatus> SloGroups(const slo::SloEngine& engine);

// What the engine tells of itself at /metrics.
void CollectSlos(const slo::SloEngine& engine, std::vector<prometheus::MetricFamily>* families);

}  // namespace baro::collector
