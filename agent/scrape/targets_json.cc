// TargetsJson(): /targets as Prometheus' clients read it.
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "baro/agent/scrape_manager.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "json_text.h"

namespace baro::agent {

std::string QuotedJson(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += absl::StrFormat("\\u%04x", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string LabelsJson(const model::Labels& labels) {
  std::string json;
  for (const model::Label& label : labels) {
    base::StrAppend(&json, json.empty() ? "" : ",", QuotedJson(label.name), ":",
                    QuotedJson(label.value));
  }
  return base::StrCat("{", json, "}");
}

namespace {

std::string Time(int64_t time_ms) {
  if (time_ms == 0) return "0001-01-01T00:00:00Z";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(time_ms),
                          absl::UTCTimeZone());
}

std::string Duration(int64_t duration_ms) {
  return base::FormatDuration(std::chrono::milliseconds(duration_ms));
}

}  // namespace

std::string TargetsJson(const std::vector<TargetStatus>& targets) {
  std::string json = "[";
  for (const TargetStatus& target : targets) {
    base::StrAppend(
        &json, json.size() > 1 ? "," : "", "{\"discoveredLabels\":", LabelsJson(target.discovered),
        ",\"labels\":", LabelsJson(target.labels), ",\"scrapePool\":", QuotedJson(target.job),
        ",\"scrapeUrl\":", QuotedJson(target.url), ",\"globalUrl\":", QuotedJson(target.url),
        ",\"lastError\":", QuotedJson(target.last_error), ",\"lastScrape\":\"",
        Time(target.last_scrape_ms),
        "\",\"lastScrapeDuration\":", absl::StrFormat("%.9g", target.last_duration_seconds),
        ",\"health\":", QuotedJson(target.health), ",\"scrapeInterval\":\"",
        Duration(target.interval_ms), "\",\"scrapeTimeout\":\"", Duration(target.timeout_ms),
        "\",\"samples\":", target.last_samples, ",\"columns\":", target.columns,
        ",\"layoutChanges\":", target.layout_changes, "}");
  }
  return json + "]";
}

}  // namespace baro::agent
