// baro slo ls, get and explain: how much budget is left, how fast it burns, who spends it.

#include <algorithm>
#include <cmath>

#include "api/document.h"
#include "api/json_walk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/slo_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

// What people act on first: what fires, what is spent, what cannot be judged.
Cell StateCell(dom::element slo, dom::element group) {
  bool firing = false;
  ForEachIn(group, "alerts",
            [&](dom::element alert) { firing |= TextMember(alert, "state") == "firing"; });
  if (firing) return {"firing", Style::kBad};
  if (TextMember(slo, "health") == "err") return {"fails", Style::kBad};
  const std::string state = TextMember(group, "state");
  if (state == "no_data") return {"no data", Style::kWarn};
  if (state == "no_traffic") return {"no traffic", Style::kDim};
  return {Harmless(state), Style::kGood};
}

std::optional<double> RemainingOf(dom::element group) {
  const auto budget = ObjectMember(group, "budget");
  return budget ? MaybeNumber(*budget, "remaining") : std::nullopt;
}

std::string BurnsText(dom::element group) {
  std::string text;
  ForEachIn(group, "burn", [&](dom::element burn) {
    const std::string window = TextMember(burn, "window");
    if (window != "5m" && window != "1h" && window != "6h") return;
    base::StrAppend(&text, text.empty() ? "" : " ", BurnText(NumberMember(burn, "burn_rate")));
  });
  return text;
}

struct Row {
  double order = 0;
  std::vector<Cell> cells;
  Record record;
};

Row RowOf(dom::element slo, dom::element group, double now_seconds) {
  const auto remaining = RemainingOf(group);
  const Cell state = StateCell(slo, group);
  Row row;
  row.order = remaining.value_or(2) - (state.style == Style::kBad ? 1'000 : 0);
  const std::string name = TextMember(slo, "name");
  row.cells = {state,
               {Harmless(name), Style::kBold},
               {GroupText(TextsMember(group, "labels"))},
               {PercentText(NumberMember(group, "objective"))},
               {Harmless(TextMember(slo, "window"))},
               {PercentText(NumberMember(group, "sli"))},
               {BudgetText(remaining), BudgetStyle(remaining)},
               {BurnsText(group)},
               {ExhaustionText(group, now_seconds)},
               {TrendText(group), Style::kDim}};
  row.record = {{"name", name},
                {"service", TextMember(slo, "service")},
                {"group", SelectorText(TextsMember(group, "labels"))},
                {"state", TextMember(group, "state")},
                {"firing", state.text == "firing" ? "true" : "false", false},
                {"objective", DigitsMember(group, "objective"), false},
                {"window", TextMember(slo, "window")},
                {"sli", DigitsMember(group, "sli"), false},
                {"good", DigitsMember(group, "good"), false},
                {"bad", DigitsMember(group, "bad"), false}};
  const auto budget = ObjectMember(group, "budget");
  row.record.push_back(
      {"budget_remaining", budget ? DigitsMember(*budget, "remaining") : "null", false});
  ForEachIn(group, "burn", [&](dom::element burn) {
    row.record.push_back({base::StrCat("burn_", TextMember(burn, "window")),
                          DigitsMember(burn, "burn_rate"), false});
  });
  // What is null in the answer is so here.
  for (Field& field : row.record) {
    if (!field.is_text && field.text.empty()) field.text = "null";
  }
  return row;
}

void PrintRows(std::vector<Row> rows, Session* session) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.order < b.order; });
  List list;
  list.table.columns = {{"STATE"},
                        {"SLO", Align::kLeft, Cut::kLast},
                        {"GROUP"},
                        {"TARGET %", Align::kPoint},
                        {"WINDOW"},
                        {"SLI %", Align::kPoint},
                        {"BUDGET", Align::kPoint},
                        {"BURN 5m 1h 6h"},
                        {"GONE"},
                        {"TREND", Align::kLeft, Cut::kEnd}};
  for (Row& row : rows) {
    session->is_firing |= row.cells[0].text == "firing";
    list.records.push_back(std::move(row.record));
    list.table.rows.push_back(std::move(row.cells));
  }
  PrintList(list, session);
}

