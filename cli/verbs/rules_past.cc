// baro rules backtest and backfill: rule files over a time that is past, evaluated by the
// collector, where the samples are.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "api/document.h"
#include "api/json_walk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/rules/rule_file.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

// A backfill goes in steps, so that its progress is seen and no request takes long.
constexpr int64_t kFillStepMs = 86'400'000;

// The files' texts; each is checked here, where its mistakes can be shown with their places.
absl::StatusOr<Parameters> FileParameters(const std::vector<std::string>& files) {
  Parameters parameters;
  for (const std::string& path : files) {
    BARO_TRY(rules::ReadRuleFile(path).status());
    std::ifstream file(path, std::ios::binary);
    // As the collector names it when it reads the same file: groups have the same phase then, and
    // what is recorded afterwards falls on the same times as what is recorded live.
    parameters.emplace_back("name", std::filesystem::absolute(path).lexically_normal().string());
    parameters.emplace_back("rules", std::string(std::istreambuf_iterator<char>(file), {}));
    if (!file) return absl::UnavailableError(base::StrCat("cannot read ", path));
  }
  return parameters;
}

struct Past {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
};

absl::StatusOr<Past> PastOf(const std::string& since, const std::string& from,
                            const std::string& to, int64_t now_ms) {
  Past past;
  BARO_TRY_ASSIGN(past.end_ms, ParseInstant(to, now_ms));
  if (from.empty()) {
    BARO_TRY_ASSIGN(const int64_t length_ms, ParseDuration(since));
    past.start_ms = past.end_ms - length_ms;
  } else {
    BARO_TRY_ASSIGN(past.start_ms, ParseInstant(from, now_ms));
  }
  if (past.end_ms > past.start_ms) return past;
  return absl::InvalidArgumentError("the end of the time is not after its start");
}

std::string SecondsLength(double seconds) { return FormatDuration(seconds); }

Cell FiredCell(double fired, double failures) {
  if (failures > 0 && fired == 0) return {"fails", Style::kBad};
  if (fired == 0) return {"0", Style::kGood};
  return {FormatOne(fired, Unit::kNone), Style::kWarn};
}

struct ToldAlert {
  double start = 0;
  double end = 0;  // 0: still
  std::string name;
  LabelSet labels;
};

// The rules, those that fired most first; then the alerts one by one.
void PrintRules(dom::element data, double days, Session* session, std::vector<ToldAlert>* alerts) {
  List list;
  list.table.columns = {{"FIRED", Align::kPoint},           {"A DAY", Align::kPoint},
                        {"FIRING", Align::kPoint},          {"LONGEST", Align::kPoint},
                        {"RULE", Align::kLeft, Cut::kLast}, {"GROUP"},
                        {"REMARK", Align::kLeft, Cut::kEnd}};
  std::vector<std::pair<double, std::vector<Cell>>> rows;
  ForEachIn(data, "rules", [&](dom::element rule) {
    if (TextMember(rule, "type") != "alerting") return;
    const double fired = NumberMember(rule, "fired");
    const double failures = NumberMember(rule, "failures");
    const std::string name = TextMember(rule, "name");
    list.records.push_back({{"rule", name},
                            {"group", TextMember(rule, "group")},
                            {"where", TextMember(rule, "where")},
                            {"severity", std::string(LabelValue(TextsMember(rule, "labels"),
                                                                "severity"))},
                            {"fired", DigitsMember(rule, "fired"), false},
                            {"firing_seconds", DigitsMember(rule, "firingSeconds"), false},
                            {"longest_seconds", DigitsMember(rule, "longestSeconds"), false},
                            {"evaluations", DigitsMember(rule, "evaluations"), false},
                            {"failures", DigitsMember(rule, "failures"), false},
                            {"error", TextMember(rule, "lastError")}});
    std::string remark;
    if (failures > 0) {
      remark = base::StrCat(FormatOne(failures, Unit::kNone),
                            " evaluations failed: ", TextMember(rule, "lastError"));
    }
    rows.push_back({-fired,
                    {FiredCell(fired, failures),
                     {fired > 0 ? FormatOne(fired / days, Unit::kNone) : ""},
                     {fired > 0 ? SecondsLength(NumberMember(rule, "firingSeconds")) : ""},
                     {fired > 0 ? SecondsLength(NumberMember(rule, "longestSeconds")) : ""},
                     {Harmless(name), Style::kBold},
                     {Harmless(TextMember(rule, "group"))},
                     {Harmless(remark), Style::kBad}}});
    ForEachIn(rule, "alerts", [&](dom::element alert) {
      alerts->push_back({NumberMember(alert, "start"), NumberMember(alert, "end"), name,
                         TextsMember(alert, "labels")});
    });
  });
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& row : rows) list.table.rows.push_back(std::move(row.second));
  session->is_firing = !alerts->empty();
  PrintList(list, session);
}

