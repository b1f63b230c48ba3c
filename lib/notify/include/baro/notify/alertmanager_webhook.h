// WebhookNotice: the body that Alertmanager posts to a webhook receiver (version 4): its word that
// people were told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/labels.h"

namespace baro::notify {

inline constexpr size_t kWebhookBytesMax = size_t{4} << 20;
inline constexpr size_t kWebhookAlertsMax = 10'000;

struct NoticedAlert {
  bool firing = false;
  model::Labels labels;
  uint64_t fingerprint = 0;  // Alertmanager's own word; from the labels when it gives none
};

struct WebhookNotice {
  std::string receiver;
  bool firing = false;
  std::string external_url;
  std::string group_key;
  uint64_t truncated_alerts = 0;
  std::vector<NoticedAlert> alerts;
};

// `body` is anybody's and never trusted. Errors: InvalidArgument with the field, ResourceExhausted
// (too many alerts).
absl::StatusOr<WebhookNotice> ParseWebhookNotice(std::string_view body);

}  // namespace baro::notify
