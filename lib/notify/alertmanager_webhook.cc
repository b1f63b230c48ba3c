#include "baro/notify/alertmanager_webhook.h"

#include <simdjson.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/notify/fingerprint.h"

namespace baro::notify {

namespace dom = simdjson::dom;
using Element = simdjson::simdjson_result<dom::element>;

namespace {

absl::Status Wrong(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("cannot read webhook: ", field, " ", what));
}

// A field that is missing reads as empty: versions of Alertmanager differ.
absl::Status ReadText(const dom::object& object, const char* field, std::string* text) {
  const Element value = object[field];
  if (value.error() == simdjson::NO_SUCH_FIELD) return absl::OkStatus();
  std::string_view view;
  if (value.get(view) != simdjson::SUCCESS) return Wrong(field, "is no string");
  *text = view;
  return absl::OkStatus();
}

absl::Status ReadStatus(const dom::object& object, bool* firing) {
  std::string status;
  BARO_TRY(ReadText(object, "status", &status));
  if (status != "firing" && status != "resolved") {
    return Wrong("status", "is neither \"firing\" nor \"resolved\"");
  }
  *firing = status == "firing";
  return absl::OkStatus();
}

absl::StatusOr<model::Labels> ReadLabels(const dom::object& object) {
  dom::object labels;
  if (object["labels"].get(labels) != simdjson::SUCCESS) return Wrong("labels", "is no object");
  std::vector<model::Label> read;
  for (const auto& [name, value] : labels) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return Wrong("labels", "hold what is no string");
    read.push_back({std::string(name), std::string(text)});
  }
  return model::Labels::FromUnsorted(std::move(read));
}

absl::StatusOr<NoticedAlert> ReadAlert(const dom::element& element) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return Wrong("alerts", "hold what is no object");
  NoticedAlert alert;
  BARO_TRY(ReadStatus(object, &alert.firing));
  BARO_TRY_ASSIGN(alert.labels, ReadLabels(object));
  std::string fingerprint;
  BARO_TRY(ReadText(object, "fingerprint", &fingerprint));
  if (fingerprint.empty()) {
    alert.fingerprint = Fingerprint(alert.labels);
  } else if (fingerprint.size() != 16 || !absl::SimpleHexAtoi(fingerprint, &alert.fingerprint)) {
    return Wrong("fingerprint", "is not 16 hexadecimal digits");
  }
  return alert;
}

}  // namespace

absl::StatusOr<WebhookNotice> ParseWebhookNotice(std::string_view body) {
  dom::parser parser;
  dom::object root;
  const auto parsed = parser.parse(body.data(), body.size());
  if (parsed.error() != simdjson::SUCCESS) {
    return Wrong("body", base::StrCat("is not JSON: ", simdjson::error_message(parsed.error())));
  }
  if (parsed.get(root) != simdjson::SUCCESS) return Wrong("body", "is no object");
  std::string version;
  BARO_TRY(ReadText(root, "version", &version));
  if (version != "4") return Wrong("version", "is not \"4\"");
  WebhookNotice notice;
  BARO_TRY(ReadText(root, "receiver", &notice.receiver));
  BARO_TRY(ReadStatus(root, &notice.firing));
  BARO_TRY(ReadText(root, "externalURL", &notice.external_url));
  BARO_TRY(ReadText(root, "groupKey", &notice.group_key));
  const Element truncated = root["truncatedAlerts"];
  if (truncated.error() == simdjson::SUCCESS &&
      truncated.get(notice.truncated_alerts) != simdjson::SUCCESS) {
    return Wrong("truncatedAlerts", "is no count");
  }
  dom::array alerts;
  if (root["alerts"].get(alerts) != simdjson::SUCCESS) return Wrong("alerts", "is no list");
  for (const dom::element element : alerts) {
    if (notice.alerts.size() >= kWebhookAlertsMax) {
      return absl::ResourceExhaustedError(
          base::StrCat("cannot read webhook: more than ", kWebhookAlertsMax, " alerts"));
    }
    BARO_TRY_ASSIGN(NoticedAlert alert, ReadAlert(element));
    notice.alerts.push_back(std::move(alert));
  }
  return notice;
}

}  // namespace baro::notify
