#include "queries/query_metrics.h"

#include <limits>
#include <utility>

#include "self_metrics.h"

namespace baro::collector {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

double D(uint64_t value) { return static_cast<double>(value); }

prometheus::MetricFamily DurationFamily(const QueryLogStats& stats) {
  static constexpr std::array<const char*, kQueryStages> kNames = {"queue", "prepare", "eval",
                                                                   "sort",  "write",   "total"};
  prometheus::MetricFamily family;
  family.name = "baro_query_duration_seconds";
  family.help = "Time queries took, by phase.";
  family.type = prometheus::MetricType::Histogram;
  for (size_t i = 0; i < kQueryStages; ++i) {
    const StageSeconds& stage = stats.seconds[i];
    prometheus::ClientMetric metric;
    metric.label.push_back({"phase", kNames[i]});
    metric.histogram.sample_count = stage.count;
    metric.histogram.sample_sum = stage.sum;
    uint64_t cumulative = 0;
    for (size_t bucket = 0; bucket < stage.buckets.size(); ++bucket) {
      cumulative += stage.buckets[bucket];
      const double bound = bucket < StageSeconds::kBounds.size()
                               ? StageSeconds::kBounds[bucket]
                               : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({cumulative, bound});
    }
    family.metric.push_back(std::move(metric));
  }
  return family;
}

prometheus::MetricFamily OutcomeFamily(const QueryLogStats& stats) {
  prometheus::MetricFamily family;
  family.name = "baro_queries_total";
  family.help = "Queries finished, by how they ended.";
  family.type = prometheus::MetricType::Counter;
  const uint64_t known = stats.cancelled_total + stats.timeouts_total + stats.refused_total;
  const std::pair<const char*, uint64_t> outcomes[] = {
      {"ok", stats.finished_total - stats.failed_total},
      {"canceled", stats.cancelled_total},
      {"timeout", stats.timeouts_total},
      {"limit", stats.refused_total},
      {"error", stats.failed_total - known}};
  for (const auto& [outcome, count] : outcomes) {
    prometheus::ClientMetric metric;
    metric.label.push_back({"outcome", outcome});
    metric.counter.value = D(count);
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

void CollectQueries(const QueryLogStats& stats, Families* families) {
  families->push_back(DurationFamily(stats));
  families->push_back(OutcomeFamily(stats));
  families->push_back(
      OneGauge("baro_queries_active", "Queries that run at the moment.", D(stats.active)));
  families->push_back(OneCounter("baro_queries_slow_total",
                                 "Queries that took longer than --query.slow-threshold.",
                                 D(stats.slow_total)));
  families->push_back(OneCounter("baro_query_samples_total", "Samples that queries have looked at.",
                                 D(stats.samples_total)));
  families->push_back(OneCounter("baro_query_log_lines_lost_total",
                                 "Lines of the query log file that could not be written.",
                                 D(stats.lines_lost_total)));
  families->push_back(OneCounter("baro_query_costs_unlisted_total",
                                 "Queries left out of top_queries, as too many different ones ran.",
                                 D(stats.unlisted_total)));
}

void CollectResultCache(const promql::ResultCacheStats& stats, Families* families) {
  const auto counter = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(OneCounter(std::string("baro_query_cache_") + name, help, D(value)));
  };
  counter("hits_total", "Range queries answered without evaluating any step.", stats.hits);
  counter("partial_total", "Range queries of which only the newest steps were evaluated.",
          stats.partial_hits);
  counter("misses_total", "Range queries evaluated whole.", stats.misses);
  counter("uncacheable_total", "Of the misses: nothing could be kept of the result.",
          stats.uncacheable);
  counter("reordered_total", "Results not reused as other series came, where their order matters.",
          stats.reordered);
  counter("mismatches_total",
          "Steps evaluated twice that differed; each is a bug, and its answer was right.",
          stats.mismatches);
  counter("evictions_total", "Results forgotten to make room.", stats.evictions);
  counter("steps_reused_total", "Steps that were not evaluated again.", stats.steps_reused);
  counter("steps_evaluated_total", "Steps evaluated by queries that may be kept.",
          stats.steps_evaluated);
  families->push_back(OneGauge("baro_query_cache_entries", "Results kept.", D(stats.entries)));
  families->push_back(
      OneGauge("baro_query_cache_bytes", "Memory of the results kept.", D(stats.bytes)));
}

}  // namespace baro::collector
