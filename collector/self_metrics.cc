#include "self_metrics.h"

#include <sstream>

#include "baro/base/strings.h"
#include "prometheus/gauge.h"
#include "prometheus/text_serializer.h"

namespace baro::collector {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

// Queries take from a tenth of a millisecond to the timeout of two minutes.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 120};

prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

void AddValue(double value, std::vector<prometheus::ClientMetric::Label> labels,
              prometheus::MetricFamily* family) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (family->type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family->metric.push_back(std::move(metric));
}

double D(uint64_t value) { return static_cast<double>(value); }

}  // namespace

prometheus::MetricFamily OneCounter(std::string name, std::string help, double value) {
  auto family = Family(std::move(name), std::move(help), prometheus::MetricType::Counter);
  AddValue(value, {}, &family);
  return family;
}

prometheus::MetricFamily OneGauge(std::string name, std::string help, double value) {
  auto family = Family(std::move(name), std::move(help), prometheus::MetricType::Gauge);
  AddValue(value, {}, &family);
  return family;
}

// What the store has beside floats.
void CollectBeside(const tsdb::Stats& stats, Families* families) {
  auto histograms = Family("baro_store_histograms_total", "Histograms by what became of them.",
                           prometheus::MetricType::Counter);
  AddValue(D(stats.histograms_stored_total), {{"outcome", "stored"}}, &histograms);
  AddValue(D(stats.histograms_invalid_total), {{"outcome", "invalid"}}, &histograms);
  AddValue(D(stats.histograms_over_limit_total), {{"outcome", "over_limit"}}, &histograms);
  families->push_back(std::move(histograms));
  families->push_back(OneGauge("baro_store_histogram_columns",
                               "Columns that the insides of histograms lie in.",
                               D(stats.histogram_columns)));
  auto exemplars = Family("baro_store_exemplars_total", "Exemplars by what became of them.",
                          prometheus::MetricType::Counter);
  AddValue(D(stats.exemplars_stored_total), {{"outcome", "stored"}}, &exemplars);
  AddValue(D(stats.exemplars_duplicate_total), {{"outcome", "duplicate"}}, &exemplars);
  AddValue(D(stats.exemplars_out_of_order_total), {{"outcome", "out_of_order"}}, &exemplars);
  AddValue(D(stats.exemplars_refused_total), {{"outcome", "refused"}}, &exemplars);
  families->push_back(std::move(exemplars));
  families->push_back(OneGauge("baro_store_exemplars", "Exemplars kept.", D(stats.exemplars)));
  families->push_back(OneCounter("baro_store_exemplars_evicted_total",
                                 "Exemplars that made room for younger ones.",
                                 D(stats.exemplars_evicted_total)));
}

// What the store keeps for queries that come again.
void CollectCaches(const tsdb::Stats& stats, Families* families) {
  auto lookups = Family("baro_store_cache_lookups_total", "Look-ups in a cache, by outcome.",
                        prometheus::MetricType::Counter);
  auto evictions =
      Family("baro_store_cache_evictions_total", "Entries that made room or were outdated.",
             prometheus::MetricType::Counter);
  auto entries = Family("baro_store_cache_entries", "Entries kept.", prometheus::MetricType::Gauge);
  auto bytes = Family("baro_store_cache_bytes", "Memory of entries kept, an estimate.",
                      prometheus::MetricType::Gauge);
  const auto add = [&](const char* name, const tsdb::Stats::CacheStats& cache) {
    AddValue(D(cache.hits_total), {{"cache", name}, {"outcome", "hit"}}, &lookups);
    AddValue(D(cache.updates_total), {{"cache", name}, {"outcome", "update"}}, &lookups);
    AddValue(D(cache.misses_total), {{"cache", name}, {"outcome", "miss"}}, &lookups);
    AddValue(D(cache.evictions_total), {{"cache", name}}, &evictions);
    AddValue(D(cache.entries), {{"cache", name}}, &entries);
    AddValue(D(cache.bytes), {{"cache", name}}, &bytes);
  };
  add("selector", stats.selector_cache);
  add("block", stats.block_cache);
  for (auto* family : {&lookups, &evictions, &entries, &bytes}) {
    families->push_back(std::move(*family));
  }
}

