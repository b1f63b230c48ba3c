// baro alerts: what fires, since when, and whether somebody looks after it.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "render/series_table.h"
#include "render/tall_table.h"
#include "time_text.h"
#include "verbs/alert_list.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// Labels that have columns of their own, or that nobody needs to tell alerts apart.
bool HasOwnColumn(std::string_view name) { return name == "alertname" || name == "severity"; }

// What tells this alert from others of its name, in as few words as possible.
std::string Differing(const LiveAlert& alert, const SharedLabels& shared) {
  std::string text;
  for (const auto& [name, value] : alert.labels) {
    const bool varies =
        std::find(shared.varying.begin(), shared.varying.end(), name) != shared.varying.end();
    if (!varies || HasOwnColumn(name)) continue;
    base::StrAppend(&text, text.empty() ? "" : " ", name, "=", value);
  }
  return Harmless(text);
}

std::string ValueText(const std::string& digits) {
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  return end == digits.c_str() ? "" : FormatOne(value, Unit::kNone);
}

std::string SinceText(const LiveAlert& alert, double now_seconds) {
  const double since = alert.fired_at > 0 ? alert.fired_at : alert.active_at;
  return since > 0 ? FormatDuration(now_seconds - since) : "";
}

Cell StateCell(const LiveAlert& alert) {
  if (alert.state != "firing") return {Harmless(alert.state), Style::kWarn};
  // It is over, and kept for a while (keep_firing_for).
  if (alert.keep_firing_since > 0) return {"ending", Style::kWarn};
  return {"firing", Style::kBad};
}

// Silences of Alertmanager by alert; an Alertmanager that is away is a remark, not an error.
struct Answers {
  std::map<std::string, std::string> by_id;  // "silenced", "inhibited"
};
Answers FetchAnswers(Session* session) {
  Answers answers;
  if (session->connect == nullptr) return answers;
  const auto found = FindAlertmanager(session);
  if (!found.ok()) {
    const bool none = session->options->alertmanager.empty() &&
                      found.status().message().find("configured") != absl::string_view::npos;
    if (!none) {
      base::StrAppend(&session->notes, "baro: silences are not known: ",
                      Harmless(base::FromAbsl(found.status().message())), "\n");
    }
    return answers;
  }
  const auto alerts = Alertmanager(found->transport).Alerts();
  if (!alerts.ok()) {
    base::StrAppend(&session->notes, "baro: silences are not known: ",
                    Harmless(base::FromAbsl(alerts.status().message())), "\n");
    return answers;
  }
  for (const AlertmanagerAlert& alert : *alerts) {
    if (!alert.silenced_by.empty()) answers.by_id[alert.fingerprint] = "silenced";
    if (alert.silenced_by.empty() && !alert.inhibited_by.empty()) {
      answers.by_id[alert.fingerprint] = "inhibited";
    }
  }
  return answers;
}

std::string AnswerText(const LiveAlert& alert, const Answers& answers) {
  if (!alert.acknowledged_by.empty()) return base::StrCat("ack ", Harmless(alert.acknowledged_by));
  const auto found = answers.by_id.find(alert.id);
  if (found != answers.by_id.end()) return found->second;
  // Nobody can tell whether it is over.
  return alert.health == "err" ? "rule fails" : "";
}

Record RecordOf(const LiveAlert& alert, const Answers& answers) {
  Record record = {{"id", alert.id},
                   {"state", alert.state},
                   {"alertname", alert.name},
                   {"labels", SelectorText(alert.labels)},
                   {"value", alert.value}};
  const auto time = [&](const char* name, double seconds) {
    if (seconds > 0) record.push_back({name, FormatTimeExact(seconds)});
  };
  time("active_at", alert.active_at);
  time("fired_at", alert.fired_at);
  record.push_back({"answer", AnswerText(alert, answers)});
  record.push_back({"group", alert.group});
  record.push_back({"where", alert.where});
  record.push_back({"health", alert.health});
  for (const auto& [name, value] : alert.labels) record.push_back({"label." + name, value});
  for (const auto& [name, value] : alert.annotations) {
    record.push_back({"annotation." + name, value});
  }
  return record;
}

void PrintFlat(const std::vector<LiveAlert>& alerts, const Answers& answers, Session* session) {
  std::vector<const LabelSet*> sets;
  for (const LiveAlert& alert : alerts) sets.push_back(&alert.labels);
  SharedLabels shared = ShareLabels(sets);
  std::erase_if(shared.common, [](const auto& label) { return HasOwnColumn(label.first); });
  List list;
  list.heading = alerts.size() > 1 ? SelectorText(shared.common) : "";
  if (alerts.size() == 1) {
    for (const auto& [name, value] : alerts[0].labels) shared.varying.push_back(name);
  }
  list.table.columns = {{"STATE"},
                        {"SEVERITY"},
                        {"ALERT", Align::kLeft, Cut::kLast},
                        {"FOR", Align::kPoint},
                        {"VALUE", Align::kPoint},
                        {"ANSWER"},
                        {"ID", Align::kLeft, Cut::kLast},
                        {"WHICH", Align::kLeft, Cut::kMiddle}};
  const double now_seconds = static_cast<double>(session->clock->NowMs()) / 1e3;
  for (const LiveAlert& alert : alerts) {
    list.records.push_back(RecordOf(alert, answers));
    list.table.rows.push_back(
        {StateCell(alert),
         {Harmless(LabelValue(alert.labels, "severity")), SeverityStyle(alert.labels)},
         {Harmless(alert.name), Style::kBold},
         {SinceText(alert, now_seconds)},
         {ValueText(alert.value)},
         {AnswerText(alert, answers)},
         {ShortId(alert.id), Style::kDim},
         {Differing(alert, shared)}});
  }
  const auto firing = std::count_if(alerts.begin(), alerts.end(),
                                    [](const auto& alert) { return alert.state == "firing"; });
  list.total =
      base::StrCat(firing, " firing, ", alerts.size() - static_cast<size_t>(firing), " pending");
  PrintTall(std::move(list), {""}, session);
}

