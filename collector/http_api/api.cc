#include "http_api/api.h"

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/federation.h"
#include "http_api/handlers.h"
#include "otlp/content_coding.h"

namespace baro::collector {
namespace {

using net::HttpLane;
// A form that is packed may unpack to this much.
constexpr size_t kFormBytesMax = size_t{64} << 20;

using Handler = Answer (*)(const ApiParts&, const net::ServerRequest&);

struct Endpoint {
  const char* path;
  bool post;  // takes the form by POST as well; otherwise GET only, and POST is 405
  HttpLane lane;
  Handler handler;
};

constexpr Endpoint kEndpoints[] = {
    {"query", true, HttpLane::kQuery, InstantQuery},
    {"query_range", true, HttpLane::kQuery, RangeQuery},
    {"query_exemplars", true, HttpLane::kQuick, Exemplars},
    {"format_query", true, HttpLane::kQuick, FormatQuery},
    {"parse_query", true, HttpLane::kQuick, ParseQuery},
    {"series", true, HttpLane::kQuery, SeriesList},
    {"labels", true, HttpLane::kQuery, LabelNames},
    {"label/{name}/values", false, HttpLane::kQuery, LabelValues},
    {"metadata", false, HttpLane::kQuick, MetricMetadata},
    {"targets", false, HttpLane::kQuery, Targets},
    {"targets/metadata", false, HttpLane::kQuery, TargetsMetadata},
    {"targets/relabel_steps", false, HttpLane::kQuick, RelabelSteps},
    {"scrape_pools", false, HttpLane::kQuery, ScrapePools},
    {"status/buildinfo", false, HttpLane::kInline, BuildInformation},
    {"status/tsdb", false, HttpLane::kQuery, TsdbStatus},
    {"status/tsdb/blocks", false, HttpLane::kQuick, TsdbBlocks},
    {"status/self_metrics", false, HttpLane::kQuick, SelfMetricsStatus},
    {"notifications", false, HttpLane::kQuick, Notifications},
    {"features", false, HttpLane::kQuick, Features},
    {"openapi.yaml", false, HttpLane::kQuick, OpenApi},
    {"status/config", false, HttpLane::kQuick, ConfigStatus},
    {"status/flags", false, HttpLane::kQuick, FlagsStatus},
    {"status/runtimeinfo", false, HttpLane::kQuick, RuntimeStatus},
    {"status/walreplay", false, HttpLane::kQuick, ReplayStatus},
    {"baro/agents", false, HttpLane::kQuick, Agents},
    {"baro/status", false, HttpLane::kQuick, BaroStatus},
    {"baro/cardinality", false, HttpLane::kQuery, CardinalityStatus},
    {"baro/explain", true, HttpLane::kQuery, ExplainQuery},
    // Not behind the queries that somebody wants to look at, or end.
    {"baro/queries", false, HttpLane::kQuick, Queries},
    {"baro/top_queries", false, HttpLane::kQuick, TopQueries},
};

// Operations take POST and PUT. Those that change something are off unless asked for.
struct Operation {
  const char* path;
  bool guarded;
  Handler handler;
  HttpLane lane = HttpLane::kQuery;
};
constexpr Operation kOperations[] = {
    {"admin/tsdb/delete_series", true, DeleteSeries},
    {"admin/tsdb/clean_tombstones", true, CleanTombstones},
    {"admin/tsdb/snapshot", true, TakeSnapshot},
    {"baro/admin/backup", true, BackUp},
    {"baro/admin/count_delete", false, CountDelete},
    {"baro/admin/verify", false, VerifyStore},
    // Not behind the queries it is to end.
    {"baro/queries/cancel", false, CancelQuery, HttpLane::kQuick},
};

// What has nothing to tell yet: the shape that Prometheus gives when it has nothing either.
struct EmptyAnswer {
  const char* path;
  const char* value;
};
constexpr EmptyAnswer kEmptyAnswers[] = {
    {"rules", "{\"groups\":[]}"},
    {"alerts", "{\"alerts\":[]}"},
    {"alertmanagers", "{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}"},
};

// Prometheus' own are off unless a flag turns them on; so are ours.
constexpr const char* kSearches[] = {"metric_names", "label_names", "label_values"};

// With a body that is packed (Content-Encoding), the handler is given what it unpacks to.
Answer Call(Handler handler, const ApiParts& parts, const net::ServerRequest& request) {
  const std::string_view coding = request.Header("Content-Encoding");
  if (request.body.empty() || coding.empty() || coding == "identity") {
    return handler(parts, request);
  }
  net::ServerRequest plain = request;
  BARO_TRY(DecodeBody(coding, request.body, kFormBytesMax, &plain.body).status());
  return handler(parts, plain);
}

void AddEndpoint(const ApiParts* parts, const Endpoint& endpoint, net::HttpRouter* router) {
  std::vector<std::string> methods = {"GET"};
  if (endpoint.post) methods.push_back("POST");
  router->Handle(std::move(methods), base::StrCat("/api/v1/", endpoint.path), endpoint.lane,
                 [parts, handler = endpoint.handler](const net::ServerRequest& request) {
                   Answer answer = Call(handler, *parts, request);
                   return answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status());
                 });
}

void AddOperation(const ApiParts* parts, const Operation& operation, net::HttpRouter* router) {
  router->Handle({"POST", "PUT"}, base::StrCat("/api/v1/", operation.path), operation.lane,
                 [parts, operation](const net::ServerRequest& request) {
                   if (operation.guarded && !parts->admin_enabled)
                     return DisabledAnswer("admin APIs disabled");
                   Answer answer = Call(operation.handler, *parts, request);
                   return answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status());
                 });
}

void AddEmptyAnswer(const EmptyAnswer& empty, net::HttpRouter* router) {
  router->Handle({"GET"}, base::StrCat("/api/v1/", empty.path), HttpLane::kInline,
                 [value = empty.value](const net::ServerRequest&) {
                   JsonWriter writer = StartAnswer();
                   writer.Raw(value);
                   return FinishAnswer(&writer);
                 });
}

}  // namespace

void AddApiRoutes(const ApiParts* parts, net::HttpRouter* router) {
  for (const Endpoint& endpoint : kEndpoints) AddEndpoint(parts, endpoint, router);
  for (const Operation& operation : kOperations) AddOperation(parts, operation, router);
  for (const EmptyAnswer& empty : kEmptyAnswers) AddEmptyAnswer(empty, router);
  // What browsers are told when too many listen: do not come back.
  router->Handle({"GET"}, "/api/v1/notifications/live", HttpLane::kInline,
                 [](const net::ServerRequest&) { return NoContentAnswer(); });
  for (const char* what : kSearches) {
    router->Handle({"GET", "POST"}, base::StrCat("/api/v1/search/", what), HttpLane::kInline,
                   [](const net::ServerRequest&) { return DisabledAnswer("search API disabled"); });
  }
  router->Handle({"GET"}, "/federate", HttpLane::kQuery,
                 [parts](const net::ServerRequest& request) { return Federate(*parts, request); });
}

}  // namespace baro::collector
