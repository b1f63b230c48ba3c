#include "rules/alerts_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/notify/fingerprint.h"
#include "http_api/answer.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

using rules::ActiveAlert;
using rules::GroupStatus;
using rules::RuleStatus;

// Words of people go into the history; a novel does not.
constexpr size_t kTextBytesMax = 4'096;

// Which alerts are asked for.
struct Wanted {
  std::vector<std::vector<model::Matcher>> selectors;  // any of them
  std::string state;                                   // empty: all

  bool Holds(const ActiveAlert& alert) const {
    if (!state.empty() && AlertStateName(alert.state) != state) return false;
    const auto matches = [&](const std::vector<model::Matcher>& matchers) {
      return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
        return matcher.Matches(alert.labels.Get(matcher.name()));
      });
    };
    return selectors.empty() || std::any_of(selectors.begin(), selectors.end(), matches);
  }
};

template <typename Map>
void WriteTexts(const Map& map, JsonWriter* writer) {
  JsonObject object(writer);
  for (const auto& [name, value] : map) object.Add(name, std::string_view(value));
}

// A text, as JSON has no NaN.
std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end.ptr);
}

void AddTime(std::string_view key, int64_t time_ms, JsonObject* object) {
  if (time_ms != 0) object->Key(key)->SampleTime(time_ms);
}

void WriteAcknowledgement(const notify::Acknowledgement& by, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("author", by.author);
  object.Add("comment", by.comment);
  AddTime("at", by.time_ms, &object);
  AddTime("until", by.until_ms, &object);
  object.Add("silence", by.silence);
}

struct Told {
  const notify::Notifier& notifier;
  const std::map<uint64_t, notify::Acknowledgement> acknowledgements;
};

void WriteAlert(const GroupStatus& group, const RuleStatus& rule, const ActiveAlert& alert,
                const Told& told, JsonWriter* writer) {
  const uint64_t identity = told.notifier.IdentityOf(alert.labels);
  JsonObject object(writer);
  object.Add("id", notify::FingerprintText(identity));
  object.Add("alertname", rule.spec.name);
  object.Add("state", AlertStateName(alert.state));
  object.Key("labels")->Labels(alert.labels);
  object.Key("source")->Labels(alert.source);
  WriteTexts(alert.annotations, object.Key("annotations"));
  object.Add("value", NumberText(alert.value));
  AddTime("activeAt", alert.active_at_ns / 1'000'000, &object);
  AddTime("firedAt", alert.fired_at_ns / 1'000'000, &object);
  AddTime("keepFiringSince", alert.keep_firing_since_ns / 1'000'000, &object);
  object.Add("group", group.name);
  object.Add("file", group.file);
  object.Add("where", rule.spec.where);
  object.Add("query", rule.spec.query);
  object.Add("forSeconds", static_cast<double>(rule.spec.hold_ms) / 1e3);
  object.Add("health", HealthName(rule.health));
  if (!rule.last_error.empty()) object.Add("lastError", rule.last_error);
  const auto by = told.acknowledgements.find(identity);
  if (by != told.acknowledgements.end()) WriteAcknowledgement(by->second, object.Key("ack"));
}

absl::StatusOr<net::ServerResponse> ListAlerts(const std::vector<GroupStatus>& groups,
                                               const notify::Notifier& notifier,
                                               const net::ServerRequest& request) {
  const Parameters parameters(request);
  Wanted wanted;
  BARO_TRY_ASSIGN(wanted.selectors, MatchParameters(parameters));
  wanted.state = parameters.Get("state");
  if (!wanted.state.empty() && wanted.state != "firing" && wanted.state != "pending") {
    return InvalidParameter("state", absl::InvalidArgumentError("expected firing or pending"));
  }
  const Told told{notifier, notifier.Acknowledgements()};
  JsonWriter writer = StartAnswer();
  {
    JsonObject data(&writer);
    JsonList list(data.Key("alerts"));
    for (const GroupStatus& group : groups) {
      for (const RuleStatus& rule : group.rules) {
        for (const ActiveAlert& alert : rule.alerts) {
          if (wanted.Holds(alert)) WriteAlert(group, rule, alert, told, list.Next());
        }
      }
    }
  }
  return FinishAnswer(&writer);
}

absl::StatusOr<std::string> TextParameter(const Parameters& parameters, std::string_view name,
                                          bool needed) {
  std::string text(parameters.Get(name));
  if (text.empty() && needed) {
    return InvalidParameter(name, absl::InvalidArgumentError("it is missing"));
  }
  if (text.size() > kTextBytesMax) {
    return InvalidParameter(
        name, absl::InvalidArgumentError(base::StrCat("more than ", kTextBytesMax, " bytes")));
  }
  return text;
}

absl::StatusOr<net::ServerResponse> Acknowledge(notify::Notifier* notifier,
                                                const net::ServerRequest& request) {
  const Parameters parameters(request);
  const std::string id(parameters.Get("id"));
  uint64_t identity = 0;
  const auto end = std::from_chars(id.data(), id.data() + id.size(), identity, 16);
  if (id.size() != 16 || end.ec != std::errc() || end.ptr != id.data() + id.size()) {
    return InvalidParameter("id", absl::InvalidArgumentError("expected 16 hexadecimal digits"));
  }
  notify::Acknowledgement by;
  BARO_TRY_ASSIGN(by.author, TextParameter(parameters, "author", true));
  BARO_TRY_ASSIGN(by.comment, TextParameter(parameters, "comment", false));
  BARO_TRY_ASSIGN(by.silence, TextParameter(parameters, "silence", false));
  BARO_TRY_ASSIGN(by.until_ms, TimeParameter(parameters, "until", 0));
  BARO_TRY(notifier->Acknowledge(identity, std::move(by)));
  return net::ServerResponse::Json(200, R"({"status":"success","data":null})");
}

net::ServerResponse Answered(absl::StatusOr<net::ServerResponse> answer) {
  return answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status());
}

}  // namespace

void AddAlertRoutes(const rules::RuleEngine* engine, notify::Notifier* notifier,
                    std::function<std::vector<GroupStatus>()> more, net::HttpRouter* router) {
  router->Handle({"GET"}, "/api/v1/baro/alerts", net::HttpLane::kQuick,
                 [engine, notifier, more](const net::ServerRequest& request) {
                   std::vector<GroupStatus> groups = engine->Groups();
                   for (GroupStatus& group : more()) groups.push_back(std::move(group));
                   return Answered(ListAlerts(groups, *notifier, request));
                 });
  router->Handle({"POST"}, "/api/v1/baro/alerts/ack", net::HttpLane::kQuick,
                 [notifier](const net::ServerRequest& request) {
                   return Answered(Acknowledge(notifier, request));
                 });
}

}  // namespace baro::collector
