// The agent's configuration file: strict YAML (an unknown key is an error with its place), with
// Prometheus' names for what Prometheus has.
//
//   global:
//     scrape_interval: 15s
//     external_labels: {cluster: prod-1}
//   node:
//     interval: 15s
//     collectors:
//       vmstat: {enabled: false}
//       filesystem: {interval: 1m, fs_types_exclude: "^(overlay|tmpfs)$"}
//   scrape_configs: […]
//   push: {spool_size_max: 256MiB}
//   limits: {targets_max: 10000}
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/kube/cluster_collector.h"
#include "agent/node/node_options.h"
#include "agent/pods/pods_options.h"
#include "baro/agent/scrape_config.h"
#include "baro/base/yaml.h"

namespace baro::agent {

struct GlobalConfig : ScrapeDefaults {
  // Added to every target that has no such label of its own.
  std::map<std::string, std::string> external_labels;
  bool operator==(const GlobalConfig&) const = default;
};

struct PushConfig {
  // Disk that the spool may take; beyond, the least important oldest data is shed and counted.
  base::ByteSize spool_size_max{uint64_t{256} << 20};
  // Rows wait this long at most before they are on disk and on the wire.
  std::chrono::milliseconds flush_interval{1'000};
  bool operator==(const PushConfig&) const = default;
};

struct LimitsConfig {
  uint64_t targets_max = 100'000;
  // Rows that wait for the disk; beyond, rows are refused and counted.
  base::ByteSize queue_size_max{uint64_t{16} << 20};
  bool operator==(const LimitsConfig&) const = default;
};

struct AgentConfig {
  GlobalConfig global;
  NodeOptions node;
  PodsOptions pods;        // off unless the file has `pods`
  ClusterOptions cluster;  // of --mode=cluster
  ScrapeConfig scrape;
  PushConfig push;
  LimitsConfig limits;
};

// The parts of the file (base/yaml.h finds them by their arguments).
absl::Status ReadYaml(const base::YamlNode& node, GlobalConfig* global);
absl::Status ReadYaml(const base::YamlNode& node, NodeOptions* options);
absl::Status ReadYaml(const base::YamlNode& node, PushConfig* push);
absl::Status ReadYaml(const base::YamlNode& node, LimitsConfig* limits);

// Errors: InvalidArgument with file:line:column; what this version cannot do yet is named as such,
// never ignored.
absl::StatusOr<AgentConfig> ParseAgentConfig(std::string_view text, std::string_view file);
// An empty path is an empty file: the agent collects its node. Errors: also NotFound,
// PermissionDenied and Unavailable of the file itself.
absl::StatusOr<AgentConfig> ReadAgentConfig(const std::string& path);

}  // namespace baro::agent
