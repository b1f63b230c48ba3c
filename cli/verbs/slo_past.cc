// baro slo forecast, backtest, exclude and gate.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "api/document.h"
#include "api/json_walk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/form.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/alert_list.h"
#include "verbs/slo_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

std::string MomentText(double seconds) { return FormatTime(std::floor(seconds)); }

std::string InText(std::optional<double> at, const Session& session) {
  if (!at) return "not in sight";
  const double now = static_cast<double>(session.clock->NowMs()) / 1e3;
  if (*at <= now) return base::StrCat("gone since ", MomentText(*at));
  return base::StrCat("in ", FormatDuration(*at - now), ", ", MomentText(*at));
}

std::string ExclusionTime(dom::element exclusion, const char* name) {
  return MomentText(NumberMember(exclusion, name));
}

absl::Status ListExclusions(const SloExcludeArguments& arguments, Session* session) {
  Parameters parameters;
  if (!arguments.name.empty()) parameters.emplace_back("slo", arguments.name);
  BARO_TRY_ASSIGN(const auto page,
                  session->client->Page("/api/v1/baro/slo/exclusions", parameters));
  List list;
  list.table.columns = {{"ID", Align::kLeft, Cut::kLast},   {"SLO"}, {"FROM"}, {"TO"}, {"AUTHOR"},
                        {"REASON", Align::kLeft, Cut::kEnd}};
  dom::array exclusions;
  dom::element data = page->data();
  if (data.get(exclusions) != simdjson::SUCCESS &&
      data["exclusions"].get(exclusions) != simdjson::SUCCESS) {
    return BadAnswer("it has no exclusions");
  }
  for (const dom::element one : exclusions) {
    list.records.push_back(FlatRecord(one));
    list.table.rows.push_back({{Harmless(TextMember(one, "id"))},
                               {Harmless(TextMember(one, "slo")), Style::kBold},
                               {ExclusionTime(one, "from")},
                               {ExclusionTime(one, "to")},
                               {Harmless(TextMember(one, "author"))},
                               {Harmless(TextMember(one, "reason"))}});
  }
  session->is_empty = list.records.empty();
  if (list.records.empty()) {
    session->notes += "baro: nothing is excluded\n";
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  PrintList(list, session);
  return absl::OkStatus();
}

// A time, or how long from now: "2h" is no time of day.
absl::StatusOr<int64_t> EndOf(const std::string& text, int64_t now_ms) {
  const auto time_ms = ParseInstant(text, now_ms);
  const auto length_ms = ParseDuration(text);
  // Seconds since 1970 are both; a number that small means a length.
  if (time_ms.ok() && (!length_ms.ok() || *time_ms > now_ms / 2)) return *time_ms;
  if (length_ms.ok()) return now_ms + *length_ms;
  return time_ms.status();
}

absl::Status AddExclusion(const SloExcludeArguments& arguments, Session* session) {
  const int64_t now_ms = session->clock->NowMs();
  BARO_TRY_ASSIGN(const int64_t from_ms, ParseInstant(arguments.from, now_ms));
  BARO_TRY_ASSIGN(const int64_t to_ms, EndOf(arguments.to, now_ms));
  if (to_ms <= from_ms) return absl::InvalidArgumentError("--to must be after --from");
  Parameters parameters = {{"slo", arguments.name},
                           {"start", SecondsText(from_ms)},
                           {"end", SecondsText(to_ms)},
                           {"author", AuthorOr(arguments.author)},
                           {"reason", arguments.reason}};
  AddLabelParameters(arguments.labels, &parameters);
  BARO_TRY_ASSIGN(const auto page,
                  session->client->OrderPage("/api/v1/baro/slo/exclusions", parameters));
  base::StrAppend(&session->out, "excluded ", Harmless(TextMember(page->data(), "id")), ": ",
                  ExclusionTime(page->data(), "from"), " to ", ExclusionTime(page->data(), "to"),
                  " of ", Harmless(TextMember(page->data(), "slo")), "\n");
  return absl::OkStatus();
}

}  // namespace

absl::Status Run(const SloForecastArguments& arguments, Session* session) {
  Parameters parameters;
  if (!arguments.horizon.empty()) parameters.emplace_back("horizon", arguments.horizon);
  AddLabelParameters(arguments.labels, &parameters);
  BARO_TRY_ASSIGN(const auto page,
                  session->client->Page(SloPath(arguments.name, "forecast"), parameters));
  if (session->format() == Format::kJson) {
    base::StrAppend(&session->out, simdjson::minify(page->data()), "\n");
    return absl::OkStatus();
  }
  List list;
  list.table.columns = {{"GROUP"},
                        {"LEFT", Align::kPoint},
                        {"IF IT GOES ON AS"},
                        {"BURN", Align::kPoint},
                        {"BUDGET GONE", Align::kLeft, Cut::kEnd}};
  ForEachIn(page->data(), "groups", [&](dom::element group) {
    const std::string labels = GroupText(TextsMember(group, "labels"));
    const auto remaining = MaybeNumber(group, "remaining");
    ForEachIn(group, "scenarios", [&](dom::element scenario) {
      const auto at = MaybeNumber(scenario, "exhausted_at");
      list.records.push_back({{"group", SelectorText(TextsMember(group, "labels"))},
                              {"remaining", DigitsMember(group, "remaining")},
                              {"scenario", TextMember(scenario, "name")},
                              {"burn_rate", DigitsMember(scenario, "burn_rate")},
                              {"exhausted_at", DigitsMember(scenario, "exhausted_at")}});
      list.table.rows.push_back({{labels},
                                 {BudgetText(remaining), BudgetStyle(remaining)},
                                 {Harmless(TextMember(scenario, "name"))},
                                 {BurnText(NumberMember(scenario, "burn_rate"))},
                                 {InText(at, *session), at ? Style::kBad : Style::kGood}});
    });
  });
  session->is_empty = list.records.empty();
  PrintList(list, session);
  return absl::OkStatus();
}

