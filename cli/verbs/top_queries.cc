// baro top queries: what runs now, and what cost most of late, with the dashboards that asked.

#include <algorithm>

#include "api/plan.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "render/tall_table.h"
#include "time_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

constexpr size_t kRunningMax = 10;    // rows; the rest is counted
constexpr size_t kDashboardsMax = 2;  // named in a row; the rest is counted

// A query on one line: its line breaks and indentation are blanks.
std::string OneLine(std::string_view query) {
  std::string out;
  for (const char c : query) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank) out.push_back(c);
    if (blank && !out.empty() && out.back() != ' ') out.push_back(' ');
  }
  return Harmless(out);
}

std::string SourceName(const std::string& dashboard_uid, const std::string& panel_id) {
  if (dashboard_uid.empty()) return "";
  return panel_id.empty() ? dashboard_uid : base::StrCat(dashboard_uid, "/", panel_id);
}

std::string SourceNames(const std::vector<QueryCost::Source>& sources) {
  std::string out;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (i == kDashboardsMax) {
      return base::StrCat(Harmless(out), ", +", sources.size() - kDashboardsMax);
    }
    base::StrAppend(&out, i == 0 ? "" : ", ",
                    SourceName(sources[i].dashboard_uid, sources[i].panel_id));
  }
  return Harmless(out);
}

Table RunningTable(const std::vector<RunningQuery>& queries) {
  Table table;
  table.columns = {{"ID"},       {"FOR", Align::kPoint},
                   {"PHASE"},    {"SAMPLES", Align::kPoint},
                   {"ASKED BY"}, {"RUNNING NOW", Align::kLeft, Cut::kEnd}};
  for (const RunningQuery& query : queries) {
    if (table.rows.size() == kRunningMax) break;
    const std::string source = SourceName(query.dashboard_uid, query.panel_id);
    table.rows.push_back({{Harmless(query.id)},
                          {FormatDuration(query.since_seconds)},
                          {Harmless(query.phase)},
                          {FormatOne(query.samples, Unit::kNone)},
                          {Harmless(source.empty() ? query.client : source)},
                          {OneLine(query.query)}});
  }
  return table;
}

Table CostTable(const std::vector<QueryCost>& queries) {
  std::vector<double> seconds;
  for (const QueryCost& query : queries) seconds.push_back(query.seconds);
  const CommonScale scale = ChooseScale(Unit::kSeconds, seconds);
  Table table;
  table.columns = {{"TIME", Align::kPoint},
                   {"RUNS", Align::kPoint},
                   {"EACH", Align::kPoint},
                   {"SAMPLES", Align::kPoint},
                   {"MEMORY", Align::kPoint},
                   {"ERRORS", Align::kPoint},
                   {"DASHBOARD"},
                   {"QUERY", Align::kLeft, Cut::kEnd}};
  for (const QueryCost& query : queries) {
    const double each = query.count > 0 ? query.seconds / query.count : 0;
    table.rows.push_back(
        {{scale.common ? FormatScaled(query.seconds, scale.scale)
                       : FormatOne(query.seconds, Unit::kSeconds)},
         {FormatOne(query.count, Unit::kNone)},
         {FormatDuration(each)},
         {FormatOne(query.samples, Unit::kNone)},
         {FormatOne(query.memory_bytes_max, Unit::kBytes)},
         {FormatOne(query.errors, Unit::kNone), query.errors > 0 ? Style::kBad : Style::kPlain},
         {SourceNames(query.dashboards)},
         {OneLine(query.query)}});
  }
  return table;
}

std::vector<Record> AllRecords(const std::vector<RunningQuery>& running,
                               const std::vector<QueryCost>& costs) {
  std::vector<Record> records;
  for (const RunningQuery& query : running) {
    Record& record = records.emplace_back(query.record);
    record.insert(record.begin(), {"kind", "running"});
  }
  for (const QueryCost& query : costs) {
    Record& record = records.emplace_back(query.record);
    record.insert(record.begin(), {"kind", "past"});
    std::string names;
    for (const QueryCost::Source& source : query.dashboards) {
      base::StrAppend(&names, names.empty() ? "" : " ",
                      SourceName(source.dashboard_uid, source.panel_id));
    }
    record.push_back({"dashboards", names});
  }
  return records;
}

}  // namespace

absl::Status Run(const TopQueriesArguments& arguments, Session* session) {
  if (!arguments.cancel.empty()) {
    BARO_TRY(session->client->CancelQuery(arguments.cancel));
    base::StrAppend(&session->notes, "baro: the query ", Harmless(arguments.cancel), " ends\n");
    return absl::OkStatus();
  }
  BARO_TRY_ASSIGN(const int64_t since_ms, ParseDuration(arguments.since));
  BARO_TRY_ASSIGN(std::vector<RunningQuery> running, session->client->RunningQueries());
  BARO_TRY_ASSIGN(const std::vector<QueryCost> costs,
                  session->client->TopQueries(arguments.by, arguments.limit, since_ms));
  std::stable_sort(running.begin(), running.end(),
                   [](const auto& a, const auto& b) { return a.since_seconds > b.since_seconds; });
  session->is_empty = running.empty() && costs.empty();
  if (session->format() != Format::kTable) {
    PrintList({AllRecords(running, costs), {}, "", ""}, session);
    return absl::OkStatus();
  }
  if (!running.empty()) {
    PrintTall({{},
               RunningTable(running),
               "",
               running.size() > kRunningMax ? base::StrCat(running.size(), " run") : ""},
              {""}, session);
    session->out += "\n";
  }
  PrintTall({{},
             CostTable(costs),
             "",
             base::StrCat("most ", arguments.by, " in the last ", arguments.since, ", ",
                          running.size(), running.size() == 1 ? " runs now" : " run now")},
            {"in ", ""}, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
