// The notifier's metrics, with the names and meaning of Prometheus' own behind the prefix baro_.
#pragma once

#include <vector>

#include "baro/notify/notifier.h"
#include "prometheus/metric_family.h"

namespace baro::collector {

void CollectNotify(const notify::NotifierStatus& status,
                   std::vector<prometheus::MetricFamily>* families);

}  // namespace baro::collector
