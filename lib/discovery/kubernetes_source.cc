#include "kubernetes_source.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <fstream>
#include <functional>
#include <utility>

#include "baro/base/random.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/kubernetes/client.h"
#include "baro/kubernetes/resource_watch.h"
#include "kubernetes_objects.h"

namespace baro::discovery {

namespace asio = boost::asio;
using kubernetes::Json;

namespace {

absl::StatusOr<kubernetes::ClientConfig> ClientOf(const KubernetesDiscovery& discovery) {
  if (!discovery.kubeconfig_file.empty()) {
    return kubernetes::ReadKubeConfig(discovery.kubeconfig_file);
  }
  if (discovery.api_server.empty()) return kubernetes::InClusterConfig();
  kubernetes::ClientConfig config;
  config.server = discovery.api_server;
  while (config.server.ends_with('/')) config.server.pop_back();
  config.http = discovery.http;
  return config;
}

// One resource in one namespace (or in all), kept in a map of the cluster.
class Watched final : public kubernetes::ObjectSink {
 public:
  struct Into {
    std::function<void(const std::string& key, const Json& object)> set;
    std::function<void(const std::string& key)> remove;
  };
  Watched(const asio::any_io_executor& executor, kubernetes::ClientConfig client,
          kubernetes::WatchOptions options, Into into, std::function<void()> on_change)
      : into_(std::move(into)),
        on_change_(std::move(on_change)),
        watch_(executor, std::move(client), std::move(options), this) {}

  void Set(const std::string& key, const Json& object) override {
    into_.set(key, object);
    on_change_();
  }
  void Remove(const std::string& key) override {
    into_.remove(key);
    on_change_();
  }
  void Synced() override { on_change_(); }
  kubernetes::ResourceWatch& watch() { return watch_; }

 private:
  const Into into_;
  const std::function<void()> on_change_;
  kubernetes::ResourceWatch watch_;
};

// Lives until the last of its watches has ended.
class Cluster : public std::enable_shared_from_this<Cluster> {
 public:
  Cluster(KubernetesDiscovery discovery, const SourceContext& context)
      : discovery_(std::move(discovery)), context_(context) {}

  bool Poll() {
    if (!started_) Start();
    const bool synced =
        !watches_.empty() && std::all_of(watches_.begin(), watches_.end(), [](const auto& watched) {
          return watched->watch().stats().synced;
        });
    return synced && std::exchange(changed_, false);
  }
  void Close() {
    for (const auto& watched : watches_) watched->watch().Close();
  }

  std::vector<TargetGroup> groups() const { return GroupsOf(discovery_, cluster_); }
  uint64_t errors() const {
    uint64_t errors = start_error_.empty() ? 0 : 1;
    for (const auto& watched : watches_) {
      errors += watched->watch().stats().list_errors + watched->watch().stats().watch_errors;
    }
    return errors;
  }
  std::vector<std::pair<std::string, std::string>> Broken() const {
    std::vector<std::pair<std::string, std::string>> broken;
    if (!start_error_.empty()) broken.emplace_back(discovery_.api_server, start_error_);
    for (const auto& watched : watches_) {
      const std::string& error = watched->watch().stats().last_error;
      if (!error.empty()) broken.emplace_back(watched->watch().options().path, error);
    }
    return broken;
  }

 private:
  void Start() {
    started_ = true;
    auto client = ClientOf(discovery_);
    if (!client.ok()) {
      start_error_ = base::FromAbsl(client.status().message());
      return;
    }
    std::vector<std::string> namespaces = discovery_.namespaces;
    if (discovery_.own_namespace) {
      std::ifstream file(base::StrCat(kubernetes::kServiceAccountFolder, "/namespace"));
      std::string own;
      if (file >> own) namespaces.push_back(own);
    }
    if (namespaces.empty()) namespaces.emplace_back();
    for (const std::string& name : namespaces) WatchNamespace(*client, name);
    WatchWholeCluster(*client);
    for (const auto& watched : watches_) {
      asio::co_spawn(context_.executor, watched->watch().Run(),
                     [self = shared_from_this()](const std::exception_ptr&) {});
    }
  }

