// What the rule engine tells of itself at /metrics: Prometheus' families with our prefix.
#pragma once

#include <vector>

#include "baro/rules/rule_engine.h"
#include "prometheus/metric_family.h"

namespace baro::collector {

void CollectRules(const rules::RuleEngine& engine, std::vector<prometheus::MetricFamily>* families);

}  // namespace baro::collector
