#include "rules/rules_api.h"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"
#include "http_api/time_text.h"

namespace baro::collector {
namespace {

using rules::ActiveAlert;
using rules::GroupStatus;
using rules::RuleStatus;

constexpr int64_t kNsPerSecond = 1'000'000'000;

// RFC 3339 with as many digits of the second as it takes; 0 is Go's zero time.
std::string GoTime(int64_t time_ns) {
  if (time_ns == 0) return "0001-01-01T00:00:00Z";
  int64_t fraction = time_ns % kNsPerSecond;
  if (fraction < 0) fraction += kNsPerSecond;
  std::string text = FormatRfc3339((time_ns - fraction) / 1'000'000).substr(0, 19);
  if (fraction != 0) {
    std::string digits = std::to_string(fraction);
    digits.insert(0, 9 - digits.size(), '0');
    while (digits.back() == '0') digits.pop_back();
    base::StrAppend(&text, ".", digits);
  }
  return text + "Z";
}

// strconv.FormatFloat(value, 'e', -1, 64)
std::string GoExponent(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  return std::string(buffer, end.ptr);
}

double Seconds(int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

template <typename Map>
void WriteMap(const Map& map, JsonWriter* writer) {
  JsonObject object(writer);
  for (const auto& [name, value] : map) object.Add(name, std::string_view(value));
}

void WriteAlert(const ActiveAlert& alert, JsonWriter* writer) {
  JsonObject object(writer);
  object.Key("labels")->Labels(alert.labels);
  WriteMap(alert.annotations, object.Key("annotations"));
  object.Add("state", AlertStateName(alert.state));
  object.Add("activeAt", GoTime(alert.active_at_ns));
  if (alert.keep_firing_since_ns != 0) {
    object.Add("keepFiringSince", GoTime(alert.keep_firing_since_ns));
  }
  object.Add("value", GoExponent(alert.value));
}

void WriteAlerts(const std::vector<ActiveAlert>& alerts, JsonWriter* writer) {
  JsonList list(writer);
  for (const ActiveAlert& alert : alerts) WriteAlert(alert, list.Next());
}

// What Barograph adds to a rule; only where it is used.
void WriteAdditions(const rules::RuleSpec& spec, JsonObject* object) {
  if (spec.hold_of > 0) {
    JsonObject hold(object->Key("for"));
    hold.Add("of", spec.hold_of);
    hold.Add("atLeast", spec.hold_at_least);
  }
  if (spec.no_data != rules::NoData::kOk) object->Add("noData", NoDataName(spec.no_data));
  if (!spec.resolve_query.empty()) {
    object->Add("resolveQuery", std::string_view(spec.resolve_query));
  }
}

void WriteRule(const RuleStatus& rule, bool with_alerts, JsonWriter* writer) {
  JsonObject object(writer);
  const rules::RuleSpec& spec = rule.spec;
  if (spec.alerting) object.Add("state", AlertStateName(rule.state));
  object.Add("name", std::string_view(spec.name));
  object.Add("query", std::string_view(spec.query));
  if (spec.alerting) {
    object.Add("duration", Seconds(spec.hold_ms));
    object.Add("keepFiringFor", Seconds(spec.keep_firing_for_ms));
  }
  if (spec.alerting || !spec.written_labels.empty()) {
    WriteMap(spec.written_labels, object.Key("labels"));
  }
  if (spec.alerting) {
    WriteMap(spec.annotations, object.Key("annotations"));
    if (with_alerts) {
      WriteAlerts(rule.alerts, object.Key("alerts"));
    } else {
      object.Key("alerts")->Raw("null");
    }
  }
  object.Add("health", HealthName(rule.health));
  if (!rule.last_error.empty()) object.Add("lastError", std::string_view(rule.last_error));
  object.Add("evaluationTime", rule.evaluation_seconds);
  object.Add("lastEvaluation", GoTime(rule.last_evaluation_ns));
  object.Add("type", spec.alerting ? "alerting" : "recording");
  WriteAdditions(spec, &object);
}

void WriteGroup(const GroupStatus& group, const std::vector<const RuleStatus*>& chosen,
                bool with_alerts, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("name", std::string_view(group.name));
  object.Add("file", std::string_view(group.file));
  {
    JsonList list(object.Key("rules"));
    for (const RuleStatus* rule : chosen) WriteRule(*rule, with_alerts, list.Next());
  }
  object.Add("interval", Seconds(group.interval_ms));
  object.Add("limit", group.limit);
  object.Add("evaluationTime", group.evaluation_seconds);
  object.Add("lastEvaluation", GoTime(group.last_evaluation_ns));
}

// The request's filters and its page.
struct Query {
  bool alerting = true;
  bool recording = true;
  bool with_alerts = true;
  std::set<std::string> names;
  std::set<std::string> groups;
  std::set<std::string> files;
  std::vector<std::vector<model::Matcher>> selectors;
  size_t group_limit = 0;  // 0: no pages
  std::string next_token;
};

std::set<std::string> SetOf(std::vector<std::string> values) {
  return {std::make_move_iterator(values.begin()), std::make_move_iterator(values.end())};
}

absl::Status Invalid(std::string_view name, std::string message) {
  return InvalidParameter(name, absl::InvalidArgumentError(std::move(message)));
}

// strconv.ParseBool
absl::StatusOr<bool> ParseBool(const std::string& text) {
  for (const char* yes : {"1", "t", "true"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"", "0", "f", "false"}) {
    if (text == no) return false;
  }
  return Invalid("exclude_alerts",
                 base::StrCat("error converting exclude_alerts: strconv.ParseBool: parsing ",
                              GoQuoted(text), ": invalid syntax"));
}

absl::Status ReadPage(const Parameters& parameters, Query* query) {
  const std::string limit(parameters.Get("group_limit"));
  query->next_token = parameters.Get("group_next_token");
  if (limit.empty()) {
    if (query->next_token.empty()) return absl::OkStatus();
    return Invalid("group_next_token",
                   "group_limit needs to be present in order to paginate over the groups");
  }
  int64_t number = 0;
  const char* begin = limit.data() + (limit[0] == '+' ? 1 : 0);
  const auto end = std::from_chars(begin, limit.data() + limit.size(), number);
  const bool out_of_range =
      end.ec == std::errc::result_out_of_range || number > INT32_MAX || number < INT32_MIN;
  if (end.ec == std::errc::invalid_argument || end.ptr != limit.data() + limit.size() ||
      out_of_range) {
    return Invalid(
        "group_limit",
        base::StrCat("group_limit needs to be a valid number: strconv.ParseInt: parsing ",
                     GoQuoted(limit), out_of_range ? ": value out of range" : ": invalid syntax"));
  }
  if (number <= 0) return Invalid("group_limit", "group_limit needs to be greater than 0");
  query->group_limit = static_cast<size_t>(number);
  return absl::OkStatus();
}

absl::StatusOr<Query> ReadQuery(const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY(parameters.form_error());
  Query query;
  query.names = SetOf(parameters.All("rule_name[]"));
  query.groups = SetOf(parameters.All("rule_group[]"));
  query.files = SetOf(parameters.All("file[]"));
  BARO_TRY_ASSIGN(query.selectors, MatchParameters(parameters));
  std::string type(parameters.Get("type"));
  absl::AsciiStrToLower(&type);
  if (!type.empty() && type != "alert" && type != "record") {
    return Invalid("type", base::StrCat("not supported value ", GoQuoted(type)));
  }
  query.alerting = type != "record";
  query.recording = type != "alert";
  std::string exclude(parameters.Get("exclude_alerts"));
  absl::AsciiStrToLower(&exclude);
  BARO_TRY_ASSIGN(const bool without_alerts, ParseBool(exclude));
  query.with_alerts = !without_alerts;
  BARO_TRY(ReadPage(parameters, &query));
  return query;
}

bool Matches(const Query& query, const model::Labels& labels) {
  if (query.selectors.empty()) return true;
  return std::any_of(query.selectors.begin(), query.selectors.end(), [&](const auto& matchers) {
    return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
      return matcher.Matches(labels.Get(matcher.name()));
    });
  });
}

std::vector<const RuleStatus*> Chosen(const Query& query, const GroupStatus& group) {
  std::vector<const RuleStatus*> chosen;
  for (const RuleStatus& rule : group.rules) {
    if (!query.names.empty() && !query.names.contains(rule.spec.name)) continue;
    if (!(rule.spec.alerting ? query.alerting : query.recording)) continue;
    if (Matches(query, rule.spec.labels)) chosen.push_back(&rule);
  }
  return chosen;
}

// Where the next page begins; opaque to clients.
std::string TokenOf(const GroupStatus& group) {
  const std::string text = base::StrCat(group.file, ";", group.name);
  std::string token;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    uint64_t hash = XXH64(text.data(), text.size(), seed);
    for (int i = 0; i < 16; ++i, hash >>= 4) token += "0123456789abcdef"[hash & 15];
  }
  return token;
}