void CollectStore(const tsdb::Stats& stats, Families* families) {
  const auto gauge = [families](const char* name, const char* help, double value) {
    families->push_back(OneGauge(base::StrCat("baro_store_", name), help, value));
  };
  const auto counter = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(OneCounter(base::StrCat("baro_store_", name), help, D(value)));
  };
  CollectCaches(stats, families);
  gauge("series", "Series with samples in the head.", D(stats.series));
  gauge("targets", "Targets known.", D(stats.targets));
  gauge("columns", "Columns known.", D(stats.columns));
  gauge("layouts", "Layouts known.", D(stats.layouts));
  gauge("head_bytes", "Memory of the head.", D(stats.head_bytes));
  gauge("slot_bytes", "Sealed files on disk.", D(stats.slot_bytes));
  gauge("slots", "Sealed slots on disk.", D(stats.slots));
  gauge("journal_bytes", "Journal on disk that is not sealed yet.", D(stats.journal_bytes));
  gauge("append_queue_depth", "Batches that wait for their turn.", D(stats.append_queue_depth));
  gauge("replay_seconds", "How long the last start replayed the journal.", stats.replay_seconds);
  gauge("replay_complete", "1 when everything from before the last start can be queried.",
        stats.replay_complete ? 1 : 0);
  gauge("tombstones", "Deletes not yet made physical.", D(stats.tombstones));
  families->push_back(OneGauge("baro_tsdb_quarantined_parts",
                               "Parts found damaged: what can be read of them is answered.",
                               D(stats.quarantined_parts)));
  counter("journal_damages_total", "Journals whose end could not be read at the start.",
          stats.journal_damages_total);
  gauge("writable", "0 while the disk is full or failing.", stats.writable ? 1 : 0);
  counter("commits_total", "Synced writes of the journal.", stats.commits_total);
  counter("commit_failures_total", "Journal writes that failed.", stats.commit_failures_total);
  counter("seals_total", "Heads sealed into slots.", stats.seals_total);
  counter("seal_failures_total", "Seals that failed.", stats.seal_failures_total);
  counter("seals_for_memory_total", "Heads sealed early because memory ran short.",
          stats.seals_for_memory_total);
  counter("batches_refused_memory_total", "Batches refused because memory had run out.",
          stats.batches_refused_memory_total);
  counter("frames_undecodable_total", "Frames stored as bytes that cannot be decoded.",
          stats.frames_undecodable_total);
  counter("frames_refused_target_total", "Frames of targets that a limit had refused.",
          stats.frames_refused_target_total);
  gauge("index_bytes", "Memory of label sets and postings, an estimate.", D(stats.index_bytes));
  auto removed = Family("baro_store_index_removed_total",
                        "What nothing referred to any more and left the index.",
                        prometheus::MetricType::Counter);
  AddValue(D(stats.index_targets_removed_total), {{"kind", "target"}}, &removed);
  AddValue(D(stats.index_columns_removed_total), {{"kind", "column"}}, &removed);
  AddValue(D(stats.index_layouts_removed_total), {{"kind", "layout"}}, &removed);
  families->push_back(std::move(removed));
  auto refused = Family("baro_store_refused_total",
                        "Series, targets and layouts refused at declaration, by limit.",
                        prometheus::MetricType::Counter);
  for (const tsdb::Stats::Refused& one : stats.refused) {
    AddValue(D(one.total), {{"limit", one.limit}}, &refused);
  }
  families->push_back(std::move(refused));
  auto samples = Family("baro_store_samples_total", "Samples by what became of them.",
                        prometheus::MetricType::Counter);
  AddValue(D(stats.samples_stored_total), {{"outcome", "stored"}}, &samples);
  AddValue(D(stats.samples_duplicate_total), {{"outcome", "duplicate"}}, &samples);
  AddValue(D(stats.samples_overwritten_total), {{"outcome", "overwritten"}}, &samples);
  AddValue(D(stats.samples_too_old_total), {{"outcome", "too_old"}}, &samples);
  AddValue(D(stats.samples_too_new_total), {{"outcome", "too_new"}}, &samples);
  families->push_back(std::move(samples));
  counter("samples_out_of_order_total", "Stored samples older than the newest of their series.",
          stats.samples_out_of_order_total);
  CollectBeside(stats, families);
}

void CollectMemory(const base::MemoryBudget& memory, Families* families) {
  const auto gauge = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(OneGauge(base::StrCat("baro_memory_", name), help, D(value)));
  };
  gauge("limit_bytes", "What the process may use; 0: no limit.", memory.limit_bytes());
  gauge("resident_bytes", "What the process uses.", memory.resident_bytes());
  gauge("reserved_bytes", "What running queries have set aside.", memory.reserved_bytes());
  gauge("pressure", "0 none, 1 heads are sealed early, 2 no new series, 3 no new samples.",
        static_cast<uint64_t>(memory.pressure()));
  families->push_back(OneCounter("baro_memory_reservations_refused_total",
                                 "Times a query was refused more memory.",
                                 D(memory.refused_total())));
}

