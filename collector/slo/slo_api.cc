#include "slo/slo_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/slo/slo_file.h"
#include "http_api/answer.h"
#include "http_api/parameters.h"
#include "http_api/time_text.h"
#include "slo/slo_json.h"

namespace baro::collector {
namespace {

using slo::SloEngine;
using slo::SloStatus;
using Answer = absl::StatusOr<net::ServerResponse>;

constexpr size_t kTrendPoints = 30;
constexpr size_t kTrendPointsMax = 200;

struct SloApi {
  SloEngine* engine = nullptr;
  const base::Clock* clock = nullptr;
};

absl::Status Invalid(std::string_view name, std::string message) {
  return InvalidParameter(name, absl::InvalidArgumentError(std::move(message)));
}

absl::StatusOr<double> NumberParameter(const Parameters& parameters, std::string_view name,
                                       double fallback) {
  const std::string_view text = parameters.Get(name);
  if (text.empty()) return fallback;
  const std::optional<double> number = ParseNumber(text);
  if (!number || !std::isfinite(*number)) return Invalid(name, "expected a number");
  return *number;
}

absl::StatusOr<std::optional<double>> MaybeNumber(const Parameters& parameters,
                                                  std::string_view name) {
  if (parameters.Get(name).empty()) return std::optional<double>();
  BARO_TRY_ASSIGN(const double number, NumberParameter(parameters, name, 0));
  return std::optional<double>(number);
}

absl::StatusOr<size_t> SizeParameter(const Parameters& parameters, std::string_view name,
                                     size_t fallback, size_t max) {
  BARO_TRY_ASSIGN(const double number,
                  NumberParameter(parameters, name, static_cast<double>(fallback)));
  if (number < 0 || number != std::floor(number) || number > static_cast<double>(max)) {
    return Invalid(name, base::StrCat("expected a whole number up to ", max));
  }
  return static_cast<size_t>(number);
}

// label=NAME=VALUE, repeatable.
absl::StatusOr<model::Labels> GroupParameter(const Parameters& parameters) {
  model::Labels labels;
  for (const std::string& text : parameters.All("label")) {
    const size_t equal = text.find('=');
    if (equal == 0 || equal == std::string::npos) {
      return Invalid("label", base::StrCat("expected NAME=VALUE, found ", GoQuoted(text)));
    }
    labels.Set(text.substr(0, equal), text.substr(equal + 1));
  }
  return labels;
}

absl::StatusOr<int64_t> DurationParameter(const Parameters& parameters, std::string_view name,
                                          int64_t fallback_ms) {
  const std::string_view text = parameters.Get(name);
  if (text.empty()) return fallback_ms;
  const auto duration = ParseDurationMs(text);
  if (!duration.ok()) return InvalidParameter(name, duration.status());
  if (*duration <= 0 || *duration > slo::kWindowMaxMs) {
    return Invalid(name, "expected a duration of up to 400d");
  }
  return *duration;
}

// A time, or how long from now: 2h, -20m.
absl::StatusOr<int64_t> MomentParameter(const Parameters& parameters, std::string_view name,
                                        int64_t now_ms, std::optional<int64_t> fallback_ms) {
  const std::string_view text = parameters.Get(name);
  if (text.empty()) {
    if (!fallback_ms) return Invalid(name, "is needed");
    return *fallback_ms;
  }
  if (ParseNumber(text)) return ParseTimeMs(text);
  const bool ago = text.starts_with('-');
  const auto duration = ParseDurationMs(text.substr(ago ? 1 : 0));
  if (duration.ok()) return ago ? now_ms - *duration : now_ms + *duration;
  const auto time = ParseTimeMs(text);
  if (!time.ok()) return InvalidParameter(name, time.status());
  return *time;
}

std::string NameOf(const net::ServerRequest& request) {
  for (const auto& [name, value] : request.path_values) {
    if (name == "name") return value;
  }
  return "";
}

absl::StatusOr<std::shared_ptr<const SloStatus>> StatusOf(const SloApi& api,
                                                          const net::ServerRequest& request) {
  const std::string name = NameOf(request);
  auto status = api.engine->Find(name);
  if (status == nullptr) {
    return absl::NotFoundError(base::StrCat("there is no objective ", GoQuoted(name)));
  }
  return status;
}

bool Contains(const std::vector<std::string>& wanted, const std::string& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

// What `state=` asks for.
bool HasState(const slo::GroupStatus& group, const std::string& state) {
  if (state.empty() || state == SloStateName(group.state)) return true;
  if (state == "exhausted") return group.exhausted;
  return state == "firing" &&
         std::any_of(group.alerts.begin(), group.alerts.end(), [](const slo::SloAlert& alert) {
           return alert.state == slo::SloAlertState::kFiring;
         });
}

bool MatchesAny(const std::vector<std::vector<model::Matcher>>& selectors,
                const model::Labels& labels) {
  if (selectors.empty()) return true;
  return std::any_of(selectors.begin(), selectors.end(), [&](const auto& matchers) {
    return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
      return matcher.Matches(labels.Get(matcher.name()));
    });
  });
}

struct ListQuery {
  std::vector<std::string> names;
  std::vector<std::string> services;
  std::vector<std::string> owners;
  std::string state;
  std::vector<std::vector<model::Matcher>> selectors;
  size_t trend = kTrendPoints;
};

absl::StatusOr<ListQuery> ReadListQuery(const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY(parameters.form_error());
  ListQuery query;
  query.names = parameters.All("name");
  query.services = parameters.All("service");
  query.owners = parameters.All("owner");
  query.state = parameters.Get("state");
  for (const char* known : {"", "ok", "no_traffic", "no_data", "firing", "exhausted"}) {
    if (query.state == known) {
      BARO_TRY_ASSIGN(query.selectors, MatchParameters(parameters));
      BARO_TRY_ASSIGN(query.trend,
                      SizeParameter(parameters, "trend", kTrendPoints, kTrendPointsMax));
      return query;
    }
  }
  return Invalid("state", "expected ok, no_traffic, no_data, firing or exhausted");
}

// The status with those groups only that are asked for; null: none.
std::shared_ptr<const SloStatus> Chosen(const ListQuery& query,
                                        const std::shared_ptr<const SloStatus>& status,
                                        SloTrend* trend) {
  const slo::SloSpec& spec = *status->spec;
  if (!Contains(query.names, spec.name) || !Contains(query.services, spec.service) ||
      !Contains(query.owners, spec.owner)) {
    return nullptr;
  }
  if (query.state.empty() && query.selectors.empty()) return status;
  auto chosen = std::make_shared<SloStatus>(*status);
  chosen->groups.clear();
  SloTrend points;
  for (size_t i = 0; i < status->groups.size(); ++i) {
    const slo::GroupStatus& group = status->groups[i];
    model::Labels labels = group.labels;
    for (const auto& [name, value] : spec.labels) labels.Set(name, value);
    labels.Set("slo", spec.name);
    labels.Set("service", spec.service);
    if (!HasState(group, query.state) || !MatchesAny(query.selectors, labels)) continue;
    chosen->groups.push_back(group);
    if (trend->size() == status->groups.size()) points.push_back((*trend)[i]);
  }
  *trend = std::move(points);
  return chosen->groups.empty() ? nullptr : chosen;
}

Answer ListSlos(const SloApi& api, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const ListQuery query, ReadListQuery(request));
  JsonWriter writer = StartAnswer();
  int64_t evaluated_ms = 0;
  {
    JsonObject data(&writer);
    {
      JsonList list(data.Key("slos"));
      for (const auto& status : api.engine->List()) {
        evaluated_ms = std::max(evaluated_ms, status->evaluated_ms);
        SloTrend trend = api.engine->Trend(status->spec->name, query.trend);
        const auto chosen = Chosen(query, status, &trend);
        if (chosen != nullptr) WriteSlo(*chosen, trend, {}, false, list.Next());
      }
    }
    data.Add("evaluated_at", static_cast<double>(evaluated_ms) / 1000);
  }
  return FinishAnswer(&writer);
}