absl::Status Run(const SloBacktestArguments& arguments, Session* session) {
  Parameters parameters;
  if (!arguments.since.empty()) parameters.emplace_back("since", arguments.since);
  if (!arguments.objective.empty()) parameters.emplace_back("objective", arguments.objective);
  AddLabelParameters(arguments.labels, &parameters);
  std::unique_ptr<Document> page;
  if (arguments.file.empty()) {
    BARO_TRY_ASSIGN(page, session->client->Page(SloPath(arguments.name, "backtest"), parameters));
  } else {
    std::ifstream file(arguments.file, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file) return absl::UnavailableError(base::StrCat("cannot read ", arguments.file));
    parameters.emplace_back("name", arguments.name);
    BARO_TRY_ASSIGN(page, session->client->PostText("/api/v1/baro/slo/backtest", parameters,
                                                    "application/yaml", std::move(text)));
  }
  if (session->format() == Format::kJson) {
    base::StrAppend(&session->out, simdjson::minify(page->data()), "\n");
    return absl::OkStatus();
  }
  List list;
  list.table.columns = {{"GROUP"},
                        {"SEVERITY"},
                        {"STARTED"},
                        {"LASTED", Align::kPoint},
                        {"PEAK", Align::kPoint},
                        {"BUDGET BEFORE", Align::kPoint},
                        {"AND AFTER", Align::kPoint}};
  std::string summary;
  ForEachIn(page->data(), "groups", [&](dom::element group) {
    const std::string labels = GroupText(TextsMember(group, "labels"));
    base::StrAppend(&summary, labels.empty() ? "all" : labels, ": SLI ",
                    PercentText(NumberMember(group, "sli")), " %, budget left ",
                    BudgetText(MaybeNumber(group, "remaining")), ", at least ",
                    BudgetText(MaybeNumber(group, "remaining_min")));
    ForEachIn(group, "severities", [&](dom::element severity) {
      base::StrAppend(&summary, ", ", DigitsMember(severity, "alerts"), " ",
                      Harmless(TextMember(severity, "severity")), " (",
                      FormatDuration(NumberMember(severity, "seconds")), ")");
    });
    summary += "\n";
    ForEachIn(group, "alerts", [&](dom::element alert) {
      Record record = {{"group", SelectorText(TextsMember(group, "labels"))}};
      for (Field& field : FlatRecord(alert)) record.push_back(std::move(field));
      list.records.push_back(std::move(record));
      const double start = NumberMember(alert, "start");
      const double end = NumberMember(alert, "end");
      list.table.rows.push_back({{labels},
                                 {Harmless(TextMember(alert, "severity"))},
                                 {MomentText(start)},
                                 {end > 0 ? FormatDuration(end - start) : "still"},
                                 {BurnText(NumberMember(alert, "peak_burn_rate"))},
                                 {BudgetText(MaybeNumber(alert, "remaining_at_start"))},
                                 {BudgetText(MaybeNumber(alert, "remaining_at_end"))}});
    });
  });
  session->is_firing = !list.records.empty();
  if (session->format() == Format::kTable) {
    session->out += summary;
    if (list.records.empty()) {
      session->out += "nothing would have been told\n";
      return absl::OkStatus();
    }
    session->out += "\n";
  }
  PrintList(list, session);
  return absl::OkStatus();
}

absl::Status Run(const SloExcludeArguments& arguments, Session* session) {
  if (arguments.action == "ls") return ListExclusions(arguments, session);
  if (arguments.action == "add") return AddExclusion(arguments, session);
  BARO_TRY(session->client->Delete(
      base::StrCat("/api/v1/baro/slo/exclusions/", net::EncodePercent(arguments.name))));
  base::StrAppend(&session->out, "counted again: ", Harmless(arguments.name), "\n");
  return absl::OkStatus();
}

absl::Status Run(const SloGateArguments& arguments, Session* session) {
  Parameters parameters;
  if (!arguments.budget_min.empty()) parameters.emplace_back("budget_min", arguments.budget_min);
  AddLabelParameters(arguments.labels, &parameters);
  List list;
  list.table.columns = {
      {"GATE"}, {"SLO", Align::kLeft, Cut::kLast}, {"REASONS", Align::kLeft, Cut::kEnd}};
  for (const std::string& name : arguments.names) {
    BARO_TRY_ASSIGN(const auto page, session->client->Page(SloPath(name, "gate"), parameters));
    const bool allowed = BoolMember(page->data(), "allowed");
    std::string reasons;
    ForEachIn(page->data(), "reasons", [&](dom::element reason) {
      std::string_view text;
      if (reason.get(text) == simdjson::SUCCESS) {
        base::StrAppend(&reasons, reasons.empty() ? "" : "; ", text);
      }
    });
    session->gate_closed |= !allowed;
    list.records.push_back(
        {{"slo", name}, {"allowed", allowed ? "true" : "false", false}, {"reasons", reasons}});
    list.table.rows.push_back({allowed ? Cell{"open", Style::kGood} : Cell{"closed", Style::kBad},
                               {Harmless(name), Style::kBold},
                               {Harmless(reasons)}});
  }
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
