#include "http_api/openapi.h"

#include <span>

#include "baro/base/strings.h"
#include "http_api/handlers.h"

namespace baro::collector {
namespace {

enum class Type { kString, kStrings, kTime, kDuration, kInteger, kBoolean };

struct Parameter {
  const char* name;
  Type type;
  bool required;
  const char* help;
};

constexpr Parameter kQuery = {"query", Type::kString, true, "PromQL expression"};
constexpr Parameter kStart = {"start", Type::kTime, false, "Start of the range, inclusive"};
constexpr Parameter kEnd = {"end", Type::kTime, false, "End of the range, inclusive"};
constexpr Parameter kTimeout = {"timeout", Type::kDuration, false, "Longest time to evaluate"};
constexpr Parameter kLimit = {"limit", Type::kInteger, false, "Most results; 0: no limit"};
constexpr Parameter kLookback = {"lookback_delta", Type::kDuration, false,
                                 "How far back a series' last sample counts"};
constexpr Parameter kStats = {"stats", Type::kString, false,
                              "true or all: statistics of the evaluation"};
constexpr Parameter kMatch = {"match[]", Type::kStrings, false, "Series selectors, any of them"};
constexpr Parameter kMatchRequired = {"match[]", Type::kStrings, true, kMatch.help};
constexpr Parameter kMetric = {"metric", Type::kString, false, "Only of this metric family"};

constexpr Parameter kInstantQuery[] = {
    kQuery, {"time", Type::kTime, false, "When; now by default"}, kTimeout, kLimit, kLookback,
    kStats};
constexpr Parameter kRangeQuery[] = {kQuery,
                                     {"start", Type::kTime, true, kStart.help},
                                     {"end", Type::kTime, true, kEnd.help},
                                     {"step", Type::kDuration, true, "Between two points"},
                                     kTimeout,
                                     kLimit,
                                     kLookback,
                                     kStats};
constexpr Parameter kExemplars[] = {kQuery, kStart, kEnd};
constexpr Parameter kExpression[] = {kQuery};
constexpr Parameter kSeries[] = {kMatchRequired, kStart, kEnd, kLimit};
constexpr Parameter kLabels[] = {kMatch, kStart, kEnd, kLimit};
constexpr Parameter kMetadata[] = {
    kMetric,
    {"limit", Type::kInteger, false, "Most metric families"},
    {"limit_per_metric", Type::kInteger, false, "Most descriptions of one family"}};
constexpr Parameter kTargets[] = {{"state", Type::kString, false, "active, dropped or any"},
                                  {"scrapePool", Type::kString, false, "Only of this pool"}};
constexpr Parameter kTargetsMetadata[] = {
    {"match_target", Type::kString, false, "Selector of targets"}, kMetric, kLimit};
constexpr Parameter kRelabelSteps[] = {
    {"scrapePool", Type::kString, true, "The pool"},
    {"labels", Type::kString, true, "Labels before relabelling, as JSON"}};
constexpr Parameter kRules[] = {
    {"type", Type::kString, false, "alert or record"},
    {"rule_name[]", Type::kStrings, false, "Only rules of these names"},
    {"rule_group[]", Type::kStrings, false, "Only groups of these names"},
    {"file[]", Type::kStrings, false, "Only groups of these files"},
    kMatch,
    {"exclude_alerts", Type::kBoolean, false, "Leave active alerts out"},
    {"group_limit", Type::kInteger, false, "Most groups of a page"},
    {"group_next_token", Type::kString, false, "Where the page before ended"}};
constexpr Parameter kCardinality[] = {
    {"limit", Type::kInteger, false, "Rows of each list, 1 to 10000"}};
constexpr Parameter kSelfMetrics[] = {
    {"metric_name_pattern", Type::kString, false, "Anchored regular expression"}};
constexpr Parameter kDelete[] = {kMatchRequired, kStart, kEnd};
constexpr Parameter kSnapshot[] = {
    {"skip_head", Type::kBoolean, false, "Leave out what is only in memory"}};
constexpr Parameter kExplain[] = {
    kQuery,
    {"time", Type::kTime, false, "Of an instant query; now by default"},
    kStart,
    kEnd,
    {"step", Type::kDuration, false, "Of a range query"}};
constexpr Parameter kTopQueries[] = {
    {"by", Type::kString, false, "What to order by"},
    {"since", Type::kDuration, false, "Only what ran within this time"},
    kLimit};
constexpr Parameter kCancel[] = {{"id", Type::kInteger, true, "The query, as queries tells it"}};
constexpr Parameter kBaroAlerts[] = {kMatch, {"state", Type::kString, false, "firing or pending"}};
constexpr Parameter kAck[] = {{"id", Type::kString, true, "The alert, 16 hexadecimal digits"},
                              {"author", Type::kString, true, "Who looks after it"},
                              {"comment", Type::kString, false, "What they say"},
                              {"silence", Type::kString, false, "Alertmanager's id of the silence"},
                              {"until", Type::kTime, false, "When the silence ends"}};
constexpr Parameter kPastRules[] = {
    {"rules", Type::kStrings, true, "Texts of rule files"},
    {"name", Type::kStrings, false, "Their names, in the same order"},
    {"start", Type::kTime, true, kStart.help},
    kEnd,
    {"step", Type::kDuration, false, "Between evaluations; the groups' own by default"},
    kTimeout};
constexpr Parameter kFederate[] = {kMatch};
constexpr Parameter kVersionOf[] = {
    {"openapi_version", Type::kString, false, "3.1 is what there is"}};

enum class Methods { kGet, kGetPost, kPost, kPostPut };

struct Entry {
  const char* path;
  Methods methods;
  const char* tag;
  const char* summary;
  std::span<const Parameter> parameters = {};
  const char* body = nullptr;  // content type of what is posted, instead of a form
  const char* answer = "application/json";
};

constexpr char kProtobuf[] = "application/x-protobuf";
constexpr char kJson[] = "application/json";
constexpr char kText[] = "text/plain";

constexpr Entry kEntries[] = {
    {"/api/v1/query", Methods::kGetPost, "query", "Evaluate at one time", kInstantQuery},
    {"/api/v1/query_range", Methods::kGetPost, "query", "Evaluate over a range", kRangeQuery},
    {"/api/v1/query_exemplars", Methods::kGetPost, "query", "Exemplars", kExemplars},
    {"/api/v1/format_query", Methods::kGetPost, "query", "Print prettily", kExpression},
    {"/api/v1/parse_query", Methods::kGetPost, "query", "Syntax tree", kExpression},
    {"/api/v1/series", Methods::kGetPost, "series", "Series that match", kSeries},
    {"/api/v1/labels", Methods::kGetPost, "labels", "Label names", kLabels},
    {"/api/v1/label/{name}/values", Methods::kGet, "labels", "Values of a label", kLabels},
    {"/api/v1/metadata", Methods::kGet, "metadata", "Type, help, unit", kMetadata},
    {"/api/v1/targets", Methods::kGet, "targets", "Targets of agents", kTargets},
    {"/api/v1/targets/metadata", Methods::kGet, "targets", "Metadata by target", kTargetsMetadata},
    {"/api/v1/targets/relabel_steps", Methods::kGet, "targets", "Relabelling", kRelabelSteps},
    {"/api/v1/scrape_pools", Methods::kGet, "targets", "Names of scrape pools"},
    {"/api/v1/rules", Methods::kGet, "rules", "Rule groups", kRules},
    {"/api/v1/alerts", Methods::kGet, "alerts", "Active alerts"},
    {"/api/v1/alertmanagers", Methods::kGet, "alerts", "Where alerts are sent to"},
    {"/api/v1/notifications", Methods::kGet, "notifications", "What an operator should know"},
    {"/api/v1/notifications/live", Methods::kGet, "notifications", "Not served: always 204"},
    {"/api/v1/features", Methods::kGet, "features", "What this server can do"},
    {"/api/v1/status/buildinfo", Methods::kGet, "status", "Versions"},
    {"/api/v1/status/runtimeinfo", Methods::kGet, "status", "The process"},
    {"/api/v1/status/config", Methods::kGet, "status", "Configuration in force"},
    {"/api/v1/status/flags", Methods::kGet, "status", "Command line"},
    {"/api/v1/status/tsdb", Methods::kGet, "status", "Cardinality", kCardinality},
    {"/api/v1/status/tsdb/blocks", Methods::kGet, "status", "Prometheus blocks: none"},
    {"/api/v1/status/walreplay", Methods::kGet, "status", "Loading of the journals"},
    {"/api/v1/status/self_metrics", Methods::kGet, "status", "Own metrics", kSelfMetrics},
    {"/api/v1/search/metric_names", Methods::kGetPost, "search", "Off: always 500 unavailable"},
    {"/api/v1/search/label_names", Methods::kGetPost, "search", "Off: always 500 unavailable"},
    {"/api/v1/search/label_values", Methods::kGetPost, "search", "Off: always 500 unavailable"},
    {"/api/v1/admin/tsdb/delete_series", Methods::kPostPut, "admin", "Delete samples", kDelete},
    {"/api/v1/admin/tsdb/clean_tombstones", Methods::kPostPut, "admin", "Free deleted samples"},
    {"/api/v1/admin/tsdb/snapshot", Methods::kPostPut, "admin", "Copy the store", kSnapshot},
    {"/api/v1/write", Methods::kPost, "remote", "Remote write 1.0 and 2.0", {}, kProtobuf},
    {"/api/v1/read", Methods::kPost, "remote", "Remote read", {}, kProtobuf, kProtobuf},
    {"/api/v1/otlp/v1/metrics", Methods::kPost, "otlp", "OTLP metrics", {}, kProtobuf, kProtobuf},
    {"/api/v1/openapi.yaml", Methods::kGet, "features", "This", kVersionOf, nullptr,
     "application/yaml"},
    {"/api/v1/baro/agents", Methods::kGet, "barograph", "Agents and their lag"},
    {"/api/v1/baro/status", Methods::kGet, "barograph", "The store's figures"},
    {"/api/v1/baro/cardinality", Methods::kGet, "barograph", "Origin of series", kCardinality},
    {"/api/v1/baro/explain", Methods::kGetPost, "barograph", "Plan and cost of a query", kExplain},
    {"/api/v1/baro/queries", Methods::kGet, "barograph", "Queries that run now"},
    {"/api/v1/baro/top_queries", Methods::kGet, "barograph", "What cost most", kTopQueries},
    {"/api/v1/baro/queries/cancel", Methods::kPostPut, "barograph", "End a query", kCancel},
    {"/api/v1/baro/notify/status", Methods::kGet, "barograph", "Delivery of alerts"},
    {"/api/v1/baro/notify/test", Methods::kPost, "barograph", "Send a test alert", {}, kJson},
    {"/api/v1/baro/alerts", Methods::kGet, "barograph", "Active alerts and answers", kBaroAlerts},
    {"/api/v1/baro/alerts/ack", Methods::kPost, "barograph", "Look after an alert", kAck},
    {"/api/v1/baro/alerts/history", Methods::kGet, "barograph", "What became of alerts"},
    {"/api/v1/baro/rules/backtest", Methods::kPost, "barograph", "What rules would have done",
     kPastRules},
    {"/api/v1/baro/rules/backfill", Methods::kPost, "barograph", "Record over history", kPastRules},
    {"/api/v1/baro/alertmanager-webhook",
     Methods::kPost,
     "barograph",
     "What Alertmanager tells of its notifications",
     {},
     kJson},
    {"/api/v1/baro/admin/compact", Methods::kPostPut, "barograph", "Seal what is in memory"},
    {"/api/v1/baro/admin/backup", Methods::kPostPut, "barograph", "Take a backup"},
    {"/api/v1/baro/admin/count_delete", Methods::kPostPut, "barograph", "Cost of a delete",
     kDelete},
    {"/api/v1/baro/admin/verify", Methods::kPostPut, "barograph", "Read all that is stored"},
    {"/federate", Methods::kGet, "federation", "Last samples, as a target", kFederate, nullptr,
     kText},
};

std::vector<std::string> MethodsOf(Methods methods) {
  switch (methods) {
    case Methods::kGet:
      return {"get"};
    case Methods::kGetPost:
      return {"get", "post"};
    case Methods::kPost:
      return {"post"};
    case Methods::kPostPut:
      return {"post", "put"};
  }
  return {};
}

const char* SchemaOf(Type type) {
  switch (type) {
    case Type::kString:
      return "{type: string}";
    case Type::kStrings:
      return "{type: array, items: {type: string}}";
    case Type::kTime:
      return "{$ref: \"#/components/schemas/Time\"}";
    case Type::kDuration:
      return "{$ref: \"#/components/schemas/Duration\"}";
    case Type::kInteger:
      return "{type: integer, minimum: 0}";
    case Type::kBoolean:
      return "{type: boolean}";
  }
  return "{}";
}

void AppendParameters(const Entry& entry, bool in_query, std::string* out) {
  const bool has_place = std::string_view(entry.path).find("{name}") != std::string_view::npos;
  const bool has_query = in_query && !entry.parameters.empty();
  if (!has_place && !has_query) return;
  *out += "      parameters:\n";
  if (has_place) {
    *out +=
        "        - {name: name, in: path, required: true, schema: {type: string}, description: "
        "\"The label; UTF-8 names as U__a_2e_b\"}\n";
  }
  if (!has_query) return;
  for (const Parameter& parameter : entry.parameters) {
    base::StrAppend(out, "        - {name: \"", parameter.name,
                    "\", in: query, required: ", parameter.required ? "true" : "false",
                    ", schema: ", SchemaOf(parameter.type), ", description: \"", parameter.help,
                    "\"}\n");
  }
}

void AppendBody(const Entry& entry, std::string* out) {
  if (entry.body != nullptr) {
    base::StrAppend(out, "      requestBody:\n        required: true\n        content:\n          ",
                    entry.body, ": {schema: {type: string, format: binary}}\n");
    return;
  }
  if (entry.parameters.empty()) return;
  *out +=
      "      requestBody:\n        content:\n          application/x-www-form-urlencoded:\n"
      "            schema:\n              type: object\n              properties:\n";
  for (const Parameter& parameter : entry.parameters) {
    base::StrAppend(out, "                \"", parameter.name, "\": ", SchemaOf(parameter.type),
                    "\n");
  }
}

// query_range by POST: postQueryRange.
std::string OperationId(std::string_view method, std::string_view path) {
  std::string id(method);
  bool upper = true;
  if (path.starts_with("/api/v1/")) path.remove_prefix(8);
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter) id += upper && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = !letter;
  }
  return id;
}