void AddRows(dom::element slo, double now_seconds, Session* session, std::vector<Row>* rows) {
  ForEachIn(slo, "groups",
            [&](dom::element group) { rows->push_back(RowOf(slo, group, now_seconds)); });
  const std::string error = TextMember(slo, "last_error");
  if (!error.empty()) {
    base::StrAppend(&session->notes, "baro: ", Harmless(TextMember(slo, "name")), ": ",
                    Harmless(error), "\n");
  }
}

double NowSeconds(const Session& session) {
  return static_cast<double>(session.clock->NowMs()) / 1e3;
}

void PrintAlerts(dom::element slo, Session* session) {
  ForEachIn(slo, "groups", [&](dom::element group) {
    ForEachIn(group, "alerts", [&](dom::element alert) {
      base::StrAppend(&session->out, "\n",
                      Styled(session->screen, Style::kBad,
                             base::StrCat(Harmless(TextMember(alert, "alertname")), " (",
                                          Harmless(TextMember(alert, "severity")), ") ",
                                          Harmless(TextMember(alert, "state")))),
                      " ", GroupText(TextsMember(group, "labels")), " for ",
                      FormatDuration(NowSeconds(*session) - NumberMember(alert, "since")), ": ",
                      Harmless(TextMember(alert, "why")));
    });
  });
  session->out += "\n";
}

void PrintWindows(dom::element slo, Session* session) {
  List list;
  list.table.columns = {{"GROUP"},
                        {"WINDOW"},
                        {"SLI %", Align::kPoint},
                        {"BURN", Align::kPoint},
                        {"GOOD", Align::kPoint},
                        {"BAD", Align::kPoint}};
  ForEachIn(slo, "groups", [&](dom::element group) {
    ForEachIn(group, "burn", [&](dom::element burn) {
      const double rate = NumberMember(burn, "burn_rate");
      list.table.rows.push_back({{GroupText(TextsMember(group, "labels"))},
                                 {Harmless(TextMember(burn, "window"))},
                                 {PercentText(NumberMember(burn, "sli"))},
                                 {BurnText(rate), rate > 1 ? Style::kWarn : Style::kPlain},
                                 {FormatOne(NumberMember(burn, "good"), Unit::kNone)},
                                 {FormatOne(NumberMember(burn, "bad"), Unit::kNone)}});
    });
  });
  session->out += "\n";
  PrintList(list, session);
}

void PrintPolicies(dom::element slo, Session* session) {
  List list;
  list.table.columns = {
      {"SEVERITY"}, {"BURNS", Align::kPoint}, {"OVER"}, {"AND OVER"}, {"AN OUTAGE SHOWS AFTER"}};
  ForEachIn(slo, "policies", [&](dom::element policy) {
    list.table.rows.push_back({{Harmless(TextMember(policy, "severity"))},
                               {BurnText(NumberMember(policy, "burn_rate"))},
                               {Harmless(TextMember(policy, "long"))},
                               {Harmless(TextMember(policy, "short"))},
                               {Harmless(TextMember(policy, "detects_after"))}});
  });
  if (list.table.rows.empty()) return;
  session->out += "\n";
  PrintList(list, session);
}

// Labels by which something stands out.
void PrintSuspects(dom::element data, const char* list_name, const char* title, int limit,
                   Session* session) {
  List list;
  list.table.columns = {{title},
                        {"OF THE BAD", Align::kPoint},
                        {"OF ALL", Align::kPoint},
                        {"BAD", Align::kPoint},
                        {"FAILS", Align::kPoint},
                        {"ELSEWHERE", Align::kPoint}};
  ForEachIn(data, list_name, [&](dom::element suspect) {
    list.records.push_back({{"kind", list_name},
                            {"label", TextMember(suspect, "label")},
                            {"value", TextMember(suspect, "value")},
                            {"share", DigitsMember(suspect, "share"), false},
                            {"share_of_total", DigitsMember(suspect, "share_of_total"), false},
                            {"bad", DigitsMember(suspect, "bad"), false},
                            {"total", DigitsMember(suspect, "total"), false},
                            {"error_ratio", DigitsMember(suspect, "error_ratio"), false}});
    if (limit > 0 && list.table.rows.size() == static_cast<size_t>(limit)) return;
    const auto percent = [&](const char* name) {
      return Cell{base::StrCat(PercentText(NumberMember(suspect, name)), " %")};
    };
    list.table.rows.push_back(
        {{Harmless(base::StrCat(TextMember(suspect, "label"), "=", TextMember(suspect, "value"))),
          Style::kBold},
         percent("share"),
         percent("share_of_total"),
         {FormatOne(NumberMember(suspect, "bad"), Unit::kNone)},
         percent("error_ratio"),
         percent("error_ratio_elsewhere")});
  });
  if (list.records.empty()) return;
  if (session->format() == Format::kTable) session->out += "\n";
  PrintList(list, session);
}

}  // namespace

