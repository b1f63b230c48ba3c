// What this server can do, as clients of Prometheus 3 ask for it.
#include <array>
#include <map>

#include "baro/promql/functions.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"

namespace baro::collector {
namespace {

using Flags = std::map<std::string_view, bool>;

Flags ApiFlags(const ApiParts& parts) {
  return {{"admin", parts.admin_enabled},  {"exclude_alerts", true},
          {"label_values_match", true},    {"lifecycle", parts.facts.lifecycle},
          {"openapi_3.1", true},           {"otlp_write_receiver", true},
          {"query_stats", true},           {"query_warnings", true},
          {"remote_write_receiver", true}, {"search", false},
          {"time_range_labels", true},     {"time_range_series", true}};
}

const Flags& LanguageFlags() {
  static const Flags kFlags = {{"anchored", true},
                               {"at_modifier", true},
                               {"bool", true},
                               {"by", true},
                               {"delayed_name_removal", true},
                               {"duration_expr", true},
                               {"fill", true},
                               {"fill_left", true},
                               {"fill_right", true},
                               {"group_left", true},
                               {"group_right", true},
                               {"ignoring", true},
                               {"negative_offset", true},
                               {"offset", true},
                               {"on", true},
                               {"per_query_lookback_delta", true},
                               {"smoothed", true},
                               {"subqueries", true},
                               {"type_and_unit_labels", false},
                               {"without", true}};
  return kFlags;
}

Flags FunctionFlags() {
  Flags flags;
  for (const promql::Function& function : promql::AllFunctions()) flags[function.name] = true;
  return flags;
}

const Flags& OperatorFlags() {
  static const Flags kFlags = [] {
    Flags flags;
    for (const char* name : {"!=",
                             "!~",
                             "%",
                             "*",
                             "+",
                             "-",
                             "/",
                             "<",
                             "</",
                             "<=",
                             "==",
                             "=~",
                             ">",
                             ">/",
                             ">=",
                             "@",
                             "^",
                             "and",
                             "atan2",
                             "avg",
                             "bottomk",
                             "count",
                             "count_values",
                             "group",
                             "limit_ratio",
                             "limitk",
                             "max",
                             "min",
                             "or",
                             "quantile",
                             "stddev",
                             "stdvar",
                             "sum",
                             "topk",
                             "unless"}) {
      flags[name] = true;
    }
    return flags;
  }();
  return kFlags;
}

const Flags& StoreFlags() {
  static const Flags kFlags = {{"delayed_compaction", false},
                               {"exemplar_storage", true},
                               {"isolation", true},
                               {"native_histograms", true}};
  return kFlags;
}

void WriteFlags(std::string_view group, const Flags& flags, JsonObject* object) {
  JsonObject list(object->Key(group));
  for (const auto& [name, on] : flags) list.Add(name, on);
}

}  // namespace

Answer Features(const ApiParts& parts, const net::ServerRequest&) {
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    WriteFlags("api", ApiFlags(parts), &object);
    WriteFlags("otlp_receiver", {{"delta_conversion", true}, {"native_delta_ingestion", false}},
               &object);
    WriteFlags("prometheus", {{"agent_mode", false}, {"server_mode", true}}, &object);
    WriteFlags("promql", LanguageFlags(), &object);
    WriteFlags("promql_functions", FunctionFlags(), &object);
    WriteFlags("promql_operators", OperatorFlags(), &object);
    WriteFlags("tsdb", StoreFlags(), &object);
  }
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
