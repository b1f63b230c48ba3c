// baro/queries, baro/queries/cancel, baro/top_queries.
#include <charconv>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"
#include "queries/query_log.h"

namespace baro::collector {
namespace {

constexpr int64_t kSinceDefaultMs = 3'600'000;
constexpr size_t kTopDefault = 20;

std::string_view PhaseText(promql::QueryPhase phase) {
  switch (phase) {
    case promql::QueryPhase::kQueued:
      return "queued";
    case promql::QueryPhase::kEvaluating:
      return "evaluating";
    case promql::QueryPhase::kWriting:
      return "writing";
    case promql::QueryPhase::kDone:
      break;
  }
  return "done";
}

double Seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

void AddAsked(uint64_t id, const AskedQuery& asked, JsonObject* object) {
  object->Add("id", std::to_string(id));
  object->Add("query", asked.expression);
  object->Key("start")->SampleTime(asked.start_ms);
  object->Key("end")->SampleTime(asked.end_ms);
  object->Add("step", Seconds(asked.step_ms));
  object->Add("client", asked.client);
  object->Add("dashboard_uid", asked.dashboard_uid);
  object->Add("panel_id", asked.panel_id);
  object->Add("user", asked.user);
}

absl::Status NoLog() { return absl::UnavailableError("there is no query log"); }

absl::StatusOr<CostOrder> OrderOf(std::string_view text) {
  if (text.empty() || text == "duration") return CostOrder::kSeconds;
  if (text == "samples") return CostOrder::kSamples;
  if (text == "count") return CostOrder::kCount;
  if (text == "memory") return CostOrder::kMemory;
  return InvalidParameter(
      "by", absl::InvalidArgumentError(
                base::StrCat(GoQuoted(text), " is not one of duration, samples, count, memory")));
}

void WriteCost(const QueryCost& cost, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("query", cost.query);
  object.Add("example", cost.example);
  object.Add("count", cost.count);
  object.Add("errors", cost.errors);
  object.Add("seconds", cost.seconds);
  object.Add("seconds_max", cost.seconds_max);
  object.Add("samples", cost.samples);
  object.Add("memory_bytes_max", cost.memory_bytes_max);
  JsonList dashboards(object.Key("dashboards"));
  for (const QueryCost::Source& source : cost.dashboards) {
    JsonObject one(dashboards.Next());
    one.Add("dashboard_uid", source.dashboard_uid);
    one.Add("panel_id", source.panel_id);
    one.Add("count", source.count);
  }
}

}  // namespace

Answer Queries(const ApiParts& parts, const net::ServerRequest&) {
  if (parts.queries == nullptr) return NoLog();
  JsonWriter writer = StartAnswer();
  {
    JsonObject all(&writer);
    {
      JsonList active(all.Key("active"));
      for (const ActiveQuery& query : parts.queries->Active()) {
        JsonObject one(active.Next());
        AddAsked(query.id, query.asked, &one);
        one.Add("since_seconds", query.since_seconds);
        one.Add("phase", PhaseText(query.phase));
        one.Add("samples", query.samples);
      }
    }
    JsonList slow(all.Key("slow"));
    for (const FinishedQuery& query : parts.queries->Slow()) {
      JsonObject one(slow.Next());
      AddAsked(query.id, query.asked, &one);
      one.Key("finished")->SampleTime(query.finished_ms);
      one.Add("seconds", query.seconds);
      one.Add("samples", query.samples);
      one.Add("memory_bytes", query.memory_bytes);
      one.Add("error", query.error);
    }
  }
  return FinishAnswer(&writer);
}

Answer CancelQuery(const ApiParts& parts, const net::ServerRequest& request) {
  if (parts.queries == nullptr) return NoLog();
  const Parameters parameters(request);
  const std::string_view text = parameters.Get("id");
  uint64_t id = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), id);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return InvalidParameter("id", absl::InvalidArgumentError(base::StrCat(
                                      GoQuoted(text), " is not the number of a query")));
  }
  if (!parts.queries->Cancel(id)) {
    return absl::NotFoundError(base::StrCat("no query ", id, " is running"));
  }
  JsonWriter writer = StartAnswer();
  JsonObject(&writer).Add("id", text);
  return FinishAnswer(&writer);
}

Answer TopQueries(const ApiParts& parts, const net::ServerRequest& request) {
  if (parts.queries == nullptr) return NoLog();
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const CostOrder order, OrderOf(parameters.Get("by")));
  BARO_TRY_ASSIGN(const size_t limit, LimitParameter(parameters));
  int64_t since_ms = kSinceDefaultMs;
  if (const std::string_view since = parameters.Get("since"); !since.empty()) {
    const auto read = ParseDurationMs(since);
    if (!read.ok()) return InvalidParameter("since", read.status());
    since_ms = *read;
  }
  JsonWriter writer = StartAnswer();
  {
    JsonObject all(&writer);
    all.Add("since_seconds", Seconds(since_ms));
    JsonList queries(all.Key("queries"));
    const size_t most = limit == 0 ? kTopDefault : limit;
    for (const QueryCost& cost : parts.queries->Top(order, most, since_ms)) {
      WriteCost(cost, queries.Next());
    }
  }
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