Answer GetSlo(const SloApi& api, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const auto status, StatusOf(api, request));
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const size_t points,
                  SizeParameter(parameters, "trend", kTrendPoints, kTrendPointsMax));
  JsonWriter writer = StartAnswer();
  WriteSlo(*status, api.engine->Trend(status->spec->name, points), api.engine->Exclusions(), true,
           &writer);
  return FinishAnswer(&writer);
}

Answer ExplainSlo(const SloApi& api, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const auto status, StatusOf(api, request));
  const Parameters parameters(request);
  const int64_t now_ms = api.clock->NowMs();
  slo::ExplainRequest ask;
  ask.slo = status->spec->name;
  BARO_TRY_ASSIGN(ask.end_ms, MomentParameter(parameters, "end", now_ms, now_ms));
  BARO_TRY_ASSIGN(const int64_t window_ms, DurationParameter(parameters, "window", slo::kHourMs));
  BARO_TRY_ASSIGN(ask.start_ms,
                  MomentParameter(parameters, "start", now_ms, ask.end_ms - window_ms));
  BARO_TRY_ASSIGN(ask.group, GroupParameter(parameters));
  BARO_TRY_ASSIGN(ask.limit, SizeParameter(parameters, "limit", 10, 1'000));
  BARO_TRY_ASSIGN(const slo::Explanation explanation, api.engine->Explain(ask));
  JsonWriter writer = StartAnswer();
  WriteExplanation(explanation, &writer);
  return FinishAnswer(&writer);
}

Answer ForecastSlo(const SloApi& api, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const auto status, StatusOf(api, request));
  const Parameters parameters(request);
  slo::ForecastRequest ask;
  ask.slo = status->spec->name;
  BARO_TRY_ASSIGN(ask.group, GroupParameter(parameters));
  BARO_TRY_ASSIGN(ask.horizon_ms, DurationParameter(parameters, "horizon", 0));
  BARO_TRY_ASSIGN(ask.points, SizeParameter(parameters, "points", 60, 1'000));
  BARO_TRY_ASSIGN(const auto forecasts, api.engine->Forecast(ask));
  JsonWriter writer = StartAnswer();
  {
    JsonObject data(&writer);
    JsonList list(data.Key("groups"));
    for (const slo::GroupForecast& forecast : forecasts) WriteForecast(forecast, list.Next());
  }
  return FinishAnswer(&writer);
}

absl::StatusOr<slo::BacktestRequest> ReadBacktest(const Parameters& parameters) {
  slo::BacktestRequest ask;
  BARO_TRY_ASSIGN(ask.group, GroupParameter(parameters));
  BARO_TRY_ASSIGN(ask.since_ms, DurationParameter(parameters, "since", 0));
  BARO_TRY_ASSIGN(ask.objective, MaybeNumber(parameters, "objective"));
  BARO_TRY_ASSIGN(ask.min_bad, MaybeNumber(parameters, "min_bad"));
  BARO_TRY_ASSIGN(ask.min_events, MaybeNumber(parameters, "min_events"));
  BARO_TRY_ASSIGN(ask.confidence, MaybeNumber(parameters, "confidence"));
  if (ask.objective && !(*ask.objective > 0 && *ask.objective < 100)) {
    return Invalid("objective", "expected percent, above 0 and below 100");
  }
  if (ask.confidence && !(*ask.confidence >= 0 && *ask.confidence < 1)) {
    return Invalid("confidence", "expected 0 (off) or more and below 1");
  }
  if (ask.objective) ask.objective = std::round(*ask.objective * 1e10) / 1e12;
  return ask;
}

net::ServerResponse BacktestAnswer(const slo::Backtest& backtest) {
  JsonWriter writer = StartAnswer();
  WriteBacktest(backtest, &writer);
  return FinishAnswer(&writer);
}

Answer BacktestSlo(const SloApi& api, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const auto status, StatusOf(api, request));
  BARO_TRY_ASSIGN(slo::BacktestRequest ask, ReadBacktest(Parameters(request)));
  ask.slo = status->spec->name;
  BARO_TRY_ASSIGN(const slo::Backtest backtest, api.engine->RunBacktest(ask));
  return BacktestAnswer(backtest);
}

// Of a file that is not loaded: the body.
Answer BacktestFile(const SloApi& api, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const slo::BacktestRequest ask, ReadBacktest(parameters));
  BARO_TRY_ASSIGN(const std::vector<slo::SloSpec> specs, slo::ParseSloFile(request.body, "body"));
  const std::string_view name = parameters.Get("name");
  if (name.empty() && specs.size() != 1) {
    return Invalid("name", base::StrCat("is needed: the file has ", specs.size(), " objectives"));
  }
  for (const slo::SloSpec& spec : specs) {
    if (!name.empty() && spec.name != name) continue;
    BARO_TRY_ASSIGN(const slo::Backtest backtest, api.engine->RunBacktest(spec, ask));
    return BacktestAnswer(backtest);
  }
  return absl::NotFoundError(
      base::StrCat("there is no objective ", GoQuoted(name), " in the file"));
}

