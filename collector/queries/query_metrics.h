// What queries cost, as metrics of the collector itself.
#pragma once

#include <vector>

#include "baro/promql/result_cache.h"
#include "prometheus/metric_family.h"
#include "queries/query_log.h"

namespace baro::collector {

// baro_query_duration_seconds{phase}, baro_queries_active, baro_queries_total{outcome}, …
void CollectQueries(const QueryLogStats& stats, std::vector<prometheus::MetricFamily>* families);
// baro_query_cache_*
void CollectResultCache(const promql::ResultCacheStats& stats,
                        std::vector<prometheus::MetricFamily>* families);

}  // namespace baro::collector
