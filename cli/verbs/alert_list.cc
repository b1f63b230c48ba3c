#include "verbs/alert_list.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "api/document.h"
#include "api/json_walk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/series_table.h"
#include "time_text.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kShortIdDigits = 8;
constexpr size_t kPrefixDigitsMin = 4;
constexpr size_t kCandidatesShown = 10;

double SecondsOf(const std::string& time) {
  if (time.empty() || time.starts_with("0001-")) return 0;
  const auto time_ms = ParseInstant(time, 0);
  return time_ms.ok() ? static_cast<double>(*time_ms) / 1e3 : 0;
}

LiveAlert ReadAlert(dom::element object) {
  LiveAlert alert;
  alert.id = TextMember(object, "id");
  alert.state = TextMember(object, "state");
  alert.labels = TextsMember(object, "labels");
  alert.name = std::string(LabelValue(alert.labels, "alertname"));
  alert.source = TextsMember(object, "source");
  alert.annotations = TextsMember(object, "annotations");
  alert.value = DigitsMember(object, "value");
  alert.active_at = NumberMember(object, "activeAt");
  alert.fired_at = NumberMember(object, "firedAt");
  alert.keep_firing_since = NumberMember(object, "keepFiringSince");
  alert.group = TextMember(object, "group");
  alert.where = TextMember(object, "where");
  alert.query = TextMember(object, "query");
  alert.for_seconds = NumberMember(object, "forSeconds");
  alert.health = TextMember(object, "health");
  alert.last_error = TextMember(object, "lastError");
  if (const auto ack = ObjectMember(object, "ack")) {
    alert.acknowledged_by = TextMember(*ack, "author");
    alert.acknowledged_comment = TextMember(*ack, "comment");
  }
  return alert;
}

// FNV-1a over the sorted labels, as Alertmanager names alerts; a Prometheus does not say it.
std::string FingerprintOf(const LabelSet& labels) {
  uint64_t hash = 14'695'981'039'346'656'037U;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1'099'511'628'211U;
    hash = (hash ^ 0xff) * 1'099'511'628'211U;
  };
  for (const auto& [name, value] : labels) {
    add(name);
    add(value);
  }
  std::string digits(16, '0');
  for (size_t i = 16; i-- > 0; hash >>= 4) digits[i] = "0123456789abcdef"[hash & 15];
  return digits;
}

// /api/v1/rules of a Prometheus has the same, less what only a collector knows.
absl::StatusOr<std::vector<LiveAlert>> FetchFromRules(Session* session) {
  BARO_TRY_ASSIGN(const auto page, session->client->Page("/api/v1/rules", {{"type", "alert"}}));
  std::vector<LiveAlert> alerts;
  ForEachIn(page->data(), "groups", [&](dom::element group) {
    ForEachIn(group, "rules", [&](dom::element rule) {
      ForEachIn(rule, "alerts", [&](dom::element object) {
        LiveAlert& alert = alerts.emplace_back(ReadAlert(object));
        alert.id = FingerprintOf(alert.labels);
        alert.source = alert.labels;
        alert.active_at = SecondsOf(TextMember(object, "activeAt"));
        alert.keep_firing_since = SecondsOf(TextMember(object, "keepFiringSince"));
        alert.group = TextMember(group, "name");
        alert.where = TextMember(group, "file");
        alert.query = TextMember(rule, "query");
        alert.for_seconds = NumberMember(rule, "duration");
        alert.health = TextMember(rule, "health");
        alert.last_error = TextMember(rule, "lastError");
      });
    });
  });
  return alerts;
}

}  // namespace

int SeverityRank(const LabelSet& labels) {
  const std::string_view severity = LabelValue(labels, "severity");
  for (const char* bad : {"page", "critical", "crit", "emergency", "error"}) {
    if (severity == bad) return 0;
  }
  return severity.starts_with("warn") || severity == "ticket" ? 1 : 2;
}

Style SeverityStyle(const LabelSet& labels) {
  constexpr Style kStyles[] = {Style::kBad, Style::kWarn, Style::kPlain};
  return kStyles[SeverityRank(labels)];
}

