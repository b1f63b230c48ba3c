#include "otlp/otlp_metrics.h"

#include <string>

#include "baro/base/strings.h"
#include "self_metrics.h"

namespace baro::collector {

void CollectOtlp(const OtlpStats& stats, std::vector<prometheus::MetricFamily>* families) {
  const auto counter = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(
        OneCounter(base::StrCat("baro_otlp_", name), help, static_cast<double>(value)));
  };
  const auto gauge = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(
        OneGauge(base::StrCat("baro_otlp_", name), help, static_cast<double>(value)));
  };
  counter("requests_total", "Requests read, over HTTP and gRPC.", stats.requests_total);
  counter("requests_broken_total", "Requests with wrong headers, compression, JSON or protobuf.",
          stats.requests_broken_total);
  counter("requests_failed_total", "Requests that the store could not take.",
          stats.requests_failed_total);
  counter("requests_shed_total", "gRPC calls refused because too many were under way.",
          stats.requests_shed_total);
  counter("points_total", "Data points received.", stats.points_total);
  counter("exemplars_refused_total", "Exemplars without a value or with unfit labels.",
          stats.exemplars_refused_total);
  counter("target_info_cut_total", "Samples of target_info left out: the request spans too long.",
          stats.target_info_cut_total);
  counter("cache_misses_total", "Series whose attributes had to be read.",
          stats.cache_misses_total);
  gauge("cached_series", "Series in the cache.", stats.cached_series);
  gauge("delta_series", "Series whose running totals are in memory.", stats.deltas.series);
  counter("delta_overlaps_total", "Deltas whose interval begins before the last one's end.",
          stats.deltas.overlaps_total);
  counter("delta_duplicates_total", "Deltas received again and counted once.",
          stats.deltas.duplicates_total);
  counter("delta_read_back_total", "Running totals taken up again from the store.",
          stats.deltas.read_back_total);
  counter("delta_evicted_total", "Running totals forgotten: their series were idle.",
          stats.deltas.evicted_total);
  counter("delta_recoveries_total", "Times all running totals were dropped: the store had failed.",
          stats.deltas.recoveries_total);
  prometheus::MetricFamily refused;
  refused.name = "baro_otlp_refused_points_total";
  refused.help = "Data points refused, by reason.";
  refused.type = prometheus::MetricType::Counter;
  for (size_t why = 0; why < kOtlpRefusalNames.size(); ++why) {
    prometheus::ClientMetric& metric = refused.metric.emplace_back();
    metric.label = {{"reason", std::string(kOtlpRefusalNames[why])}};
    metric.counter.value = static_cast<double>(stats.refused_total[why]);
  }
  families->push_back(std::move(refused));
}

}  // namespace baro::collector