// All groups, sorted by file and name.
std::vector<GroupStatus> AllGroups(const rules::RuleEngine& engine, const MoreGroups& more) {
  std::vector<GroupStatus> groups = engine.Groups();
  if (!more) return groups;
  std::vector<GroupStatus> others = more();
  groups.insert(groups.end(), std::make_move_iterator(others.begin()),
                std::make_move_iterator(others.end()));
  std::stable_sort(groups.begin(), groups.end(), [](const GroupStatus& a, const GroupStatus& b) {
    return std::pair(a.file, a.name) < std::pair(b.file, b.name);
  });
  return groups;
}

absl::StatusOr<net::ServerResponse> ListRules(const rules::RuleEngine& engine,
                                              const MoreGroups& more,
                                              const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const Query query, ReadQuery(request));
  bool found_token = query.next_token.empty() || query.group_limit == 0;
  std::string next_token;
  size_t written = 0;
  JsonWriter writer = StartAnswer();
  {
    JsonObject data(&writer);
    {
      JsonList list(data.Key("groups"));
      for (const GroupStatus& group : AllGroups(engine, more)) {
        found_token = found_token || query.next_token == TokenOf(group);
        if (!found_token) continue;
        if (!query.groups.empty() && !query.groups.contains(group.name)) continue;
        if (!query.files.empty() && !query.files.contains(group.file)) continue;
        const std::vector<const RuleStatus*> chosen = Chosen(query, group);
        if (chosen.empty()) continue;
        if (query.group_limit > 0 && written == query.group_limit) {
          next_token = TokenOf(group);
          break;
        }
        ++written;
        WriteGroup(group, chosen, query.with_alerts, list.Next());
      }
    }
    if (!next_token.empty()) data.Add("groupNextToken", std::string_view(next_token));
  }
  if (!found_token) {
    return Invalid("group_next_token", base::StrCat("invalid group_next_token '", query.next_token,
                                                    "'. were rule groups changed?"));
  }
  return FinishAnswer(&writer);
}

net::ServerResponse ListAlerts(const rules::RuleEngine& engine, const MoreGroups& more) {
  JsonWriter writer = StartAnswer();
  {
    JsonObject data(&writer);
    JsonList list(data.Key("alerts"));
    for (const GroupStatus& group : AllGroups(engine, more)) {
      for (const RuleStatus& rule : group.rules) {
        for (const ActiveAlert& alert : rule.alerts) WriteAlert(alert, list.Next());
      }
    }
  }
  return FinishAnswer(&writer);
}

}  // namespace

void AddRuleRoutes(const rules::RuleEngine* engine, net::HttpRouter* router, MoreGroups more) {
  router->Handle({"GET"}, "/api/v1/rules", net::HttpLane::kQuick,
                 [engine, more](const net::ServerRequest& request) {
                   auto answer = ListRules(*engine, more, request);
                   return answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status());
                 });
  router->Handle({"GET"}, "/api/v1/alerts", net::HttpLane::kQuick,
                 [engine, more](const net::ServerRequest&) { return ListAlerts(*engine, more); });
}

}  // namespace baro::collector
