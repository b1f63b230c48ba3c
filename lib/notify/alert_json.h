// JSON of alerts as they travel: Alertmanager's API v2 and its webhook body of version 4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "outbox.h"

namespace baro::notify {

// Both append in quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonText(std::string_view text, std::string* json);
void AppendJsonLabels(const model::Labels& labels, std::string* json);

// "2026-11-23T12:00:00.000Z", as Prometheus writes times to Alertmanagers.
std::string ApiTime(int64_t time_ms);
// "2026-11-23T12:00:00.5Z", as Go writes times in JSON and so Alertmanager in webhooks.
std::string GoTime(int64_t time_ms);

// True for what Alertmanager takes as a URI; one that is not costs it the whole batch.
bool IsRequestUri(std::string_view text);

// The body of POST /api/v2/alerts. A generator URL that Alertmanager would refuse is left out.
std::string AlertmanagerBody(const std::vector<ParcelItem>& items);

struct WebhookMessage {
  std::string_view receiver;
  std::string_view external_url;
  std::string_view group_key;
  const model::Labels* group_labels = nullptr;
  size_t alerts_max = 0;  // 0: no limit
};
std::string WebhookBody(const WebhookMessage& message, const std::vector<ParcelItem>& items);

}  // namespace baro::notify