void AppendOperation(const Entry& entry, const std::string& method, std::string* out) {
  base::StrAppend(out, "    ", method, ":\n      operationId: ", OperationId(method, entry.path),
                  "\n      tags: [", entry.tag, "]\n      summary: \"", entry.summary, "\"\n");
  AppendParameters(entry, method == "get" || method == "put", out);
  if (method != "get") AppendBody(entry, out);
  const bool is_json = std::string_view(entry.answer) == "application/json";
  base::StrAppend(out, "      responses:\n        \"200\":\n          description: Success\n",
                  "          content: {", entry.answer, ": {schema: ",
                  is_json ? "{$ref: \"#/components/schemas/Success\"}" : "{type: string}", "}}\n",
                  "        default:\n          $ref: \"#/components/responses/Error\"\n");
}

constexpr char kComponents[] = R"(components:
  schemas:
    Time: {description: "Seconds since 1970 or RFC 3339", anyOf: [{type: number}, {type: string}]}
    Duration: {description: "Seconds or 1h30m", anyOf: [{type: number}, {type: string}]}
    Success:
      type: object
      required: [status]
      properties:
        status: {const: success}
        data: {}
        warnings: {type: array, items: {type: string}}
        infos: {type: array, items: {type: string}}
    Error:
      type: object
      required: [status, errorType, error]
      properties:
        status: {const: error}
        errorType: {enum: [bad_data, execution, timeout, canceled, internal, unavailable, not_found]}
        error: {type: string}
  responses:
    Error:
      description: "400 bad_data, 404, 405, 413, 422 execution, 499, 500, 503"
      content:
        application/json: {schema: {$ref: "#/components/schemas/Error"}}
        text/plain: {schema: {type: string}}
)";

}  // namespace

std::vector<DescribedPath> DescribedPaths() {
  std::vector<DescribedPath> paths;
  for (const Entry& entry : kEntries) paths.push_back({entry.path, MethodsOf(entry.methods)});
  return paths;
}

std::string OpenApiYaml(std::string_view server_url, std::string_view version) {
  std::string out = base::StrCat(
      "openapi: 3.1.0\ninfo:\n  title: Barograph collector\n  description: \"Prometheus' HTTP API, "
      "and Barograph's own below /api/v1/baro\"\n  version: \"",
      version, "\"\nservers:\n  - url: \"", server_url.empty() ? "/" : server_url, "\"\npaths:\n");
  for (const Entry& entry : kEntries) {
    base::StrAppend(&out, "  ", entry.path, ":\n");
    for (const std::string& method : MethodsOf(entry.methods)) {
      AppendOperation(entry, method, &out);
    }
  }
  return out + kComponents;
}

Answer OpenApi(const ApiParts& parts, const net::ServerRequest&) {
  net::ServerResponse response;
  response.content_type = "application/yaml; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "no-cache, no-store, must-revalidate");
  response.body.push_back(OpenApiYaml(parts.facts.external_url, parts.facts.version));
  return response;
}

}  // namespace baro::collector