std::string ShortId(const std::string& id) { return id.substr(0, kShortIdDigits); }

absl::StatusOr<std::vector<LiveAlert>> FetchAlerts(Session* session) {
  std::vector<LiveAlert> alerts;
  const auto page = session->client->Page("/api/v1/baro/alerts", {});
  if (absl::IsNotFound(page.status())) {
    BARO_TRY_ASSIGN(alerts, FetchFromRules(session));
  } else {
    BARO_TRY(page.status());
    ForEachIn((*page)->data(), "alerts",
              [&](dom::element object) { alerts.push_back(ReadAlert(object)); });
  }
  std::stable_sort(alerts.begin(), alerts.end(), [](const auto& a, const auto& b) {
    const auto key = [](const LiveAlert& alert) {
      return std::tuple(alert.state != "firing", SeverityRank(alert.labels), -alert.active_at,
                        alert.name);
    };
    return key(a) != key(b) ? key(a) < key(b) : LabelsLess(a.labels, b.labels);
  });
  return alerts;
}

absl::StatusOr<LiveAlert> FindAlert(const std::string& text, Session* session) {
  BARO_TRY_ASSIGN(const std::vector<LiveAlert> alerts, FetchAlerts(session));
  std::vector<const LiveAlert*> found;
  const bool may_be_id = text.size() >= kPrefixDigitsMin &&
                         text.find_first_not_of("0123456789abcdef") == std::string::npos;
  for (const LiveAlert& alert : alerts) {
    if (alert.name == text || (may_be_id && alert.id.starts_with(text))) found.push_back(&alert);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    return absl::InvalidArgumentError(
        base::StrCat("no alert \"", text,
                     "\" fires or is pending; baro alerts lists them, and baro alert "
                     "history what was"));
  }
  std::string candidates;
  for (size_t i = 0; i < std::min(found.size(), kCandidatesShown); ++i) {
    base::StrAppend(&candidates, "\n  ", ShortId(found[i]->id), "  ",
                    SelectorText(found[i]->labels));
  }
  return absl::InvalidArgumentError(
      base::StrCat(found.size(), " alerts are \"", text, "\"; take an id:", candidates));
}

absl::StatusOr<AlertmanagerFound> FindAlertmanager(Session* session) {
  constexpr std::string_view kPath = "/api/v2/alerts";
  std::vector<std::string> urls;
  if (!session->options->alertmanager.empty()) {
    urls.push_back(session->options->alertmanager);
  } else {
    BARO_TRY_ASSIGN(const auto page, session->client->Page("/api/v1/alertmanagers", {}));
    ForEachIn(page->data(), "activeAlertmanagers",
              [&](dom::element object) { urls.push_back(TextMember(object, "url")); });
  }
  absl::Status status = absl::FailedPreconditionError(
      "no Alertmanager is configured (alerting: in its configuration); name one with "
      "--alertmanager URL");
  for (std::string& url : urls) {
    if (url.ends_with(kPath)) url.resize(url.size() - kPath.size());
    while (url.ends_with('/')) url.pop_back();
    if (url.find("://") == std::string::npos) url.insert(0, "http://");
    Transport* transport = session->connect(url);
    const auto answer = transport->Send({"/-/healthy", ""});
    if (answer.ok() && answer->status == 200) return AlertmanagerFound{url, transport};
    status = answer.ok()
                 ? absl::FailedPreconditionError(base::StrCat(
                       "the Alertmanager at ", url, " answers with status ", answer->status))
                 : absl::FailedPreconditionError(base::StrCat(
                       "the Alertmanager at ", url,
                       " is not reachable: ", base::FromAbsl(answer.status().message()),
                       "; another one: --alertmanager URL"));
  }
  return status;
}

std::string AuthorOr(const std::string& given) {
  if (!given.empty()) return given;
  const char* user = std::getenv("USER");
  return user == nullptr || *user == '\0' ? "baro" : user;
}

}  // namespace baro::cli
