// TargetGroup and FileDiscovery: entries of static_configs and file_sd_configs, with Prometheus'
// keys and meaning. Value types.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/base/yaml.h"

namespace baro::discovery {

// One entry of static_configs, and of a file of file_sd_configs.
struct TargetGroup {
  std::vector<std::string> targets;  // host:port
  std::map<std::string, std::string> labels;
  bool operator==(const TargetGroup&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, TargetGroup* group);

struct FileDiscovery {
  std::vector<std::string> files;  // .json, .yml, .yaml; the last part may hold '*'
  std::chrono::milliseconds refresh_interval{300'000};
  bool operator==(const FileDiscovery&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, FileDiscovery* discovery);

}  // namespace baro::discovery
