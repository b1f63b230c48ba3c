// The collector's configuration file: strict YAML, with Prometheus' names for what Prometheus has.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/matcher.h"
#include "baro/notify/config.h"
#include "baro/tsdb/store.h"
#include "otlp/otlp_config.h"

namespace baro::collector {

struct GlobalConfig {
  std::chrono::milliseconds scrape_interval{std::chrono::minutes(1)};
  std::chrono::milliseconds scrape_timeout{std::chrono::seconds(10)};
  std::chrono::milliseconds evaluation_interval{std::chrono::minutes(1)};
  std::map<std::string, std::string> external_labels;
  std::optional<std::chrono::milliseconds> rule_query_offset;
};

// Series that are kept for a time of their own.
struct RetentionClassConfig {
  std::string match;  // a selector
  std::vector<model::Matcher> matchers;
  std::chrono::milliseconds retention{0};  // 0: for ever
};

struct DownsamplingConfig {
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds retention{0};  // 0: for ever
};

struct StorageConfig {
  // Overrides --storage.retention's default, never a value given there.
  std::optional<std::chrono::milliseconds> retention;
  // The first that matches a series counts.
  std::vector<RetentionClassConfig> retention_classes;
  // Overridden by --storage.downsample.
  std::vector<DownsamplingConfig> downsampling;
};

struct CollectorConfig {
  std::string folder;  // of the file: relative file names start there
  GlobalConfig global;
  StorageConfig storage;
  OtlpConfig otlp;
  notify::AlertingConfig alerting;
  // As it was written, secrets left out; for PrintConfig().
  std::string alerting_yaml;
  std::vector<std::string> rule_files;  // patterns, as they are written
  std::vector<std::string> slo_files;   // the same of objectives
};

// Errors: InvalidArgument with file:line:column; keys of Prometheus' that this version does not
// serve yet are named as such, never ignored.
absl::StatusOr<CollectorConfig> ParseConfig(std::string_view text, const std::string& file);
// An empty path is an empty file.
absl::StatusOr<CollectorConfig> ReadConfig(const std::string& path);

// "5m:1y,1h:5y": interval and retention of each tier, finest first. Errors: InvalidArgument.
absl::StatusOr<std::vector<DownsamplingConfig>> ParseDownsampling(std::string_view text);
// What the store is told. `samples_ms`: how long samples are kept.
tsdb::Retention StoreRetention(const StorageConfig& storage, int64_t samples_ms);

// The configuration in force, as YAML.
std::string PrintConfig(const CollectorConfig& config);

}  // namespace baro::collector