absl::Status Run(const SloListArguments& arguments, Session* session) {
  Parameters parameters;
  for (const std::string& name : arguments.names) parameters.emplace_back("name", name);
  if (!arguments.service.empty()) parameters.emplace_back("service", arguments.service);
  if (!arguments.state.empty()) parameters.emplace_back("state", arguments.state);
  parameters.emplace_back("trend", session->screen.columns >= 120 ? "30" : "12");
  BARO_TRY_ASSIGN(const auto page, session->client->Page("/api/v1/baro/slo", parameters));
  std::vector<Row> rows;
  ForEachIn(page->data(), "slos",
            [&](dom::element slo) { AddRows(slo, NowSeconds(*session), session, &rows); });
  session->is_empty = rows.empty();
  if (rows.empty()) {
    session->notes +=
        "baro: no objectives; slo_files: names them in the collector's "
        "configuration\n";
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  PrintRows(std::move(rows), session);
  return absl::OkStatus();
}

absl::Status Run(const SloGetArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const auto page, session->client->Page(SloPath(arguments.name, ""), {}));
  const dom::element slo = page->data();
  if (session->format() == Format::kJson) {  // all of it, as it came
    base::StrAppend(&session->out, simdjson::minify(slo), "\n");
    return absl::OkStatus();
  }
  std::vector<Row> rows;
  AddRows(slo, NowSeconds(*session), session, &rows);
  PrintRows(std::move(rows), session);
  if (session->format() != Format::kTable) return absl::OkStatus();
  PrintAlerts(slo, session);
  PrintWindows(slo, session);
  PrintPolicies(slo, session);
  base::StrAppend(&session->out, "\nservice ", Harmless(TextMember(slo, "service")), ", owner ",
                  Harmless(TextMember(slo, "owner")), ", ", Harmless(TextMember(slo, "file")), ":",
                  DigitsMember(slo, "line"), "\n");
  ForEachIn(slo, "warnings", [&](dom::element text) {
    std::string_view warning;
    if (text.get(warning) == simdjson::SUCCESS) {
      base::StrAppend(&session->notes, "baro: warning: ", Harmless(warning), "\n");
    }
  });
  return absl::OkStatus();
}

absl::Status Run(const SloExplainArguments& arguments, Session* session) {
  Parameters parameters = {{"window", arguments.window}, {"limit", base::StrCat(arguments.limit)}};
  AddLabelParameters(arguments.labels, &parameters);
  BARO_TRY_ASSIGN(const auto page,
                  session->client->Page(SloPath(arguments.name, "explain"), parameters));
  const dom::element data = page->data();
  session->is_empty = NumberMember(data, "bad") == 0;
  const bool table = session->format() == Format::kTable;
  if (session->format() == Format::kJson) {
    base::StrAppend(&session->out, simdjson::minify(data), "\n");
    return absl::OkStatus();
  }
  if (table) {
    base::StrAppend(&session->out,
                    Styled(session->screen, Style::kBold, Harmless(TextMember(data, "summary"))),
                    "\n", FormatOne(NumberMember(data, "bad"), Unit::kNone), " bad of ",
                    FormatOne(NumberMember(data, "total"), Unit::kNone), " in ",
                    Harmless(TextMember(data, "window")), ", which is ",
                    BudgetText(NumberMember(data, "budget_spent")), " of the budget\n");
  }
  PrintSuspects(data, "suspects", "SUSPECT", arguments.limit, session);
  PrintSuspects(data, "symptoms", "SYMPTOM", arguments.limit, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
