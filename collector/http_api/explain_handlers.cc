// baro/explain: what a query would cost; nothing is run.
#include "baro/promql/explain.h"

#include "baro/base/status.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"
#include "http_api/query_parameters.h"

namespace baro::collector {
namespace {

// With start, end and step a range query, else an instant one.
absl::StatusOr<promql::ExplainTimes> TimesOf(const ApiParts& parts, const Parameters& parameters) {
  if (parameters.Get("start").empty() && parameters.Get("end").empty()) {
    BARO_TRY_ASSIGN(const int64_t time_ms, TimeParameter(parameters, "time", parts.clock->NowMs()));
    return promql::ExplainTimes{time_ms, time_ms, 0};
  }
  BARO_TRY_ASSIGN(const RangeParameters range, RangeOf(parameters));
  // Beyond this the engine itself does not count steps.
  const uint64_t span_ms =
      static_cast<uint64_t>(range.end_ms) - static_cast<uint64_t>(range.start_ms);
  if (span_ms / static_cast<uint64_t>(range.step_ms) > INT32_MAX) {
    BARO_TRY(CheckPoints(parts, range));
  }
  return promql::ExplainTimes{range.start_ms, range.end_ms, range.step_ms};
}

void WriteNode(const promql::PlanNode& node, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("node", node.node);
  object.Add("text", node.text);
  object.Add("expression", node.expression);
  object.Add("series", node.series);
  object.Add("samples", node.samples);
  JsonList children(object.Key("children"));
  for (const promql::PlanNode& child : node.children) WriteNode(child, children.Next());
}

void WriteLimits(const promql::EngineOptions& limits, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("samples", limits.samples_max);
  object.Add("points", limits.points_max);
  object.Add("series", limits.series_max);
  object.Add("memory_bytes", limits.memory_bytes_max);
  object.Add("timeout_seconds", static_cast<double>(limits.timeout_ms) / 1000);
}

}  // namespace

Answer ExplainQuery(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const promql::ExplainTimes times, TimesOf(parts, parameters));
  promql::QueryOptions options;
  options.cancelled = request.cancelled;
  const auto explained =
      promql::Explain(*parts.engine, *parts.source, parameters.Get("query"), times, options);
  if (absl::IsInvalidArgument(explained.status())) {
    return InvalidParameter("query", explained.status());
  }
  BARO_TRY(explained.status());
  JsonWriter writer = StartAnswer();
  {
    JsonObject all(&writer);
    all.Add("query", explained->query);
    {
      JsonObject cost(all.Key("cost"));
      cost.Add("series", explained->series);
      cost.Add("samples", explained->samples);
      cost.Add("samples_read", explained->samples_read);
      cost.Add("points", explained->points);
      cost.Add("memory_bytes", explained->memory_bytes);
      cost.Add("seconds", explained->seconds);
    }
    WriteLimits(parts.engine->options(), all.Key("limits"));
    all.Add("allowed", explained->allowed);
    all.Add("reason", explained->reason);
    WriteNode(explained->tree, all.Key("tree"));
    all.Key("notes")->Strings(explained->notes);
  }
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
