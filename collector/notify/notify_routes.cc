#include "notify/notify_routes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/notify/alertmanager_webhook.h"
#include "baro/promql/engine.h"
#include "http_api/answer.h"
#include "http_api/json_object.h"
#include "http_api/json_writer.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

using net::HttpLane;

constexpr size_t kHistoryLimitDefault = 1'000;
constexpr size_t kHistoryLimitMax = 100'000;
// A test alert that nobody ends is over by itself.
constexpr int64_t kTestLastsMs = 5 * 60'000;

net::ServerResponse Answered(absl::StatusOr<net::ServerResponse> answer) {
  return answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status());
}

void AddUrls(std::string_view key, const std::vector<std::string>& urls, JsonObject* object) {
  JsonList list(object->Key(key));
  for (const std::string& url : urls) JsonObject(list.Next()).Add("url", url);
}

net::ServerResponse Alertmanagers(const notify::Notifier& notifier) {
  const notify::NotifierStatus status = notifier.GetStatus();
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    AddUrls("activeAlertmanagers", status.active_alertmanagers, &object);
    AddUrls("droppedAlertmanagers", status.dropped_alertmanagers, &object);
  }
  return FinishAnswer(&writer);
}

void AddTime(std::string_view key, int64_t time_ms, JsonObject* object) {
  if (time_ms != 0) object->Key(key)->SampleTime(time_ms);
}

void WriteCounts(const std::map<std::string, uint64_t>& counts, JsonWriter* writer) {
  JsonObject object(writer);
  for (const auto& [reason, count] : counts) object.Add(reason, count);
}

void WriteReceiver(const notify::ReceiverStatus& receiver, JsonWriter* writer) {
  JsonObject object(writer);
  const bool is_webhook = receiver.kind == notify::ReceiverKind::kWebhook;
  object.Add("kind", is_webhook ? "webhook" : "alertmanager");
  object.Add("name", receiver.name);
  object.Add("url", receiver.url);
  object.Add("queueLength", receiver.queue_alerts);
  object.Add("queueCapacity", receiver.queue_capacity);
  object.Add("knownAlerts", receiver.kept_alerts);
  object.Add("queueBytes", receiver.queue_bytes);
  object.Add("sent", receiver.sent_total);
  object.Add("errors", receiver.errors_total);
  WriteCounts(receiver.dropped_total, object.Key("dropped"));
  object.Add("diskErrors", receiver.disk_errors_total);
  object.Add("failuresInARow", receiver.failures);
  AddTime("lastSuccess", receiver.last_success_ms, &object);
  AddTime("lastErrorTime", receiver.last_error_ms, &object);
  if (!receiver.last_error.empty()) object.Add("lastError", receiver.last_error);
  AddTime("nextRetry", receiver.retry_at_ms, &object);
}

net::ServerResponse Status(const notify::Notifier& notifier) {
  const notify::NotifierStatus status = notifier.GetStatus();
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    {
      JsonList receivers(object.Key("receivers"));
      for (const notify::ReceiverStatus& one : status.receivers) {
        WriteReceiver(one, receivers.Next());
      }
    }
    object.Key("discoveryErrors")->Strings(status.discovery_errors);
    WriteCounts(status.suppressed_total, object.Key("suppressed"));
    object.Add("queuesRemoved", status.queues_removed_total);
    object.Add("historyBytes", status.history_bytes);
    object.Add("historyErrors", status.history_errors_total);
    object.Add("noticesReceived", status.notices_total);
  }
  return FinishAnswer(&writer);
}

// "name=value" of each parameter of that name.
absl::Status ReadPairs(const Parameters& parameters, std::string_view name, model::Labels* labels) {
  for (const std::string& pair : parameters.All(name)) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return InvalidParameter(name, absl::InvalidArgumentError("expected name=value"));
    }
    labels->Set(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<model::Alert> TestAlert(const Parameters& parameters, int64_t now_ms) {
  model::Alert alert;
  alert.labels = {{"alertname", "BarographTest"}, {"severity", "none"}};
  alert.annotations = {{"summary", "A test of the way to you. There is nothing to do."}};
  BARO_TRY(ReadPairs(parameters, "label", &alert.labels));
  BARO_TRY(ReadPairs(parameters, "annotation", &alert.annotations));
  const std::string_view state = parameters.Get("state");
  if (!state.empty() && state != "firing" && state != "resolved") {
    return InvalidParameter("state",
                            absl::InvalidArgumentError("expected \"firing\" or \"resolved\""));
  }
  BARO_TRY_ASSIGN(alert.starts_ms, TimeParameter(parameters, "starts_at", now_ms));
  alert.ends_ms = state == "resolved" ? now_ms : now_ms + kTestLastsMs;
  return alert;
}

void WriteOutcome(const notify::TestOutcome& outcome, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("receiver", outcome.receiver);
  object.Add("delivered", outcome.delivered);
  object.Add("status", outcome.status);
  object.Add("latencySeconds", outcome.seconds);
  if (!outcome.error.empty()) object.Add("error", outcome.error);
}

absl::StatusOr<net::ServerResponse> Test(notify::Notifier* notifier, int64_t now_ms,
                                         const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const model::Alert alert, TestAlert(parameters, now_ms));
  std::vector<notify::TestOutcome> outcomes;
  if (parameters.Get("queued") == "true") {
    // The way that real alerts take.
    BARO_TRY(notifier->Send({alert}));
  } else {
    BARO_TRY_ASSIGN(outcomes, notifier->Test(alert, parameters.Get("receiver")));
  }
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    JsonList list(object.Key("receivers"));
    for (const notify::TestOutcome& outcome : outcomes) WriteOutcome(outcome, list.Next());
  }
  return FinishAnswer(&writer);
}

