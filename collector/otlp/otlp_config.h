// The section `otlp:` of the configuration, with Prometheus' names and defaults.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/base/yaml.h"

namespace baro::collector {

// What becomes of names. Escaping turns what PromQL cannot write without quotes into underscores;
// suffixes tell unit and type (_seconds, _bytes, _ratio, _total).
enum class OtlpNames : uint8_t {
  kUnderscoreEscapingWithSuffixes,
  kUnderscoreEscapingWithoutSuffixes,
  kNoUtf8EscapingWithSuffixes,
  kNoTranslation,
};

std::string_view OtlpNamesText(OtlpNames names);

struct OtlpConfig {
  OtlpNames translation_strategy = OtlpNames::kUnderscoreEscapingWithSuffixes;
  // Resource attributes that every series of the resource has as labels; others are on target_info.
  std::vector<std::string> promote_resource_attributes;
  bool promote_all_resource_attributes = false;
  std::vector<std::string> ignore_resource_attributes;  // but these, when all are
  // service.name, service.namespace and service.instance.id stay on target_info, beside job and
  // instance.
  bool keep_identifying_resource_attributes = false;
  // Histograms with bounds become native ones with custom buckets.
  bool convert_histograms_to_nhcb = false;
  // Labels otel_scope_name, otel_scope_version, otel_scope_schema_url, otel_scope_<attribute>.
  bool promote_scope_metadata = false;
  // Where names are escaped: "_a" becomes "key_a"; "a..b" becomes "a__b" and not "a_b". On by
  // default, as in Prometheus; OpenTelemetry's specification has them off.
  bool label_name_underscore_sanitization = true;
  bool label_name_preserve_multiple_underscores = true;

  bool escapes() const { return translation_strategy < OtlpNames::kNoUtf8EscapingWithSuffixes; }
  bool adds_suffixes() const {
    return translation_strategy == OtlpNames::kUnderscoreEscapingWithSuffixes ||
           translation_strategy == OtlpNames::kNoUtf8EscapingWithSuffixes;
  }
  bool operator==(const OtlpConfig&) const = default;
};

absl::Status ReadYaml(const base::YamlNode& node, OtlpConfig* config);

// The section as YAML; empty for the defaults.
std::string PrintOtlpConfig(const OtlpConfig& config);

}  // namespace baro::collector
