// ScrapeConfig: what `scrape_configs` says, with Prometheus' keys, defaults and meaning. A key of
// Prometheus' that is not supported yet is refused by name, never ignored.
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
#include "baro/discovery/target_group.h"
#include "baro/exposition/parser.h"
#include "baro/relabel/relabel.h"

namespace baro::agent {

using discovery::FileDiscovery;
using discovery::TargetGroup;
using relabel::RelabelRule;

struct BasicAuth {
  std::string username;
  std::string password;
  std::string password_file;  // read before each scrape
  bool operator==(const BasicAuth&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, BasicAuth* auth);

struct Authorization {
  std::string type = "Bearer";
  std::string credentials;
  std::string credentials_file;  // read before each scrape
  bool operator==(const Authorization&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, Authorization* authorization);

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
  bool follow_redirects = true;
  bool enable_compression = true;
  // For an answer without a Content-Type that we know.
  std::optional<exposition::Format> fallback_scrape_protocol;
  uint64_t body_size_limit = 0;
  uint64_t sample_limit = 0;
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  uint64_t target_limit = 0;
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  std::vector<TargetGroup> static_configs;
  std::vector<FileDiscovery> file_sd_configs;
  std::vector<RelabelRule> relabel_configs;
  std::vector<RelabelRule> metric_relabel_configs;
  bool operator==(const ScrapeJob&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, ScrapeJob* job);

// What `global` says about scraping.
struct ScrapeDefaults {
  std::chrono::milliseconds scrape_interval{60'000};
  std::chrono::milliseconds scrape_timeout{10'000};
};

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
