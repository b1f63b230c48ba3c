// ScrapeConfig: what `scrape_configs` says, with Prometheus' keys, defaults and meaning. A key of
// Prometheus' that we do not do is refused by name and with the reason, never ignored.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/yaml.h"
#include "baro/discovery/configs.h"
#include "baro/net/http_client_config.h"
#include "baro/relabel/relabel.h"

namespace baro::agent {

using discovery::TargetGroup;
using relabel::RelabelRule;

// The ways to ask for and to read an exposition, by Prometheus' names for them.
enum class ScrapeProtocol : uint8_t {
  kProtobuf,        // PrometheusProto
  kText004,         // PrometheusText0.0.4
  kText100,         // PrometheusText1.0.0
  kOpenMetrics001,  // OpenMetricsText0.0.1
  kOpenMetrics100,  // OpenMetricsText1.0.0
};
absl::Status ReadYaml(const base::YamlNode& node, ScrapeProtocol* protocol);

// What an exposer shall do with names that are not [a-zA-Z0-9_:].
enum class NameEscaping : uint8_t { kAllowUtf8, kUnderscores, kDots, kValues };

// What becomes of a scrape that exceeds sample_limit: all of it fails, as in Prometheus; or the
// series that came last are left out, and the rest goes on.
enum class LimitMode : uint8_t { kFail, kTruncate };

// One entry of scrape_configs. A limit of 0 is none.
struct ScrapeJob {
  std::string job_name;
  std::chrono::milliseconds scrape_interval{0};  // 0: the default of `global`
  std::chrono::milliseconds scrape_timeout{0};   // 0: the default, but at most the interval
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  std::map<std::string, std::vector<std::string>> params;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool enable_compression = true;
  // Asked for in this order of preference.
  std::vector<ScrapeProtocol> scrape_protocols;
  // For an answer without a Content-Type that we know.
  std::optional<ScrapeProtocol> fallback_scrape_protocol;
  bool scrape_native_histograms = false;
  bool always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
  bool extra_scrape_metrics = false;
  bool legacy_names_only = false;  // metric_name_validation_scheme: legacy
  NameEscaping name_escaping = NameEscaping::kAllowUtf8;
  uint64_t body_size_limit = 0;
  uint64_t sample_limit = 0;
  LimitMode sample_limit_mode = LimitMode::kFail;  // ours
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  uint64_t target_limit = 0;
  uint64_t keep_dropped_targets = 0;
  uint64_t native_histogram_bucket_limit = 0;
  double native_histogram_min_bucket_factor = 0;
  // Ours: the CPU governor never stretches the interval of these targets, and they go last when the
  // spool must shed.
  bool critical = false;
  std::string scrape_failure_log_file;
  net::HttpClientConfig http;
  discovery::DiscoveryConfigs discovery;
  std::vector<RelabelRule> relabel_configs;
  std::vector<RelabelRule> metric_relabel_configs;
  bool operator==(const ScrapeJob&) const = default;
};

// What `global` says about scraping: what a job does not say itself.
struct ScrapeDefaults {
  std::chrono::milliseconds scrape_interval{60'000};
  std::chrono::milliseconds scrape_timeout{10'000};
  std::optional<std::vector<ScrapeProtocol>> scrape_protocols;
  uint64_t body_size_limit = 0;
  uint64_t sample_limit = 0;
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  uint64_t target_limit = 0;
  uint64_t keep_dropped_targets = 0;
  bool scrape_native_histograms = false;
  bool always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
  bool extra_scrape_metrics = false;
  bool legacy_names_only = false;
  std::optional<NameEscaping> name_escaping;
  std::string scrape_failure_log_file;
  bool operator==(const ScrapeDefaults&) const = default;
};
// Takes those keys of `global`.
void ReadScrapeDefaults(base::YamlMap* map, ScrapeDefaults* defaults);

struct ScrapeConfig {
  std::vector<ScrapeJob> jobs;
};

// Reads the list behind `scrape_configs` and fills in the defaults. File names are relative to
// `folder`, the configuration file's own. Errors: InvalidArgument with file:line:column.
absl::StatusOr<ScrapeConfig> ReadScrapeConfigs(const base::YamlNode& list,
                                               const ScrapeDefaults& defaults,
                                               const std::string& folder);

// A whole document with `global` (scrape_interval, scrape_timeout) and `scrape_configs`, for tests
// and tools.
absl::StatusOr<ScrapeConfig> ParseScrapeConfig(std::string_view text, std::string_view file);

}  // namespace baro::agent
