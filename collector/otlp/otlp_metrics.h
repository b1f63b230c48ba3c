// baro_otlp_*: what the OTLP receiver tells of itself at /metrics.
#pragma once

#include <vector>

#include "otlp/otlp_receiver.h"
#include "prometheus/metric_family.h"

namespace baro::collector {

void CollectOtlp(const OtlpStats& stats, std::vector<prometheus::MetricFamily>* families);

}  // namespace baro::collector
