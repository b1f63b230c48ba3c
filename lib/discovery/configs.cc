#include "baro/discovery/configs.h"

#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "baro/base/strings.h"
#include "baro/net/url.h"

namespace baro::discovery {
namespace {

using std::chrono::milliseconds;

// Clouds and registries whose protocols we do not speak. Each has a bridge to http_sd_configs or
// file_sd_configs.
constexpr std::string_view kRefused[] = {
    "aws_sd_configs",          "azure_sd_configs",     "consul_sd_configs",
    "digitalocean_sd_configs", "docker_sd_configs",    "dockerswarm_sd_configs",
    "ec2_sd_configs",          "ecs_sd_configs",       "eureka_sd_configs",
    "gce_sd_configs",          "hetzner_sd_configs",   "ionos_sd_configs",
    "kuma_sd_configs",         "lightsail_sd_configs", "linode_sd_configs",
    "marathon_sd_configs",     "nerve_sd_configs",     "nomad_sd_configs",
    "openstack_sd_configs",    "outscale_sd_configs",  "ovhcloud_sd_configs",
    "puppetdb_sd_configs",     "scaleway_sd_configs",  "serverset_sd_configs",
    "stackit_sd_configs",      "triton_sd_configs",    "uyuni_sd_configs",
    "vultr_sd_configs"};

template <typename T>
struct Word {
  std::string_view name;
  T value;
};
constexpr Word<DnsType> kDnsTypes[] = {{"A", DnsType::kA},
                                       {"AAAA", DnsType::kAaaa},
                                       {"MX", DnsType::kMx},
                                       {"NS", DnsType::kNs},
                                       {"SRV", DnsType::kSrv}};
constexpr Word<KubernetesRole> kRoles[] = {
    {"node", KubernetesRole::kNode},       {"pod", KubernetesRole::kPod},
    {"service", KubernetesRole::kService}, {"endpoints", KubernetesRole::kEndpoints},
    {"ingress", KubernetesRole::kIngress}, {"endpointslice", KubernetesRole::kEndpointSlice}};

// Sets `value` to what `text` names.
template <typename T>
void ReadWord(std::string_view key, std::string_view text, std::span<const Word<T>> words,
              base::YamlMap* map, T* value) {
  for (const Word<T>& word : words) {
    if (word.name != text) continue;
    *value = word.value;
    return;
  }
  std::string known;
  for (const Word<T>& word : words) base::StrAppend(&known, known.empty() ? "" : ", ", word.name);
  map->Fail(key, base::StrCat("\"", text, "\" is none of ", known));
}

void ReadRefresh(base::YamlMap* map, milliseconds* interval) {
  map->Optional("refresh_interval", interval);
  if (*interval <= milliseconds(0)) map->Fail("refresh_interval", "it must be longer than 0");
}

struct Namespaces {
  bool own_namespace = false;
  std::vector<std::string> names;
};
absl::Status ReadYaml(const base::YamlNode& node, Namespaces* namespaces) {
  base::YamlMap map(node);
  map.Optional("own_namespace", &namespaces->own_namespace);
  map.Optional("names", &namespaces->names);
  return map.Finish();
}

struct AttachedMetadata {
  bool node = false;
  bool its_namespace = false;
};
absl::Status ReadYaml(const base::YamlNode& node, AttachedMetadata* attached) {
  base::YamlMap map(node);
  map.Optional("node", &attached->node);
  map.Optional("namespace", &attached->its_namespace);
  return map.Finish();
}

// A selector is for a role whose objects the discovery looks at.
bool LooksAt(KubernetesRole role, KubernetesRole at) {
  if (role == at) return true;
  if (role == KubernetesRole::kPod) return at == KubernetesRole::kNode;
  if (role != KubernetesRole::kEndpoints && role != KubernetesRole::kEndpointSlice) return false;
  return at == KubernetesRole::kPod || at == KubernetesRole::kService ||
         at == KubernetesRole::kNode;
}

void CheckKubernetes(const KubernetesDiscovery& discovery, base::YamlMap* map) {
  const net::HttpClientConfig plain;
  if (discovery.api_server.empty() && !(discovery.http == plain)) {
    map->Fail("role", "to reach the cluster from outside, api_server must be given as well");
  }
  if (!discovery.kubeconfig_file.empty() && !discovery.api_server.empty()) {
    map->Fail("kubeconfig_file", "kubeconfig_file and api_server exclude each other");
  }
  if (!discovery.api_server.empty()) {
    const absl::Status url = net::ParseUrl(discovery.api_server).status();
    if (!url.ok()) map->Fail("api_server", base::FromAbsl(url.message()));
    if (discovery.own_namespace) {
      map->Fail("namespaces", "own_namespace needs the cluster we run in, not an api_server");
    }
  }
  std::vector<KubernetesRole> seen;
  for (const KubernetesSelector& selector : discovery.selectors) {
    if (!LooksAt(discovery.role, selector.role)) {
      map->Fail("selectors", "a selector is for a role that this discovery does not look at");
    }
    for (const KubernetesRole other : seen) {
      if (other == selector.role) map->Fail("selectors", "there are two selectors of one role");
    }
    seen.push_back(selector.role);
  }
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, HttpDiscovery* discovery) {
  base::YamlMap map(node);
  map.Required("url", &discovery->url);
  ReadRefresh(&map, &discovery->refresh_interval);
  net::ReadHttpClientConfig(&map, &discovery->http);
  if (map.ok()) {
    const absl::Status url = net::ParseUrl(discovery->url).status();
    if (!url.ok()) map.Fail("url", base::FromAbsl(url.message()));
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, DnsDiscovery* discovery) {
  base::YamlMap map(node);
  std::string type = "SRV";
  map.Required("names", &discovery->names);
  map.Optional("type", &type);
  map.Optional("port", &discovery->port);
  ReadRefresh(&map, &discovery->refresh_interval);
  for (char& letter : type) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  ReadWord<DnsType>("type", type, kDnsTypes, &map, &discovery->type);
  if (discovery->names.empty()) map.Fail("names", "there is no name");
  if (discovery->type != DnsType::kSrv && discovery->port == 0) {
    map.Fail("type", "records of all types but SRV need a port");
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, KubernetesSelector* selector) {
  base::YamlMap map(node);
  std::string role;
  map.Required("role", &role);
  map.Optional("label", &selector->label);
  map.Optional("field", &selector->field);
  if (map.ok()) ReadWord<KubernetesRole>("role", role, kRoles, &map, &selector->role);
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, KubernetesDiscovery* discovery) {
  base::YamlMap map(node);
  std::string role;
  Namespaces namespaces;
  AttachedMetadata attached;
  map.Required("role", &role);
  map.Optional("api_server", &discovery->api_server);
  map.Optional("namespaces", &namespaces);
  map.Optional("selectors", &discovery->selectors);
  map.Optional("attach_metadata", &attached);
  map.Optional("kubeconfig_file", &discovery->kubeconfig_file);
  net::ReadHttpClientConfig(&map, &discovery->http);
  if (map.ok()) ReadWord<KubernetesRole>("role", role, kRoles, &map, &discovery->role);
  discovery->own_namespace = namespaces.own_namespace;
  discovery->namespaces = std::move(namespaces.names);
  discovery->attach_node_metadata = attached.node;
  discovery->attach_namespace_metadata = attached.its_namespace;
  if (map.ok()) CheckKubernetes(*discovery, &map);
  return map.Finish();
}

void ReadDiscoveryConfigs(base::YamlMap* map, DiscoveryConfigs* configs) {
  map->Optional("static_configs", &configs->static_configs);
  map->Optional("file_sd_configs", &configs->file);
  map->Optional("http_sd_configs", &configs->http);
  map->Optional("dns_sd_configs", &configs->dns);
  map->Optional("kubernetes_sd_configs", &configs->kubernetes);
  for (const std::string_view key : kRefused) {
    const base::YamlNode* node = map->Take(key);
    if (node == nullptr || node->IsNull()) continue;
    map->Fail(key, base::StrCat(key, " is not supported: static, file, http, dns and kubernetes ",
                                "discovery are; an adapter can write files for file_sd_configs"));
  }
}

void MakePathsAbsolute(const std::string& folder, DiscoveryConfigs* configs) {
  for (FileDiscovery& discovery : configs->file) {
    for (std::string& file : discovery.files) {
      file = (std::filesystem::path(folder) / file).string();
    }
  }
  for (HttpDiscovery& discovery : configs->http) MakePathsAbsolute(folder, &discovery.http);
  for (KubernetesDiscovery& discovery : configs->kubernetes) {
    MakePathsAbsolute(folder, &discovery.http);
    std::string& file = discovery.kubeconfig_file;
    if (!file.empty()) file = (std::filesystem::path(folder) / file).string();
  }
}

}  // namespace baro::discovery