// One value of the label that alerts are grouped by.
struct Group {
  size_t firing = 0;
  size_t pending = 0;
  size_t answered = 0;
  double since = 0;
  const LiveAlert* worst = nullptr;
  std::set<std::string> names;
};

std::string Joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) base::StrAppend(&text, text.empty() ? "" : ", ", name);
  return text;
}

void PrintGroups(const std::vector<LiveAlert>& alerts, const Answers& answers,
                 const std::string& label, Session* session) {
  std::map<std::string, Group> groups;
  for (const LiveAlert& alert : alerts) {
    Group& group = groups[std::string(LabelValue(alert.labels, label))];
    ++(alert.state == "firing" ? group.firing : group.pending);
    if (!AnswerText(alert, answers).empty()) ++group.answered;
    group.names.insert(alert.name);
    if (group.worst == nullptr) group.worst = &alert;  // they come sorted
    const double since = alert.fired_at > 0 ? alert.fired_at : alert.active_at;
    if (since > 0 && (group.since == 0 || since < group.since)) group.since = since;
  }
  std::vector<std::pair<std::string, const Group*>> order;
  for (const auto& [value, group] : groups) order.emplace_back(value, &group);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second->worst < b.second->worst; });
  List list;
  list.table.columns = {{Harmless(label)},
                        {"WORST"},
                        {"FIRING", Align::kPoint},
                        {"PENDING", Align::kPoint},
                        {"ANSWERED", Align::kPoint},
                        {"LONGEST", Align::kPoint},
                        {"ALERTS", Align::kLeft, Cut::kEnd}};
  const double now_seconds = static_cast<double>(session->clock->NowMs()) / 1e3;
  for (const auto& [value, group] : order) {
    const std::string severity(LabelValue(group->worst->labels, "severity"));
    list.records.push_back({{label, value},
                            {"severity", severity},
                            {"firing", base::StrCat(group->firing), false},
                            {"pending", base::StrCat(group->pending), false},
                            {"answered", base::StrCat(group->answered), false},
                            {"since", group->since > 0 ? FormatTimeExact(group->since) : ""},
                            {"alerts", Joined(group->names)}});
    list.table.rows.push_back(
        {value.empty() ? Cell{"(none)", Style::kDim} : Cell{Harmless(value), Style::kBold},
         {Harmless(severity), SeverityStyle(group->worst->labels)},
         {base::StrCat(group->firing), group->firing > 0 ? Style::kBad : Style::kPlain},
         {base::StrCat(group->pending)},
         {base::StrCat(group->answered)},
         {group->since > 0 ? FormatDuration(now_seconds - group->since) : ""},
         {Harmless(Joined(group->names))}});
  }
  list.total = base::StrCat(alerts.size(), " alerts in ", groups.size(), " groups");
  PrintList(list, session);
}

}  // namespace

absl::Status Run(const AlertsArguments& arguments, Session* session) {
  std::vector<SilenceMatcher> matchers;
  for (const std::string& text : arguments.matchers) {
    BARO_TRY_ASSIGN(matchers.emplace_back(), ParseMatcher(text));
  }
  BARO_TRY_ASSIGN(std::vector<LiveAlert> all, FetchAlerts(session));
  std::vector<LiveAlert> alerts;
  for (LiveAlert& alert : all) {
    if (!arguments.state.empty() && alert.state != arguments.state) continue;
    BARO_TRY_ASSIGN(const bool matches, MatchesAll(matchers, alert.labels));
    if (matches) alerts.push_back(std::move(alert));
  }
  session->is_empty = alerts.empty();
  session->is_firing = std::any_of(alerts.begin(), alerts.end(),
                                   [](const auto& alert) { return alert.state == "firing"; });
  if (alerts.empty()) {
    base::StrAppend(&session->notes, "baro: no alert ",
                    arguments.matchers.empty() && arguments.state.empty()
                        ? "fires or is pending\n"
                        : "matches; without matchers baro alerts shows all\n");
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  const Answers answers = alerts.empty() ? Answers() : FetchAnswers(session);
  if (!arguments.group_by.empty()) {
    PrintGroups(alerts, answers, arguments.group_by, session);
    return absl::OkStatus();
  }
  const size_t count = alerts.size();
  if (arguments.limit > 0 && count > static_cast<size_t>(arguments.limit)) {
    alerts.resize(static_cast<size_t>(arguments.limit));
    base::StrAppend(&session->notes, "baro: ", count - alerts.size(), " more of ", count,
                    " are left out by --limit ", arguments.limit, "\n");
  }
  PrintFlat(alerts, answers, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
