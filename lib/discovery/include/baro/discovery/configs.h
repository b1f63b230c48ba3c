// DiscoveryConfigs: what a block of Prometheus' configuration says about where its targets come
// from: static_configs and the *_sd_configs, with Prometheus' keys, defaults and meaning. Value
// types.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/base/yaml.h"
#include "baro/discovery/target_group.h"
#include "baro/net/http_client_config.h"

namespace baro::discovery {

// A URL that answers with a JSON list of target groups.
struct HttpDiscovery {
  std::string url;
  std::chrono::milliseconds refresh_interval{60'000};
  net::HttpClientConfig http;
  bool operator==(const HttpDiscovery&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, HttpDiscovery* discovery);

enum class DnsType : uint8_t { kA, kAaaa, kMx, kNs, kSrv };

// Names whose records are targets.
struct DnsDiscovery {
  std::vector<std::string> names;
  DnsType type = DnsType::kSrv;
  uint16_t port = 0;  // of all but SRV, which says its own
  std::chrono::milliseconds refresh_interval{30'000};
  bool operator==(const DnsDiscovery&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, DnsDiscovery* discovery);

enum class KubernetesRole : uint8_t { kNode, kPod, kService, kEndpoints, kEndpointSlice, kIngress };

struct KubernetesSelector {
  KubernetesRole role = KubernetesRole::kNode;
  std::string label;
  std::string field;
  bool operator==(const KubernetesSelector&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, KubernetesSelector* selector);

// Objects of a cluster that are targets. No api_server: the cluster that we run in.
struct KubernetesDiscovery {
  KubernetesRole role = KubernetesRole::kNode;
  std::string api_server;
  std::string kubeconfig_file;  // instead of api_server
  net::HttpClientConfig http;
  bool own_namespace = false;
  std::vector<std::string> namespaces;  // empty: all
  std::vector<KubernetesSelector> selectors;
  bool attach_node_metadata = false;
  bool attach_namespace_metadata = false;
  bool operator==(const KubernetesDiscovery&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, KubernetesDiscovery* discovery);

struct DiscoveryConfigs {
  std::vector<TargetGroup> static_configs;
  std::vector<FileDiscovery> file;
  std::vector<HttpDiscovery> http;
  std::vector<DnsDiscovery> dns;
  std::vector<KubernetesDiscovery> kubernetes;
  bool operator==(const DiscoveryConfigs&) const = default;
};

// Takes static_configs and every *_sd_configs of Prometheus' from the map. Those that we do not do
// are refused by name.
void ReadDiscoveryConfigs(base::YamlMap* map, DiscoveryConfigs* configs);
// File names relative to `folder` become absolute.
void MakePathsAbsolute(const std::string& folder, DiscoveryConfigs* configs);

}  // namespace baro::discovery