  void WatchNamespace(const kubernetes::ClientConfig& client, const std::string& name) {
    const KubernetesRole role = discovery_.role;
    const bool endpoints =
        role == KubernetesRole::kEndpoints || role == KubernetesRole::kEndpointSlice;
    if (role == KubernetesRole::kPod || endpoints) {
      Watch(client, KubernetesRole::kPod, "/api/v1", name, "pods", &cluster_.pods, ReadPod);
    }
    if (role == KubernetesRole::kService || endpoints) {
      Watch(client, KubernetesRole::kService, "/api/v1", name, "services", &cluster_.services,
            ReadService);
    }
    if (role == KubernetesRole::kEndpoints) {
      Watch(client, role, "/api/v1", name, "endpoints", &cluster_.endpoints, ReadEndpoints);
    }
    if (role == KubernetesRole::kEndpointSlice) {
      Watch(client, role, "/apis/discovery.k8s.io/v1", name, "endpointslices", &cluster_.endpoints,
            ReadEndpointSlice);
    }
    if (role == KubernetesRole::kIngress) {
      Watch(client, role, "/apis/networking.k8s.io/v1", name, "ingresses", &cluster_.ingresses,
            ReadIngress);
    }
  }

  void WatchWholeCluster(const kubernetes::ClientConfig& client) {
    const KubernetesRole role = discovery_.role;
    const bool attaches_nodes = discovery_.attach_node_metadata &&
                                role != KubernetesRole::kService &&
                                role != KubernetesRole::kIngress;
    if (role == KubernetesRole::kNode || attaches_nodes) {
      Watch(client, KubernetesRole::kNode, "/api/v1", "", "nodes", &cluster_.nodes, ReadNode);
    }
    if (discovery_.attach_namespace_metadata && role != KubernetesRole::kNode) {
      Watch(client, std::nullopt, "/api/v1", "", "namespaces", &cluster_.namespaces, ReadNamespace);
    }
  }

  template <typename T>
  void Watch(const kubernetes::ClientConfig& client, std::optional<KubernetesRole> role,
             std::string_view api, const std::string& its_namespace, std::string_view resource,
             std::map<std::string, T>* into, T (*read)(const Json&)) {
    kubernetes::WatchOptions options;
    options.path = base::StrCat(api, its_namespace.empty() ? "" : "/namespaces/", its_namespace,
                                "/", resource);
    options.seed = base::RandomSeed();
    for (const KubernetesSelector& selector : discovery_.selectors) {
      if (selector.role != role) continue;
      options.label_selector = selector.label;
      options.field_selector = selector.field;
    }
    Watched::Into sink{
        [into, read](const std::string& key, const Json& object) { (*into)[key] = read(object); },
        [into](const std::string& key) { into->erase(key); }};
    watches_.push_back(std::make_unique<Watched>(context_.executor, client, std::move(options),
                                                 std::move(sink), [this] { OnChange(); }));
  }

  // Changes come in crowds: they are joined at the next poll.
  void OnChange() { changed_ = true; }

  const KubernetesDiscovery discovery_;
  const SourceContext context_;
  KubeCluster cluster_;
  std::vector<std::unique_ptr<Watched>> watches_;
  std::string start_error_;
  bool started_ = false;
  bool changed_ = false;
};

class KubernetesSource final : public Source {
 public:
  KubernetesSource(KubernetesDiscovery discovery, const SourceContext& context)
      : cluster_(std::make_shared<Cluster>(std::move(discovery), context)) {}
  ~KubernetesSource() override { cluster_->Close(); }

  bool Poll(int64_t /*now_ms*/) override {
    if (!cluster_->Poll()) return false;
    groups_ = cluster_->groups();
    return true;
  }
  std::vector<TargetGroup> groups() const override { return groups_; }
  uint64_t errors() const override { return cluster_->errors(); }
  std::vector<std::pair<std::string, std::string>> Broken() const override {
    return cluster_->Broken();
  }

 private:
  const std::shared_ptr<Cluster> cluster_;
  std::vector<TargetGroup> groups_;
};

}  // namespace

std::unique_ptr<Source> MakeKubernetesSource(KubernetesDiscovery discovery,
                                             const SourceContext& context) {
  return std::make_unique<KubernetesSource>(std::move(discovery), context);
}

}  // namespace baro::discovery
