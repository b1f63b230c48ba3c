// SourceMetrics: the counters of scraping and delivery as families of /metrics.
#pragma once

#include <vector>

#include "baro/agent/delivery.h"
#include "baro/agent/scrape_manager.h"
#include "prometheus/metric_family.h"

namespace baro::agent {

std::vector<prometheus::MetricFamily> DeliveryFamilies(const DeliveryStats& stats);
std::vector<prometheus::MetricFamily> ScrapeFamilies(const ScrapeStats& stats);

}  // namespace baro::agent
