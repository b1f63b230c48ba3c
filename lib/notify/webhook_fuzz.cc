// Anybody may post a webhook: it is read or refused, and its fingerprints stay within 16 digits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "baro/base/check.h"
#include "baro/notify/alertmanager_webhook.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const auto notice = baro::notify::ParseWebhookNotice(
      std::string_view(reinterpret_cast<const char*>(bytes), size));
  if (notice.ok()) BARO_CHECK_LE(notice->alerts.size(), baro::notify::kWebhookAlertsMax);
  return 0;
}
