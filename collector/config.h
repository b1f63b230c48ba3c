// The collector's configuration file: strict YAML, with Prometheus' names for what Prometheus has.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "otlp/otlp_config.h"

namespace baro::collector {

struct GlobalConfig {
  std::chrono::milliseconds scrape_interval{std::chrono::minutes(1)};
  std::chrono::milliseconds scrape_timeout{std::chrono::seconds(10)};
  std::chrono::milliseconds evaluation_interval{std::chrono::minutes(1)};
  std::map<std::string, std::string> external_labels;
};

struct StorageConfig {
  // Overrides --storage.retention's default, never a value given there.
  std::optional<std::chrono::milliseconds> retention;
};

struct CollectorConfig {
  GlobalConfig global;
  StorageConfig storage;
  OtlpConfig otlp;
};

// Errors: InvalidArgument with file:line:column; keys of Prometheus' that this version does not
// serve yet are named as such, never ignored.
absl::StatusOr<CollectorConfig> ParseConfig(std::string_view text, const std::string& file);
// An empty path is an empty file.
absl::StatusOr<CollectorConfig> ReadConfig(const std::string& path);

// The configuration in force, as YAML.
std::string PrintConfig(const CollectorConfig& config);

}  // namespace baro::collector