Answer ListExclusions(const SloApi& api, const net::ServerRequest& request) {
  const Parameters parameters(request);
  const std::vector<std::string> slos = parameters.All("slo");
  JsonWriter writer = StartAnswer();
  {
    JsonObject data(&writer);
    JsonList list(data.Key("exclusions"));
    for (const slo::Exclusion& exclusion : api.engine->Exclusions()) {
      if (Contains(slos, exclusion.slo) || exclusion.slo == "*") {
        WriteExclusion(exclusion, list.Next());
      }
    }
  }
  return FinishAnswer(&writer);
}

Answer AddExclusion(const SloApi& api, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY(parameters.form_error());
  const int64_t now_ms = api.clock->NowMs();
  slo::Exclusion exclusion;
  exclusion.slo = parameters.Get("slo");
  exclusion.author = parameters.Get("author");
  exclusion.reason = parameters.Get("reason");
  if (exclusion.slo.empty()) return Invalid("slo", "is needed: a name, or *");
  BARO_TRY_ASSIGN(exclusion.from_ms, MomentParameter(parameters, "start", now_ms, now_ms));
  BARO_TRY_ASSIGN(exclusion.to_ms, MomentParameter(parameters, "end", now_ms, std::nullopt));
  BARO_TRY_ASSIGN(exclusion.labels, GroupParameter(parameters));
  BARO_TRY_ASSIGN(exclusion, api.engine->AddExclusion(std::move(exclusion)));
  JsonWriter writer = StartAnswer();
  WriteExclusion(exclusion, &writer);
  return FinishAnswer(&writer);
}