void PrintAlerts(std::vector<ToldAlert> alerts, int limit, Session* session) {
  std::stable_sort(alerts.begin(), alerts.end(),
                   [](const auto& a, const auto& b) { return a.start > b.start; });
  const size_t count = alerts.size();
  if (limit > 0 && count > static_cast<size_t>(limit)) alerts.resize(static_cast<size_t>(limit));
  List list;
  list.table.columns = {
      {"FIRED (UTC)"}, {"LASTED", Align::kPoint}, {"ALERT", Align::kLeft, Cut::kLast}, {"LABELS"}};
  for (const ToldAlert& alert : alerts) {
    LabelSet own;
    for (const auto& label : alert.labels) {
      if (label.first != "alertname") own.push_back(label);
    }
    std::string time = FormatTime(std::floor(alert.start));
    time.resize(std::min(time.find(" UTC"), time.size()));
    list.table.rows.push_back({{time},
                               {alert.end > 0 ? FormatDuration(alert.end - alert.start) : "still"},
                               {Harmless(alert.name), Style::kBold},
                               {SelectorText(own)}});
  }
  if (count > alerts.size()) list.total = base::StrCat(count - alerts.size(), " older ones more");
  session->out += "\n";
  PrintList(list, session);
}

}  // namespace

absl::Status Run(const RulesBacktestArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(Parameters parameters, FileParameters(arguments.files));
  BARO_TRY_ASSIGN(const Past past,
                  PastOf(arguments.since, arguments.from, arguments.to, session->clock->NowMs()));
  parameters.emplace_back("start", SecondsText(past.start_ms));
  parameters.emplace_back("end", SecondsText(past.end_ms));
  if (!arguments.step.empty()) parameters.emplace_back("step", arguments.step);
  BARO_TRY_ASSIGN(const auto page,
                  session->client->OrderPage("/api/v1/baro/rules/backtest", parameters));
  const double seconds = static_cast<double>(past.end_ms - past.start_ms) / 1e3;
  std::vector<ToldAlert> alerts;
  PrintRules(page->data(), seconds / 86'400, session, &alerts);
  if (session->format() != Format::kTable) return absl::OkStatus();
  if (!alerts.empty()) PrintAlerts(std::move(alerts), arguments.limit, session);
  base::StrAppend(&session->out, "\nover ", FormatDuration(seconds), ", from ",
                  FormatTime(static_cast<double>(past.start_ms / 1000)), " to ",
                  FormatTime(static_cast<double>(past.end_ms / 1000)), "; it took ",
                  FormatDuration(NumberMember(page->data(), "tookSeconds")), "\n");
  return absl::OkStatus();
}

absl::Status Run(const RulesBackfillArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const Parameters files, FileParameters(arguments.files));
  BARO_TRY_ASSIGN(const Past past,
                  PastOf(arguments.since, arguments.from, arguments.to, session->clock->NowMs()));
  if (!arguments.yes) {
    base::StrAppend(&session->out, "would record over ",
                    FormatDuration(static_cast<double>(past.end_ms - past.start_ms) / 1e3),
                    ", from ", FormatTime(static_cast<double>(past.start_ms / 1000)), " to ",
                    FormatTime(static_cast<double>(past.end_ms / 1000)),
                    "; --yes does it (and again changes nothing)\n");
    return absl::OkStatus();
  }
  double samples = 0;
  for (int64_t from_ms = past.start_ms; from_ms < past.end_ms; from_ms += kFillStepMs) {
    const int64_t to_ms = std::min(from_ms + kFillStepMs, past.end_ms);
    Parameters parameters = files;
    parameters.emplace_back("start", SecondsText(from_ms));
    parameters.emplace_back("end", SecondsText(to_ms));
    BARO_TRY_ASSIGN(const auto page,
                    session->client->OrderPage("/api/v1/baro/rules/backfill", parameters));
    ForEachIn(page->data(), "rules", [&](dom::element rule) {
      samples += NumberMember(rule, "samples");
      if (NumberMember(rule, "failures") == 0) return;
      session->failed = true;
      base::StrAppend(&session->notes, "baro: ", Harmless(TextMember(rule, "name")), ": ",
                      Harmless(TextMember(rule, "lastError")), "\n");
    });
    base::StrAppend(&session->out, "recorded to ", FormatTime(static_cast<double>(to_ms / 1000)),
                    ": ", FormatOne(samples, Unit::kNone), " samples\n");
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