// A time, or how long ago.
absl::StatusOr<int64_t> MomentParameter(const Parameters& parameters, std::string_view name,
                                        int64_t fallback_ms, int64_t now_ms) {
  const std::string_view text = parameters.Get(name);
  if (text.empty()) return fallback_ms;
  const auto time_ms = ParseTimeMs(text);
  if (time_ms.ok()) return *time_ms;
  const auto ago_ms = ParseDurationMs(text);
  if (!ago_ms.ok()) return InvalidParameter(name, time_ms.status());
  return now_ms - *ago_ms;
}

absl::StatusOr<notify::HistoryQuery> HistoryQueryOf(const net::ServerRequest& request,
                                                    int64_t now_ms) {
  const Parameters parameters(request);
  notify::HistoryQuery query;
  BARO_TRY_ASSIGN(query.since_ms, MomentParameter(parameters, "since", query.since_ms, now_ms));
  BARO_TRY_ASSIGN(query.until_ms, MomentParameter(parameters, "until", query.until_ms, now_ms));
  for (const std::string& text : parameters.All("matcher")) {
    const bool braces = text.find('{') != std::string::npos;
    auto matchers = promql::ParseSelector(braces ? text : base::StrCat("{", text, "}"));
    if (!matchers.ok()) return InvalidParameter("matcher", matchers.status());
    std::move(matchers->begin(), matchers->end(), std::back_inserter(query.matchers));
  }
  BARO_TRY_ASSIGN(const size_t limit, LimitParameter(parameters));
  query.limit = std::min(limit == 0 ? kHistoryLimitDefault : limit, kHistoryLimitMax);
  return query;
}

absl::StatusOr<net::ServerResponse> History(const notify::Notifier& notifier, int64_t now_ms,
                                            const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(notify::HistoryQuery query, HistoryQueryOf(request, now_ms));
  ++query.limit;  // one more tells whether there is more
  BARO_TRY_ASSIGN(std::vector<std::string> records, notifier.history().Query(query));
  Notes notes;
  if (records.size() == query.limit) {
    records.pop_back();
    notes.warnings.emplace_back(kTruncated);
  }
  JsonWriter writer = StartAnswer();
  {
    JsonList list(&writer);
    for (const std::string& record : records) list.Next()->Raw(record);
  }
  return FinishAnswer(&writer, notes);
}

absl::StatusOr<net::ServerResponse> TakeNotice(notify::Notifier* notifier,
                                               const net::ServerRequest& request) {
  BARO_TRY(notifier->TakeNotice(request.body));
  return net::ServerResponse::Json(200, R"({"status":"success"})");
}

}  // namespace

void AddNotifyRoutes(notify::Notifier* notifier, const base::Clock* clock,
                     net::HttpRouter* router) {
  router->Handle({"GET"}, "/api/v1/alertmanagers", HttpLane::kQuick,
                 [notifier](const net::ServerRequest&) { return Alertmanagers(*notifier); });
  router->Handle({"GET"}, "/api/v1/baro/notify/status", HttpLane::kQuick,
                 [notifier](const net::ServerRequest&) { return Status(*notifier); });
  // Waits for receivers: not where quick answers wait behind it.
  router->Handle({"POST"}, "/api/v1/baro/notify/test", HttpLane::kQuery,
                 [notifier, clock](const net::ServerRequest& request) {
                   return Answered(Test(notifier, clock->NowMs(), request));
                 });
  router->Handle({"GET"}, "/api/v1/baro/alerts/history", HttpLane::kQuery,
                 [notifier, clock](const net::ServerRequest& request) {
                   return Answered(History(*notifier, clock->NowMs(), request));
                 });
  router->Handle({{"POST"},
                  "/api/v1/baro/alertmanager-webhook",
                  HttpLane::kQuick,
                  [notifier](const net::ServerRequest& request, net::HttpReply reply) {
                    reply.Send(Answered(TakeNotice(notifier, request)));
                  },
                  notify::kWebhookBytesMax});
}

}  // namespace baro::collector
