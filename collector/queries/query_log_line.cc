// The query log file: a line of JSON a query, with the fields of Prometheus' query_log_file.
#include "http_api/json_object.h"
#include "http_api/query_stats_json.h"
#include "http_api/time_text.h"
#include "queries/query_log.h"

namespace baro::collector {

std::string QueryLogLine(const FinishedQuery& query, const QueryOutcome& outcome) {
  JsonWriter writer;
  {
    JsonObject line(&writer);
    line.Add("time", FormatRfc3339(query.finished_ms));
    line.Add("level", "INFO");
    line.Add("msg", "promql query logged");
    {
      JsonObject params(line.Key("params"));
      params.Add("end", FormatRfc3339(query.asked.end_ms));
      params.Add("query", query.asked.expression);
      params.Add("start", FormatRfc3339(query.asked.start_ms));
      params.Add("step", query.asked.step_ms / 1000);
    }
    if (!query.error.empty()) line.Add("error", query.error);
    WriteStats({outcome.stats, outcome.queue_seconds}, line.Key("stats"));
    {
      JsonObject request(line.Key("httpRequest"));
      // Without the port, as Prometheus has it.
      request.Add("clientIP", query.asked.client.substr(0, query.asked.client.rfind(':')));
      request.Add("method", query.asked.method);
      request.Add("path", query.asked.path);
    }
    JsonObject own(line.Key("baro"));
    own.Add("id", std::to_string(query.id));
    own.Add("seconds", query.seconds);
    own.Add("memory_bytes", query.memory_bytes);
    own.Add("dashboard_uid", query.asked.dashboard_uid);
    own.Add("panel_id", query.asked.panel_id);
    own.Add("user", query.asked.user);
  }
  writer.Raw("\n");
  std::string text;
  for (const std::string& block : writer.Take()) text += block;
  return text;
}

}  // namespace baro::collector
