// Metric families as JSON, laid out as protobuf's own JSON of io.prometheus.client.MetricFamily:
// what status/self_metrics answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/metric_family.h"

namespace baro::collector {

// Only the families whose names `wanted` takes.
std::string FamiliesJson(const std::vector<prometheus::MetricFamily>& families,
                         const std::function<bool(std::string_view name)>& wanted);

}  // namespace baro::collector
