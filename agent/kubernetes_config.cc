#include "agent/kubernetes_config.h"

#include <cstdlib>
#include <filesystem>

#include "agent/kube/resources.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/url.h"

namespace baro::agent {
namespace {

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void RequirePositive(base::YamlMap* map, std::string_view key, std::chrono::milliseconds value) {
  if (value.count() <= 0) map->Fail(key, base::StrCat(key, " must be longer than 0"));
}

// `url` and Prometheus' keys of who we are to it; the pod's own service account by default.
struct ServerConfig {
  kubernetes::ClientConfig client;
  std::chrono::milliseconds interval{0};
};

void UseServiceAccount(kubernetes::ClientConfig* client) {
  const std::string folder(kubernetes::kServiceAccountFolder);
  std::error_code error;
  if (client->http.authorization || client->http.basic_auth ||
      !client->http.tls.cert_file.empty() || !std::filesystem::exists(folder, error)) {
    return;
  }
  client->http.authorization.emplace();
  client->http.authorization->credentials_file = folder + "/token";
  if (client->http.tls == net::TlsOptions()) client->http.tls.ca_file = folder + "/ca.crt";
}

absl::Status ReadServer(const base::YamlNode& node, const std::string& folder,
                        ServerConfig* server) {
  base::YamlMap map(node);
  map.Optional("url", &server->client.server);
  map.Optional("interval", &server->interval);
  net::ReadHttpClientConfig(&map, &server->client.http);
  if (!server->client.server.empty()) {
    const absl::Status valid = net::ParseUrl(server->client.server).status();
    if (!valid.ok()) map.Fail("url", base::FromAbsl(valid.message()));
    while (server->client.server.ends_with('/')) server->client.server.pop_back();
  }
  net::MakePathsAbsolute(folder, &server->client.http);
  return map.Finish();
}

void ReadServerKey(std::string_view key, const std::string& folder, base::YamlMap* map,
                   ServerConfig* server) {
  const base::YamlNode* const node = map->Take(key);
  if (node != nullptr && map->ok()) map->Keep(ReadServer(*node, folder, server));
}

absl::Status ReadLease(const base::YamlNode& node, ClusterOptions* cluster) {
  base::YamlMap map(node);
  map.Optional("enabled", &cluster->elect);
  map.Optional("namespace", &cluster->lease.space);
  map.Optional("name", &cluster->lease.name);
  map.Optional("identity", &cluster->lease.identity);
  return map.Finish();
}

}  // namespace

absl::Status ReadPods(const base::YamlNode& node, const std::string& folder, PodsOptions* pods) {
  base::YamlMap map(node);
  pods->enabled = true;
  const std::string node_ip = Environment("NODE_IP");
  const bool is_ipv6 = node_ip.find(':') != std::string::npos;
  ServerConfig kubelet;
  kubelet.client.server =
      base::StrCat("https://", is_ipv6 ? "[" : "", node_ip.empty() ? "127.0.0.1" : node_ip,
                   is_ipv6 ? "]" : "", ":10250");
  kubelet.interval = pods->kubelet_interval;
  ServerConfig api;
  api.interval = pods->node_interval;
  pods->node_name = Environment("NODE_NAME");
  map.Optional("enabled", &pods->enabled);
  map.Optional("interval", &pods->interval);
  map.Optional("node_name", &pods->node_name);
  map.Optional("job", &pods->job);
  map.Optional("metrics_path", &pods->metrics_path);
  map.Optional("instance", &pods->instance);
  map.Optional("workload_labels", &pods->workload_labels);
  map.Optional("object_labels", &pods->object_labels);
  map.Optional("descriptors_max", &pods->descriptors_max);
  ReadServerKey("kubelet", folder, &map, &kubelet);
  ReadServerKey("api", folder, &map, &api);
  RequirePositive(&map, "interval", pods->interval);
  RequirePositive(&map, "kubelet", kubelet.interval);
  RequirePositive(&map, "api", api.interval);
  UseServiceAccount(&kubelet.client);
  pods->kubelet = std::move(kubelet.client);
  pods->kubelet_interval = kubelet.interval;
  pods->node_interval = api.interval;
  if (api.client.server.empty()) {
    // Outside of a pod there is no API server to ask for the Node object.
    const auto found = kubernetes::InClusterConfig();
    if (found.ok()) api.client = *found;
  } else {
    UseServiceAccount(&api.client);
  }
  pods->api = std::move(api.client);
  return map.Finish();
}

absl::Status ReadCluster(const base::YamlNode& node, const std::string& folder,
                         ClusterOptions* cluster) {
  base::YamlMap map(node);
  ServerConfig api;
  std::string pods = "all";
  map.Optional("interval", &cluster->interval);
  map.Optional("resources", &cluster->resources);
  map.Optional("job", &cluster->job);
  map.Optional("instance", &cluster->instance);
  map.Optional("labels", &cluster->labels);
  map.Optional("pods", &pods);
  ReadServerKey("api", folder, &map, &api);
  const base::YamlNode* const lease = map.Take("lease");
  if (lease != nullptr && map.ok()) map.Keep(ReadLease(*lease, cluster));
  RequirePositive(&map, "interval", cluster->interval);
  if (pods != "all" && pods != "unscheduled") map.Fail("pods", "pods is all or unscheduled");
  for (const std::string& name : cluster->resources) {
    if (FindResource(name) != nullptr) continue;
    map.Fail("resources", base::StrCat("there is no resource \"", name, "\""));
  }
  cluster->unscheduled_pods = pods == "unscheduled";
  if (!api.client.server.empty()) UseServiceAccount(&api.client);
  cluster->api = std::move(api.client);
  return map.Finish();
}

absl::StatusOr<JobProfile> FindJobProfile(std::string_view name) {
  if (name == "kube-prometheus") {
    return JobProfile{"node-exporter", "kubelet", "/metrics/cadvisor"};
  }
  if (name == "kubernetes-mixin") return JobProfile{"node-exporter", "cadvisor", ""};
  if (name == "node-mixin") return JobProfile{"node", "cadvisor", ""};
  return absl::InvalidArgumentError(
      base::StrCat("there is no profile \"", name,
                   "\" (there are: kube-prometheus, kubernetes-mixin, "
                   "node-mixin)"));
}

}  // namespace baro::agent
