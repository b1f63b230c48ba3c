// Prometheus' HTTP API over any SeriesSource, and Barograph's own beside it.
//
// Shapes, words and numbers are those of Prometheus 3: Grafana, promtool, KEDA, prometheus-adapter
// and Perses must not see a difference (docs/formats/http-api.md lists where there is one).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/collector/ingest_service.h"
#include "baro/model/series_source.h"
#include "baro/net/http_router.h"
#include "baro/promql/engine.h"
#include "baro/tsdb/store.h"
#include "baro/tsdb/store_admin.h"

namespace baro::collector {

// The version of Prometheus whose API this is: Grafana switches features by it.
inline constexpr char kApiVersion[] = "3.14.0";

// Facts about the process; all of them thread-safe and quick. Those left empty answer nothing.
struct ApiFacts {
  std::function<tsdb::Stats()> store_stats = [] { return tsdb::Stats(); };
  std::function<tsdb::Cardinality(size_t limit)> cardinality = [](size_t) {
    return tsdb::Cardinality();
  };
  std::function<absl::StatusOr<std::vector<model::ExemplarSeries>>(const model::LabelRequest&)>
      exemplars = [](const model::LabelRequest&) { return std::vector<model::ExemplarSeries>(); };
  std::function<std::vector<AgentFacts>()> agents = [] { return std::vector<AgentFacts>(); };
  std::function<std::string()> config_yaml = [] { return std::string(); };
  // The last reload of the configuration: its time and whether it was good.
  std::function<std::pair<int64_t, bool>()> last_reload = [] {
    return std::pair(int64_t{0}, true);
  };
  // What an operator should know now, oldest first.
  struct Notification {
    std::string text;
    int64_t since_ms = 0;
  };
  std::function<std::vector<Notification>()> notifications = [] {
    return std::vector<Notification>();
  };
  // Added to what leaves through /federate.
  std::function<std::map<std::string, std::string>()> external_labels = [] {
    return std::map<std::string, std::string>();
  };
  // What /metrics shows, as a JSON list of the metric families whose names `wanted` takes.
  std::function<std::string(const std::function<bool(std::string_view name)>& wanted)>
      self_metrics = [](const auto&) { return std::string("[]"); };
  bool lifecycle = false;    // /-/quit is served
  std::string external_url;  // without a slash at its end; empty: not known
  std::vector<std::pair<std::string, std::string>> flags;  // sorted by name
  std::string retention = "30d";
  std::string version = "unknown";
  std::string revision;
  int64_t start_time_ms = 0;
  std::string storage_path;
  std::string backup_path;  // empty: backups are refused
};

class QueryLog;  // queries/query_log.h

// What the API reads. Everything outlives the router that the routes are added to.
struct ApiParts {
  const model::SeriesSource* source = nullptr;
  const promql::Engine* engine = nullptr;
  const base::Clock* clock = base::RealClock();
  ApiFacts facts;
  // Null: a store that takes no orders.
  tsdb::StoreAdmin* admin = nullptr;
  // Prometheus' /api/v1/admin and what else changes the store; off, they answer as Prometheus' do.
  bool admin_enabled = false;
  // Null: queries are not logged.
  QueryLog* queries = nullptr;
};

// Adds every route below /api/v1 but `write`, `read` and OTLP, and /federate. `parts` outlives the
// router. Of two routes for one path the first wins: who answers rules, alerts or alertmanagers
// adds these before this call, and our empty answers are never asked.
void AddApiRoutes(const ApiParts* parts, net::HttpRouter* router);

}  // namespace baro::collector
