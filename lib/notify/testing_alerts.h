// Alerts for tests, and what a receiver was told of them in words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baro/base/strings.h"
#include "baro/model/alert.h"
#include "outbox.h"

namespace baro::notify {

inline constexpr int64_t kNow = 1'700'000'000'000;
inline constexpr int64_t kMinute = 60'000;

// Four minutes are what Prometheus gives at an interval of one.
inline model::Alert Firing(std::string_view name, int64_t now_ms) {
  model::Alert alert;
  alert.labels = {{"alertname", std::string(name)}, {"job", "api"}};
  alert.annotations = {{"summary", "it is slow"}};
  alert.starts_ms = kNow;
  alert.ends_ms = now_ms + 4 * kMinute;
  alert.generator_url = "http://localhost:9490/graph?g0.expr=up";
  return alert;
}

inline model::Alert Resolved(std::string_view name, int64_t now_ms) {
  model::Alert alert = Firing(name, now_ms);
  alert.ends_ms = now_ms;
  return alert;
}

// "a:firing b:resolved", in the parcel's order.
inline std::string Words(const std::optional<Parcel>& parcel) {
  if (!parcel) return "nothing";
  std::string words;
  for (const ParcelItem& item : parcel->items) {
    base::StrAppend(&words, words.empty() ? "" : " ", item.alert.labels.Get("alertname"), ":",
                    item.resolved ? "resolved" : "firing");
  }
  return words;
}

}  // namespace baro::notify
