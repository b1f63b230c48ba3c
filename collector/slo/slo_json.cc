#include "slo/slo_json.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "baro/base/strings.h"

namespace baro::collector {
namespace {

using slo::DurationText;

double Seconds(int64_t time_ms) { return static_cast<double>(time_ms) / 1000; }

void AddNumber(std::string_view key, double value, JsonObject* object) {
  if (std::isfinite(value)) {
    object->Add(key, value);
  } else {
    object->Key(key)->Raw("null");
  }
}

void AddTime(std::string_view key, const std::optional<int64_t>& time_ms, JsonObject* object) {
  if (time_ms) {
    object->Add(key, Seconds(*time_ms));
  } else {
    object->Key(key)->Raw("null");
  }
}

template <typename Map>
void AddMap(std::string_view key, const Map& map, JsonObject* object) {
  JsonObject inner(object->Key(key));
  for (const auto& [name, value] : map) inner.Add(name, std::string_view(value));
}

void AddLabels(std::string_view key, const model::Labels& labels, JsonObject* object) {
  JsonObject inner(object->Key(key));
  for (const model::Label& label : labels) inner.Add(label.name, std::string_view(label.value));
}

void AddTexts(std::string_view key, const std::vector<std::string>& texts, JsonObject* object) {
  JsonList list(object->Key(key));
  for (const std::string& text : texts) list.Next()->String(text);
}

void WriteBudget(const slo::SloSpec& spec, const slo::GroupStatus& group, JsonObject* object) {
  JsonObject budget(object->Key("budget"));
  const double allowed = group.period.total * (1 - group.objective);
  AddNumber("remaining", group.remaining, &budget);
  AddNumber("bad_allowed", allowed, &budget);
  AddNumber("bad_left", allowed - group.period.bad, &budget);
  const double left_ms = std::max(0.0, group.remaining) * (1 - group.objective) *
                         static_cast<double>(spec.window.length_ms);
  budget.Add("time_left", DurationText(static_cast<int64_t>(left_ms / 1000) * 1000));
}

void WriteAlerts(const slo::GroupStatus& group, JsonObject* object) {
  JsonList list(object->Key("alerts"));
  for (const slo::SloAlert& alert : group.alerts) {
    JsonObject one(list.Next());
    one.Add("alertname", alert.labels.Get("alertname"));
    one.Add("severity", std::string_view(alert.severity));
    one.Add("state", alert.state == slo::SloAlertState::kFiring ? "firing" : "pending");
    one.Add("since", Seconds(alert.active_since_ms));
    one.Add("why", std::string_view(alert.why));
    AddLabels("labels", alert.labels, &one);
  }
}

void WriteGroup(const slo::SloSpec& spec, const slo::GroupStatus& group,
                const std::vector<slo::TrendPoint>* trend, JsonWriter* writer) {
  JsonObject object(writer);
  AddLabels("labels", group.labels, &object);
  object.Add("objective", group.objective);
  object.Add("state", SloStateName(group.state));
  AddNumber("sli", group.period.sli, &object);
  AddNumber("good", group.period.total - group.period.bad, &object);
  AddNumber("bad", group.period.bad, &object);
  AddNumber("total", group.period.total, &object);
  WriteBudget(spec, group, &object);
  {
    JsonList list(object.Key("burn"));
    for (const slo::WindowStatus& window : group.windows) {
      JsonObject one(list.Next());
      one.Add("window", DurationText(window.window_ms));
      AddNumber("sli", window.sli, &one);
      AddNumber("burn_rate", window.burn_rate, &one);
      AddNumber("good", window.total - window.bad, &one);
      AddNumber("bad", window.bad, &one);
    }
  }
  if (group.exhausted_ms) {
    JsonObject one(object.Key("exhaustion"));
    one.Add("at", Seconds(*group.exhausted_ms));
    one.Add("passed", group.exhausted);
  } else {
    object.Key("exhaustion")->Raw("null");
  }
  WriteAlerts(group, &object);
  JsonList points(object.Key("trend"));
  if (trend == nullptr) return;
  for (const slo::TrendPoint& point : *trend) {
    if (point.remaining && std::isfinite(*point.remaining)) {
      points.Next()->Number(*point.remaining);
    } else {
      points.Next()->Raw("null");
    }
  }
}

void WriteDetails(const slo::SloStatus& status, std::span<const slo::Exclusion> exclusions,
                  JsonObject* object) {
  const slo::SloSpec& spec = *status.spec;
  {
    JsonList list(object->Key("policies"));
    for (const slo::PolicySpec& policy : spec.alerting.policies) {
      JsonObject one(list.Next());
      one.Add("severity", std::string_view(policy.severity));
      one.Add("burn_rate", policy.burn_rate);
      one.Add("long", DurationText(policy.long_ms));
      one.Add("short", DurationText(policy.short_ms));
      one.Add("for", DurationText(policy.hold_ms));
      // Of a total outage: f·W·(1−T)/e with e = 1.
      const double detected_ms =
          policy.burn_rate * (1 - spec.objective) * static_cast<double>(policy.long_ms);
      const auto rounded_ms = static_cast<int64_t>(std::ceil(detected_ms / 1000)) * 1000;
      one.Add("detects_after", DurationText(rounded_ms + policy.hold_ms));
    }
  }
  {
    JsonObject guards(object->Key("guards"));
    guards.Add("min_bad", spec.alerting.guards.min_bad);
    guards.Add("min_events", spec.alerting.guards.min_events);
    guards.Add("confidence", spec.alerting.guards.confidence);
  }
  {
    JsonObject sli(object->Key("sli"));
    AddTexts("bad", spec.sli.texts.bad, &sli);
    AddTexts("good", spec.sli.texts.good, &sli);
    AddTexts("total", spec.sli.texts.total, &sli);
  }
  JsonList list(object->Key("exclusions"));
  for (const slo::Exclusion& exclusion : exclusions) {
    if (exclusion.slo == spec.name || exclusion.slo == "*") WriteExclusion(exclusion, list.Next());
  }
}

void WriteSuspects(std::string_view key, const std::vector<slo::Suspect>& suspects,
                   JsonObject* object) {
  JsonList list(object->Key(key));
  for (const slo::Suspect& suspect : suspects) {
    JsonObject one(list.Next());
    one.Add("label", std::string_view(suspect.label));
    one.Add("value", std::string_view(suspect.value));
    AddNumber("bad", suspect.bad, &one);
    AddNumber("total", suspect.total, &one);
    AddNumber("share", suspect.share, &one);
    AddNumber("share_of_total", suspect.share_of_total, &one);
    AddNumber("error_ratio", suspect.error_ratio, &one);
    AddNumber("error_ratio_elsewhere", suspect.error_ratio_elsewhere, &one);
    AddNumber("score", suspect.score, &one);
  }
}

void WriteBacktestGroup(const slo::GroupBacktest& group, JsonWriter* writer) {
  JsonObject object(writer);
  AddLabels("labels", group.labels, &object);
  object.Add("objective", group.objective);
  AddNumber("good", group.total - group.bad, &object);
  AddNumber("bad", group.bad, &object);
  AddNumber("sli", group.total > 0 ? 1 - group.bad / group.total : 1, &object);
  AddNumber("remaining", group.remaining, &object);
  AddNumber("remaining_min", group.remaining_min, &object);
  AddNumber("exhausted_seconds", group.exhausted_seconds, &object);
  std::map<std::string, std::pair<int64_t, double>> severities;
  for (const slo::BacktestAlert& alert : group.alerts) {
    auto& [count, seconds] = severities[alert.severity];
    ++count;
    seconds += Seconds(alert.end_ms - alert.start_ms);
  }
  {
    JsonList list(object.Key("severities"));
    for (const auto& [severity, sums] : severities) {
      JsonObject one(list.Next());
      one.Add("severity", std::string_view(severity));
      one.Add("alerts", sums.first);
      one.Add("seconds", sums.second);
    }
  }
  JsonList list(object.Key("alerts"));
  for (const slo::BacktestAlert& alert : group.alerts) {
    JsonObject one(list.Next());
    one.Add("severity", std::string_view(alert.severity));
    one.Add("start", Seconds(alert.start_ms));
    one.Add("end", Seconds(alert.end_ms));
    AddNumber("peak_burn_rate", alert.peak_burn_rate, &one);
    AddNumber("remaining_at_start", alert.remaining_at_start, &one);
    AddNumber("remaining_at_end", alert.remaining_at_end, &one);
  }
}

}  // namespace

std::string GroupText(const model::Labels& labels) {
  std::string text;
  for (const model::Label& label : labels) {
    base::StrAppend(&text, text.empty() ? "" : ",", label.name, "=", label.value);
  }
  return text;
}

void WriteSlo(const slo::SloStatus& status, const SloTrend& trend,
              std::span<const slo::Exclusion> exclusions, bool with_details, JsonWriter* writer) {
  const slo::SloSpec& spec = *status.spec;
  JsonObject object(writer);
  object.Add("name", std::string_view(spec.name));
  object.Add("service", std::string_view(spec.service));
  object.Add("owner", std::string_view(spec.owner));
  object.Add("description", std::string_view(spec.description));
  object.Add("objective", spec.objective);
  object.Add("window", DurationText(spec.window.length_ms));
  object.Add("window_kind", WindowKindName(spec.window.kind));
  object.Add("sli_kind", SliKindName(spec.sli.kind));
  AddTexts("group_by", spec.group_by, &object);
  AddMap("labels", spec.labels, &object);
  object.Add("file", std::string_view(spec.file));
  object.Add("line", spec.line);
  object.Add("health", !status.last_error.empty() ? "err" : status.evaluated ? "ok" : "unknown");
  object.Add("last_error", std::string_view(status.last_error));
  AddTexts("warnings", status.warnings, &object);
  object.Add("backfilling", status.backfilling);
  object.Add("evaluated_at", Seconds(status.evaluated_ms));
  object.Add("evaluation_seconds", status.evaluation_seconds);
  object.Add("groups_refused", status.groups_refused);
  object.Add("memory_bytes", status.memory_bytes);
  if (with_details) WriteDetails(status, exclusions, &object);
  JsonList list(object.Key("groups"));
  for (size_t i = 0; i < status.groups.size(); ++i) {
    // Groups may have come or gone since the trend was asked for.
    const bool same = trend.size() == status.groups.size();
    WriteGroup(spec, status.groups[i], same ? &trend[i] : nullptr, list.Next());
  }
}

void WriteExclusion(const slo::Exclusion& exclusion, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("id", std::string_view(exclusion.id));
  object.Add("slo", std::string_view(exclusion.slo));
  object.Add("from", Seconds(exclusion.from_ms));
  object.Add("to", Seconds(exclusion.to_ms));
  object.Add("author", std::string_view(exclusion.author));
  object.Add("reason", std::string_view(exclusion.reason));
  object.Add("source", exclusion.from_file ? "file" : "api");
  AddLabels("labels", exclusion.labels, &object);
}

void WriteExplanation(const slo::Explanation& explanation, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("window", DurationText(explanation.end_ms - explanation.start_ms));
  object.Add("start", Seconds(explanation.start_ms));
  object.Add("end", Seconds(explanation.end_ms));
  AddNumber("bad", explanation.bad, &object);
  AddNumber("total", explanation.total, &object);
  AddNumber("budget_spent", explanation.budget_spent, &object);
  object.Add("summary", std::string_view(explanation.summary));
  if (explanation.together.empty()) {
    object.Key("together")->Raw("null");
  } else {
    JsonObject together(object.Key("together"));
    AddLabels("labels", explanation.together, &together);
    AddNumber("bad", explanation.together_bad, &together);
    AddNumber("total", explanation.together_total, &together);
    AddNumber("share", explanation.together_bad / explanation.bad, &together);
    AddNumber(
        "error_ratio",
        explanation.together_total > 0 ? explanation.together_bad / explanation.together_total : 1,
        &together);
  }
  WriteSuspects("suspects", explanation.suspects, &object);
  WriteSuspects("symptoms", explanation.symptoms, &object);
}

void WriteForecast(const slo::GroupForecast& forecast, JsonWriter* writer) {
  JsonObject object(writer);
  AddLabels("labels", forecast.labels, &object);
  AddNumber("remaining", forecast.remaining, &object);
  {
    JsonList list(object.Key("scenarios"));
    for (const slo::ForecastScenario& scenario : forecast.scenarios) {
      JsonObject one(list.Next());
      one.Add("name", base::StrCat("last ", DurationText(scenario.window_ms)));
      AddNumber("burn_rate", scenario.burn_rate, &one);
      AddTime("exhausted_at", scenario.exhausted_ms, &one);
    }
  }
  AddTime("exhausted_at", forecast.exhausted_ms, &object);
  JsonList list(object.Key("points"));
  for (const slo::ForecastPoint& point : forecast.points) {
    JsonObject one(list.Next());
    one.Add("at", Seconds(point.time_ms));
    AddNumber("low", point.low, &one);
    AddNumber("expected", point.expected, &one);
    AddNumber("high", point.high, &one);
  }
}

void WriteBacktest(const slo::Backtest& backtest, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("name", std::string_view(backtest.name));
  object.Add("objective", backtest.objective);
  object.Add("start", Seconds(backtest.start_ms));
  object.Add("end", Seconds(backtest.end_ms));
  object.Add("step", DurationText(backtest.step_ms));
  JsonList list(object.Key("groups"));
  for (const slo::GroupBacktest& group : backtest.groups) {
    WriteBacktestGroup(group, list.Next());
  }
}

}  // namespace baro::collector
