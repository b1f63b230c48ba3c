// SelfMetrics: what the collector tells of itself at /metrics, in prometheus-cpp's model.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/base/memory_budget.h"
#include "baro/base/mutex.h"
#include "baro/collector/ingest_service.h"
#include "baro/net/http_server.h"
#include "baro/tsdb/store.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "remote_read/remote_read.h"
#include "remote_write/remote_write.h"

namespace baro::collector {

// Adds the families of one part to a scrape.
using CollectFamilies = std::function<void(std::vector<prometheus::MetricFamily>*)>;

// One family with one value; the building block of the functions below.
prometheus::MetricFamily OneCounter(std::string name, std::string help, double value);
prometheus::MetricFamily OneGauge(std::string name, std::string help, double value);

void CollectStore(const tsdb::Stats& stats, std::vector<prometheus::MetricFamily>* families);
void CollectMemory(const base::MemoryBudget& memory,
                   std::vector<prometheus::MetricFamily>* families);
void CollectHttp(const net::HttpServerStats& stats,
                 std::vector<prometheus::MetricFamily>* families);
void CollectIngest(const IngestServiceStats& stats,
                   std::vector<prometheus::MetricFamily>* families);
void CollectRemoteWrite(const RemoteWriteStats& stats,
                        std::vector<prometheus::MetricFamily>* families);
void CollectRemoteRead(const RemoteReadStats& stats,
                       std::vector<prometheus::MetricFamily>* families);
// process_* with the names and meanings of Prometheus' client libraries, from /proc/self.
void CollectProcess(std::vector<prometheus::MetricFamily>* families);
// Of the disk that holds the folder; nothing when it cannot be asked.
void CollectDisk(const std::string& folder, std::vector<prometheus::MetricFamily>* families);

// Thread-safe.
class SelfMetrics {
 public:
  explicit SelfMetrics(const std::string& version);

  // Before the first scrape; `collect` outlives this.
  void Add(CollectFamilies collect) { parts_.push_back(std::move(collect)); }
  // baro_http_requests_total{handler,code} and baro_http_request_duration_seconds{handler}.
  void Observe(const net::HttpExchange& exchange);

  // The exposition, text format 0.0.4.
  std::string Text() const;
  // The same as families.
  std::vector<prometheus::MetricFamily> Families() const;

 private:
  // The series of one route; the server's routes bound their number.
  struct Handler {
    prometheus::Histogram* seconds = nullptr;
    absl::flat_hash_map<int, prometheus::Counter*> by_code;
  };

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  base::Mutex mutex_;
  // Keyed by the pattern's address: patterns live as long as the router.
  absl::flat_hash_map<const char*, Handler> handlers_ ABSL_GUARDED_BY(mutex_);
  std::vector<CollectFamilies> parts_;
};

}  // namespace baro::collector