void CollectHttp(const net::HttpServerStats& stats, Families* families) {
  const auto counter = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(OneCounter(base::StrCat("baro_http_", name), help, D(value)));
  };
  families->push_back(
      OneGauge("baro_http_connections", "Open connections.", D(stats.connections_open)));
  families->push_back(
      OneGauge("baro_http_body_bytes", "Request bodies in memory.", D(stats.bodies_bytes)));
  families->push_back(OneGauge("baro_http_answer_bytes", "Answers their clients have not read yet.",
                               D(stats.answers_bytes)));
  counter("answers_shed_total", "Answers that found no room beside those being read.",
          stats.answers_shed_total);
  counter("connections_total", "Connections accepted.", stats.connections_total);
  counter("connections_refused_total", "Connections beyond the limit.",
          stats.connections_refused_total);
  counter("accept_failures_total", "Connections the system could not accept.",
          stats.accept_failures_total);
  counter("requests_shed_total", "Requests refused because a queue or the body budget was full.",
          stats.requests_shed_total);
  counter("requests_broken_total", "Requests that were not HTTP, or too large.",
          stats.requests_broken_total);
  counter("requests_cancelled_total", "Requests whose client went away.",
          stats.requests_cancelled_total);
  counter("timeouts_total", "Connections cut off because they took too long.",
          stats.timeouts_total);
  auto depth = Family("baro_http_queue_depth", "Requests that wait for a worker.",
                      prometheus::MetricType::Gauge);
  const auto lane = [&](net::HttpLane which, const char* name) {
    AddValue(D(stats.queue_depth[static_cast<size_t>(which)]), {{"lane", name}}, &depth);
  };
  lane(net::HttpLane::kQuick, "quick");
  lane(net::HttpLane::kQuery, "query");
  lane(net::HttpLane::kWrite, "write");
  families->push_back(std::move(depth));
}

void CollectIngest(const IngestServiceStats& stats, Families* families) {
  const auto counter = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(OneCounter(base::StrCat("baro_ingest_", name), help, D(value)));
  };
  families->push_back(
      OneGauge("baro_ingest_agents_connected", "Agents connected.", D(stats.agents_connected)));
  families->push_back(OneGauge("baro_ingest_agents_known",
                               "Agents connected or seen since the start.", D(stats.agents_known)));
  counter("streams_total", "Push streams opened.", stats.streams_total);
  counter("streams_refused_total", "Push streams beyond the limit.", stats.streams_refused_total);
  counter("streams_superseded_total", "Streams ended because the same agent came again.",
          stats.streams_superseded_total);
  counter("identity_conflicts_total",
          "Streams refused because another agent that is connected has the same identity.",
          stats.identity_conflicts_total);
  const IngestStats& sessions = stats.sessions;
  counter("batches_total", "Batches received.", sessions.batches_total);
  counter("frames_total", "Frames received.", sessions.frames_total);
  counter("body_bytes_total", "Bytes of batches as sent.", sessions.body_bytes_total);
  counter("samples_stored_total", "Samples of agents stored.", sessions.samples_stored_total);
  counter("samples_duplicate_total", "Samples of agents that were stored already.",
          sessions.samples_duplicate_total);
  counter("batches_discarded_total", "Batches sent before the agent heard what was missing.",
          sessions.discarded_batches_total);
  counter("append_retries_total", "Batches handed to the store again.",
          sessions.append_retries_total);
  const auto by_reason = [families](const char* name, const char* help,
                                    const std::map<std::string, uint64_t>& counts) {
    auto family = Family(name, help, prometheus::MetricType::Counter);
    for (const auto& [reason, count] : counts) AddValue(D(count), {{"reason", reason}}, &family);
    if (!counts.empty()) families->push_back(std::move(family));
  };
  by_reason("baro_ingest_rejects_total", "Declarations refused.", sessions.rejects_total);
  by_reason("baro_ingest_violations_total", "Streams ended because of what was sent.",
            sessions.violations_total);
}

