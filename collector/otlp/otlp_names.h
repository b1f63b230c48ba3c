// Metric and label names: from OpenTelemetry's to Prometheus'.
//
// The rules are those of OpenTelemetry's "Prometheus and OpenMetrics compatibility" page as
// Prometheus 3.5 applies them; tests/differential/otlp_test.py holds them against it.
#pragma once

#include <string>
#include <string_view>

#include "baro/wire/otlp.h"
#include "otlp/otlp_config.h"

namespace baro::collector {

struct OtlpMetricName {
  std::string_view name;
  std::string_view unit;  // UCUM: "s", "By", "{requests}/s"
  wire::OtlpKind kind = wire::OtlpKind::kGauge;
  bool monotonic = false;
};

// "http.server.duration" in "s" → "http_server_duration_seconds". Empty when nothing is left, which
// is no name.
std::string PrometheusMetricName(const OtlpMetricName& metric, const OtlpConfig& config);

// "http.method" → "http_method", "1st" → "key_1st".
std::string PrometheusLabelName(std::string_view attribute, const OtlpConfig& config);

}  // namespace baro::collector