Answer DeleteExclusion(const SloApi& api, const net::ServerRequest& request) {
  BARO_TRY(api.engine->RemoveExclusion(NameOf(request)));
  return NoContentAnswer();
}

// Why a change should wait; empty: it need not.
std::vector<std::string> GateReasons(const SloStatus& status, const model::Labels& filter,
                                     double budget_min) {
  std::vector<std::string> reasons;
  if (!status.last_error.empty()) reasons.push_back(status.last_error);
  if (!status.evaluated) reasons.push_back("not evaluated yet");
  for (const slo::GroupStatus& group : status.groups) {
    const bool meant = std::all_of(filter.begin(), filter.end(), [&](const auto& label) {
      return group.labels.Get(label.name) == label.value;
    });
    if (!meant) continue;
    const std::string who = group.labels.empty() ? "" : base::StrCat(GroupText(group.labels), ": ");
    if (group.remaining < budget_min) {
      reasons.push_back(base::StrCat(who, "budget remaining ",
                                     std::round(group.remaining * 1e4) / 1e4, " is below ",
                                     budget_min));
    }
    if (group.state == slo::SloState::kNoData) reasons.push_back(base::StrCat(who, "no data"));
    for (const slo::SloAlert& alert : group.alerts) {
      if (alert.state != slo::SloAlertState::kFiring) continue;
      reasons.push_back(
          base::StrCat(who, alert.labels.Get("alertname"), " (", alert.severity, ") is firing"));
    }
  }
  return reasons;
}

Answer GateSlo(const SloApi& api, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const auto status, StatusOf(api, request));
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const model::Labels group, GroupParameter(parameters));
  BARO_TRY_ASSIGN(const double budget_min, NumberParameter(parameters, "budget_min", 0));
  const std::vector<std::string> reasons = GateReasons(*status, group, budget_min);
  JsonWriter writer = StartAnswer();
  {
    JsonObject data(&writer);
    data.Add("allowed", reasons.empty());
    JsonList list(data.Key("reasons"));
    for (const std::string& reason : reasons) list.Next()->String(reason);
  }
  return FinishAnswer(&writer);
}

}  // namespace

void AddSloRoutes(SloEngine* engine, const base::Clock* clock, net::HttpRouter* router) {
  const SloApi api{engine, clock};
  const auto add = [&](const char* method, const char* path, net::HttpLane lane,
                       Answer (*handler)(const SloApi&, const net::ServerRequest&)) {
    router->Handle({method}, path, lane, [api, handler](const net::ServerRequest& request) {
      auto answer = handler(api, request);
      return answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status());
    });
  };
  using enum net::HttpLane;
  add("GET", "/api/v1/baro/slo", kQuick, ListSlos);
  add("GET", "/api/v1/baro/slo/exclusions", kQuick, ListExclusions);
  add("POST", "/api/v1/baro/slo/exclusions", kQuick, AddExclusion);
  add("DELETE", "/api/v1/baro/slo/exclusions/{name}", kQuick, DeleteExclusion);
  add("POST", "/api/v1/baro/slo/backtest", kQuery, BacktestFile);
  add("GET", "/api/v1/baro/slo/{name}", kQuick, GetSlo);
  add("GET", "/api/v1/baro/slo/{name}/explain", kQuery, ExplainSlo);
  add("GET", "/api/v1/baro/slo/{name}/forecast", kQuery, ForecastSlo);
  add("GET", "/api/v1/baro/slo/{name}/backtest", kQuery, BacktestSlo);
  add("GET", "/api/v1/baro/slo/{name}/gate", kQuick, GateSlo);
}

}  // namespace baro::collector