void CollectRemoteWrite(const RemoteWriteStats& stats, Families* families) {
  const auto counter = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(OneCounter(base::StrCat("baro_remote_write_", name), help, D(value)));
  };
  auto requests = Family("baro_remote_write_requests_total", "Requests read, by protocol version.",
                         prometheus::MetricType::Counter);
  AddValue(D(stats.requests_total[0]), {{"version", "1.0"}}, &requests);
  AddValue(D(stats.requests_total[1]), {{"version", "2.0"}}, &requests);
  families->push_back(std::move(requests));
  counter("requests_unsupported_total", "Requests of an unknown content type or encoding.",
          stats.requests_unsupported_total);
  counter("requests_broken_total", "Requests with wrong snappy, zstd or protobuf, or too large.",
          stats.requests_broken_total);
  counter("requests_failed_total", "Requests that the store could not take.",
          stats.requests_failed_total);
  counter("samples_total", "Float samples received.", stats.samples_total);
  counter("histograms_total", "Native histograms received.", stats.histograms_total);
  counter("exemplars_total", "Exemplars received.", stats.exemplars_total);
  counter("metadata_total", "Metadata of metrics handed to the store.", stats.metadata_total);
  counter("refused_exemplars_total", "Exemplars refused: not valid, or their series is not.",
          stats.exemplars_refused_total);
  counter("duplicates_total", "Samples the store had already.", stats.duplicates_total);
  counter("overwritten_total", "Samples that replaced another value at their time.",
          stats.overwritten_total);
  counter("out_of_order_total", "Samples older than the newest of their series, stored.",
          stats.out_of_order_total);
  counter("start_samples_total", "Zeros stored at start timestamps.", stats.start_samples_total);
  counter("nans_replaced_total", "NaNs with the store's own bits, stored as ordinary ones.",
          stats.nans_replaced_total);
  counter("cache_misses_total", "Series whose labels had to be parsed.", stats.cache_misses_total);
  families->push_back(OneGauge("baro_remote_write_cached_series", "Series in the label cache.",
                               D(stats.cached_series)));
  auto refused =
      Family("baro_remote_write_refused_samples_total",
             "Samples and native histograms refused, by reason.", prometheus::MetricType::Counter);
  for (size_t why = 0; why < kRefusalNames.size(); ++why) {
    AddValue(D(stats.refused_total[why]), {{"reason", std::string(kRefusalNames[why])}}, &refused);
  }
  families->push_back(std::move(refused));
}

void CollectRemoteRead(const RemoteReadStats& stats, Families* families) {
  const auto counter = [families](const char* name, const char* help, uint64_t value) {
    families->push_back(OneCounter(base::StrCat("baro_remote_read_", name), help, D(value)));
  };
  auto requests = Family("baro_remote_read_requests_total", "Requests answered, by form.",
                         prometheus::MetricType::Counter);
  AddValue(D(stats.requests_total[0]), {{"form", "samples"}}, &requests);
  AddValue(D(stats.requests_total[1]), {{"form", "streamed_xor_chunks"}}, &requests);
  families->push_back(std::move(requests));
  counter("requests_broken_total", "Requests with wrong snappy, protobuf or matchers.",
          stats.requests_broken_total);
  counter("requests_refused_total", "Requests beyond the sample limit or the memory.",
          stats.requests_refused_total);
  counter("requests_failed_total", "Requests that the store could not answer, or nobody awaits.",
          stats.requests_failed_total);
  counter("queries_total", "Queries answered.", stats.queries_total);
  counter("series_total", "Series sent.", stats.series_total);
  counter("samples_total", "Samples sent, histograms among them.", stats.samples_total);
}

SelfMetrics::SelfMetrics(const std::string& version)
    : requests_(prometheus::BuildCounter()
                    .Name("baro_http_requests_total")
                    .Help("Requests answered, by route and status.")
                    .Register(registry_)),
      seconds_(prometheus::BuildHistogram()
                   .Name("baro_http_request_duration_seconds")
                   .Help("From the whole request read to the answer ready, waiting included.")
                   .Register(registry_)) {
  prometheus::BuildGauge()
      .Name("baro_build_info")
      .Help("Always 1; the version is a label.")
      .Register(registry_)
      .Add({{"version", version}})
      .Set(1);
}

void SelfMetrics::Observe(const net::HttpExchange& exchange) {
  base::MutexLock lock(&mutex_);
  Handler& handler = handlers_[exchange.pattern.empty() ? nullptr : exchange.pattern.data()];
  const std::string name =
      exchange.pattern.empty() ? std::string("none") : std::string(exchange.pattern);
  if (handler.seconds == nullptr) handler.seconds = &seconds_.Add({{"handler", name}}, kSeconds);
  handler.seconds->Observe(exchange.seconds);
  prometheus::Counter*& counter = handler.by_code[exchange.status];
  if (counter == nullptr) {
    counter = &requests_.Add({{"handler", name}, {"code", base::StrCat(exchange.status)}});
  }
  counter->Increment();
}

std::vector<prometheus::MetricFamily> SelfMetrics::Families() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const CollectFamilies& collect : parts_) collect(&families);
  return families;
}

std::string SelfMetrics::Text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Families());
  return out.str();
}

}  // namespace baro::collector
