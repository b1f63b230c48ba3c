// baro rules: how the rules in force fare; those that cannot be evaluated come first.

#include <re2/re2.h>

#include <algorithm>

#include "api/document.h"
#include "api/json_walk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "time_text.h"
#include "verbs/rule_list.h"
#include "verbs/verbs.h"

namespace baro::cli {

namespace dom = simdjson::dom;

absl::StatusOr<std::vector<LiveRule>> FetchRules(Session* session) {
  BARO_TRY_ASSIGN(const auto page, session->client->Page("/api/v1/rules", {}));
  std::vector<LiveRule> rules;
  ForEachIn(page->data(), "groups", [&](dom::element group) {
    ForEachIn(group, "rules", [&](dom::element object) {
      LiveRule& rule = rules.emplace_back();
      rule.name = TextMember(object, "name");
      rule.group = TextMember(group, "name");
      rule.file = TextMember(group, "file");
      rule.type = TextMember(object, "type");
      rule.state = TextMember(object, "state");
      rule.health = TextMember(object, "health");
      rule.last_error = TextMember(object, "lastError");
      rule.query = TextMember(object, "query");
      rule.interval_seconds = NumberMember(group, "interval");
      rule.evaluation_seconds = NumberMember(object, "evaluationTime");
      rule.last_evaluation = TextMember(object, "lastEvaluation");
      ForEachIn(object, "alerts", [&](dom::element alert) {
        ++(TextMember(alert, "state") == "firing" ? rule.firing : rule.pending);
      });
    });
  });
  return rules;
}

namespace {

Cell StateCell(const LiveRule& rule) {
  if (rule.health == "err") return {"fails", Style::kBad};
  if (rule.firing > 0) return {base::StrCat("firing ", rule.firing), Style::kBad};
  if (rule.pending > 0) return {base::StrCat("pending ", rule.pending), Style::kWarn};
  if (rule.health != "ok") return {"not yet", Style::kDim};
  return {"ok", Style::kGood};
}

int Rank(const LiveRule& rule) {
  if (rule.health == "err") return 0;
  if (rule.firing > 0) return 1;
  return rule.pending > 0 ? 2 : 3;
}

std::string AgoText(const std::string& time, int64_t now_ms) {
  const auto time_ms = ParseInstant(time, now_ms);
  if (time.starts_with("0001-") || !time_ms.ok()) return "never";
  return base::StrCat(FormatDuration(static_cast<double>(now_ms - *time_ms) / 1e3), " ago");
}

Record RecordOf(const LiveRule& rule) {
  return {{"name", rule.name},
          {"type", rule.type},
          {"state", rule.state},
          {"health", rule.health},
          {"error", rule.last_error},
          {"firing", base::StrCat(rule.firing), false},
          {"pending", base::StrCat(rule.pending), false},
          {"group", rule.group},
          {"file", rule.file},
          {"evaluation_seconds", base::StrCat(rule.evaluation_seconds), false},
          {"last_evaluation", rule.last_evaluation},
          {"query", rule.query}};
}

}  // namespace

absl::Status Run(const RulesArguments& arguments, Session* session) {
  const RE2 pattern(arguments.pattern, RE2::Quiet);
  if (!pattern.ok()) {
    return absl::InvalidArgumentError(base::StrCat("cannot read the pattern ", arguments.pattern));
  }
  BARO_TRY_ASSIGN(std::vector<LiveRule> rules, FetchRules(session));
  const size_t all = rules.size();
  std::erase_if(rules, [&](const LiveRule& rule) {
    return (arguments.failing && rule.health != "err") || !RE2::PartialMatch(rule.name, pattern);
  });
  std::stable_sort(rules.begin(), rules.end(),
                   [](const auto& a, const auto& b) { return Rank(a) < Rank(b); });
  List list;
  list.table.columns = {{"STATE"},
                        {"RULE", Align::kLeft, Cut::kLast},
                        {"GROUP"},
                        {"TOOK", Align::kPoint},
                        {"LAST RUN", Align::kPoint},
                        {"ERROR OR EXPRESSION", Align::kLeft, Cut::kEnd}};
  size_t failing = 0;
  for (const LiveRule& rule : rules) {
    if (rule.health == "err") ++failing;
    session->is_firing |= rule.firing > 0;
    list.records.push_back(RecordOf(rule));
    list.table.rows.push_back({StateCell(rule),
                               {Harmless(rule.name), Style::kBold},
                               {Harmless(rule.group)},
                               {FormatDuration(rule.evaluation_seconds)},
                               {AgoText(rule.last_evaluation, session->clock->NowMs())},
                               rule.last_error.empty()
                                   ? Cell{Harmless(rule.query), Style::kDim}
                                   : Cell{Harmless(rule.last_error), Style::kBad}});
  }
  session->is_empty = rules.empty();
  list.total = base::StrCat(rules.size(), " of ", all, " rules, ", failing, " fail");
  if (rules.empty()) {
    session->notes += all == 0 ? "baro: the server has no rules; rule_files: names them in its "
                                 "configuration\n"
                               : "baro: no rule matches\n";
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
