#include "alert_json.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "baro/base/strings.h"
#include "baro/notify/fingerprint.h"

namespace baro::notify {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
// What Go's zero time is in JSON: "not yet".
constexpr std::string_view kGoZeroTime = "0001-01-01T00:00:00Z";

// Bytes of the UTF-8 character at the front; 0 when it is none.
size_t CharacterBytes(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xc0) != 0x80) return 0;
  }
  const auto second = static_cast<uint8_t>(text[1]);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool outside = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : size;
}

void AppendCharacter(std::string_view character, std::string* json) {
  const char c = character[0];
  if (c == '"' || c == '\\') {
    *json += '\\';
    *json += c;
  } else if (c == '\n') {
    *json += "\\n";
  } else if (static_cast<uint8_t>(c) < 0x20) {
    *json += absl::StrFormat("\\u%04x", static_cast<int>(c));
  } else {
    *json += character;
  }
}

std::string FormatUtc(const char* format, int64_t time_ms) {
  return absl::FormatTime(format, absl::FromUnixMillis(time_ms), absl::UTCTimeZone());
}

void AppendApiAlert(const ParcelItem& item, std::string* json) {
  const model::Alert& alert = item.alert;
  *json += R"({"annotations":)";
  AppendJsonLabels(alert.annotations, json);
  base::StrAppend(json, R"(,"endsAt":")", ApiTime(alert.ends_ms), R"(","startsAt":")",
                  ApiTime(alert.starts_ms), R"(",)");
  if (!alert.generator_url.empty() && IsRequestUri(alert.generator_url)) {
    *json += R"("generatorURL":)";
    AppendJsonText(alert.generator_url, json);
    *json += ',';
  }
  *json += R"("labels":)";
  AppendJsonLabels(alert.labels, json);
  *json += '}';
}

void AppendWebhookAlert(const ParcelItem& item, std::string* json) {
  const model::Alert& alert = item.alert;
  base::StrAppend(json, R"({"status":")", item.resolved ? "resolved" : "firing", R"(","labels":)");
  AppendJsonLabels(alert.labels, json);
  *json += R"(,"annotations":)";
  AppendJsonLabels(alert.annotations, json);
  const std::string ends = item.resolved ? GoTime(alert.ends_ms) : std::string(kGoZeroTime);
  base::StrAppend(json, R"(,"startsAt":")", GoTime(alert.starts_ms), R"(","endsAt":")", ends,
                  R"(","generatorURL":)");
  AppendJsonText(alert.generator_url, json);
  base::StrAppend(json, R"(,"fingerprint":")", FingerprintText(item.fingerprint), R"("})");
}

// What all of them say alike.
model::Labels Common(const std::vector<ParcelItem>& items, size_t count,
                     model::Labels model::Alert::* labels) {
  if (count == 0) return {};
  model::Labels common = items[0].alert.*labels;
  for (size_t i = 1; i < count && !common.empty(); ++i) {
    const model::Labels before = common;
    for (const model::Label& label : before) {
      if ((items[i].alert.*labels).Get(label.name) != label.value) common.Remove(label.name);
    }
  }
  return common;
}

// Alertmanager gives the receiver's name as a regular expression that matches it, as Go's
// regexp.QuoteMeta writes it.
std::string QuoteMeta(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

}  // namespace

void AppendJsonText(std::string_view text, std::string* json) {
  *json += '"';
  while (!text.empty()) {
    const size_t size = CharacterBytes(text);
    if (size == 0) {
      *json += kReplacement;
    } else {
      AppendCharacter(text.substr(0, size), json);
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  *json += '"';
}

void AppendJsonLabels(const model::Labels& labels, std::string* json) {
  char before = '{';
  for (const model::Label& label : labels) {
    *json += std::exchange(before, ',');
    AppendJsonText(label.name, json);
    *json += ':';
    AppendJsonText(label.value, json);
  }
  *json += before == '{' ? "{}" : "}";
}

std::string ApiTime(int64_t time_ms) {
  return base::StrCat(FormatUtc("%E4Y-%m-%dT%H:%M:%E3S", time_ms), "Z");
}

std::string GoTime(int64_t time_ms) {
  return base::StrCat(FormatUtc("%E4Y-%m-%dT%H:%M:%E*S", time_ms), "Z");
}

bool IsRequestUri(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c <= 0x20 || c == 0x7f) return false;
    if (c != '%') continue;
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      return false;
    }
  }
  if (text.starts_with('/')) return true;
  const size_t colon = text.find("://");
  if (colon == 0 || colon == std::string_view::npos) return false;
  if (!absl::ascii_isalpha(static_cast<unsigned char>(text[0]))) return false;
  const std::string_view scheme = text.substr(0, colon);
  return std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.';
  });
}

std::string AlertmanagerBody(const std::vector<ParcelItem>& items) {
  std::string json = "[";
  for (const ParcelItem& item : items) {
    if (json.size() > 1) json += ',';
    AppendApiAlert(item, &json);
  }
  return json + "]";
}

std::string WebhookBody(const WebhookMessage& message, const std::vector<ParcelItem>& items) {
  const size_t shown =
      message.alerts_max == 0 ? items.size() : std::min(items.size(), message.alerts_max);
  const bool firing = std::any_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(shown),
                                  [](const ParcelItem& item) { return !item.resolved; });
  std::string json = R"({"receiver":)";
  AppendJsonText(QuoteMeta(message.receiver), &json);
  base::StrAppend(&json, R"(,"status":")", firing ? "firing" : "resolved", R"(","alerts":[)");
  for (size_t i = 0; i < shown; ++i) {
    if (i > 0) json += ',';
    AppendWebhookAlert(items[i], &json);
  }
  json += R"(],"groupLabels":)";
  AppendJsonLabels(*message.group_labels, &json);
  json += R"(,"commonLabels":)";
  AppendJsonLabels(Common(items, shown, &model::Alert::labels), &json);
  json += R"(,"commonAnnotations":)";
  AppendJsonLabels(Common(items, shown, &model::Alert::annotations), &json);
  json += R"(,"externalURL":)";
  AppendJsonText(message.external_url, &json);
  json += R"(,"version":"4","groupKey":)";
  AppendJsonText(message.group_key, &json);
  base::StrAppend(&json, R"(,"truncatedAlerts":)", items.size() - shown, "}\n");
  return json;
}

}  // namespace baro::notify
