#include <set>
#include <utility>

#include "baro/base/strings.h"
#include "kubernetes_objects.h"

namespace baro::discovery {
namespace {

constexpr std::string_view kPod = "__meta_kubernetes_pod_";

// Of two labels of one name the one that is added wins.
void Merge(const MetaLabels& more, MetaLabels* labels) {
  for (const auto& [name, value] : more) (*labels)[name] = value;
}

std::string HostPort(std::string_view host, uint32_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return base::StrCat(v6 ? "[" : "", host, v6 ? "]" : "", ":", port);
}

void Set(std::string_view name, std::string_view value, MetaLabels* labels) {
  (*labels)[base::StrCat(kPod, name)] = value;
}

void AddContainer(const KubeContainer& container, MetaLabels* labels) {
  Set("container_name", container.name, labels);
  Set("container_image", container.image, labels);
  Set("container_init", container.init ? "true" : "false", labels);
}

void AddPort(const KubePort& port, std::string_view protocol, MetaLabels* labels) {
  Set("container_port_name", port.name, labels);
  Set("container_port_number", std::to_string(port.number.value_or(0)), labels);
  Set("container_port_protocol", protocol, labels);
}

class Joining {
 public:
  Joining(const KubernetesDiscovery& discovery, const KubeCluster& cluster)
      : discovery_(discovery), cluster_(cluster) {}

  void AddPods() {
    for (const auto& [key, pod] : cluster_.pods) AddPodTargets(pod);
  }
  void AddObjects(const std::map<std::string, KubeObject>& objects) {
    for (const auto& [key, object] : objects) {
      MetaLabels shared = object.labels;
      AttachNamespace(object.its_namespace, &shared);
      for (const TargetGroup& own : object.targets) {
        Put(own.targets.front(), shared, own.labels);
      }
    }
  }
  void AddEndpoints() {
    for (const auto& [key, endpoints] : cluster_.endpoints) AddEndpointTargets(endpoints);
  }
  std::vector<TargetGroup> Take() { return std::move(groups_); }

 private:
  void Put(std::string address, const MetaLabels& shared, const MetaLabels& own) {
    TargetGroup& group = groups_.emplace_back();
    group.targets.push_back(std::move(address));
    group.labels = shared;
    Merge(own, &group.labels);
  }

  void AttachNamespace(const std::string& name, MetaLabels* labels) const {
    if (!discovery_.attach_namespace_metadata) return;
    const auto found = cluster_.namespaces.find(name);
    if (found != cluster_.namespaces.end()) Merge(found->second.meta, labels);
  }

  void AttachNode(const std::string& name, MetaLabels* labels) const {
    if (!discovery_.attach_node_metadata || name.empty()) return;
    const auto found = cluster_.nodes.find(name);
    if (found != cluster_.nodes.end()) Merge(found->second.meta, labels);
  }

  // One target a container and port; a container without ports is one as well.
  void AddPodTargets(const KubePod& pod) {
    if (pod.ip.empty()) return;
    // A selector may leave out nodes, and with them what runs there.
    if (discovery_.attach_node_metadata && !cluster_.nodes.contains(pod.node_name)) return;
    MetaLabels shared = pod.labels;
    shared["__meta_kubernetes_namespace"] = pod.its_namespace;
    AttachNode(pod.node_name, &shared);
    AttachNamespace(pod.its_namespace, &shared);
    for (const KubeContainer& container : pod.containers) {
      MetaLabels own;
      AddContainer(container, &own);
      Set("container_id", container.id, &own);
      if (container.ports.empty()) Put(pod.ip, shared, own);
      for (const KubePort& port : container.ports) {
        AddPort(port, port.protocol, &own);
        Put(HostPort(pod.ip, port.number.value_or(0)), shared, own);
      }
    }
  }

  void AddEndpointTargets(const KubeEndpoints& endpoints) {
    MetaLabels shared = endpoints.labels;
    const auto service = cluster_.services.find(endpoints.service);
    if (service != cluster_.services.end()) {
      Merge(service->second.meta, &shared);
      const std::string& primary = service->second.primary_address_type;
      const bool slice = discovery_.role == KubernetesRole::kEndpointSlice;
      if (slice && !primary.empty() && primary != endpoints.address_type) return;
    }
    AttachNamespace(endpoints.its_namespace, &shared);
    std::map<std::string, std::set<uint32_t>> ports_of_pods;
    for (const KubeEndpoint& endpoint : endpoints.endpoints) {
      MetaLabels own = endpoint.labels;
      AttachNode(endpoint.node, &own);
      const auto pod = cluster_.pods.find(endpoint.pod);
      if (pod != cluster_.pods.end()) {
        AddPodOfEndpoint(pod->second, endpoint, &own);
        std::set<uint32_t>& ports = ports_of_pods[endpoint.pod];
        if (endpoint.port.number) ports.insert(*endpoint.port.number);
      }
      Put(endpoint.address, shared, own);
    }
    for (const auto& [key, ports] : ports_of_pods) {
      AddOtherPorts(cluster_.pods.at(key), ports, shared);
    }
  }

  void AddPodOfEndpoint(const KubePod& pod, const KubeEndpoint& endpoint, MetaLabels* own) const {
    Merge(pod.labels, own);
    for (const KubeContainer& container : pod.containers) {
      for (const KubePort& port : container.ports) {
        if (!endpoint.port.number || port.number != endpoint.port.number) continue;
        AddContainer(container, own);
        const bool slice = discovery_.role == KubernetesRole::kEndpointSlice;
        AddPort(port, slice ? port.protocol : endpoint.port.protocol, own);
        break;
      }
    }
  }

  // Ports of the pods behind a service that the service does not lead to.
  void AddOtherPorts(const KubePod& pod, const std::set<uint32_t>& led_to,
                     const MetaLabels& shared) {
    if (pod.ip.empty()) return;
    for (const KubeContainer& container : pod.containers) {
      for (const KubePort& port : container.ports) {
        if (!port.number || led_to.contains(*port.number)) continue;
        MetaLabels own;
        AddContainer(container, &own);
        AddPort(port, port.protocol, &own);
        Merge(pod.labels, &own);
        Put(HostPort(pod.ip, *port.number), shared, own);
      }
    }
  }

  const KubernetesDiscovery& discovery_;
  const KubeCluster& cluster_;
  std::vector<TargetGroup> groups_;
};

}  // namespace

std::vector<TargetGroup> GroupsOf(const KubernetesDiscovery& discovery,
                                  const KubeCluster& cluster) {
  Joining joining(discovery, cluster);
  switch (discovery.role) {
    case KubernetesRole::kPod:
      joining.AddPods();
      break;
    case KubernetesRole::kNode:
      joining.AddObjects(cluster.nodes);
      break;
    case KubernetesRole::kService:
      joining.AddObjects(cluster.services);
      break;
    case KubernetesRole::kIngress:
      joining.AddObjects(cluster.ingresses);
      break;
    case KubernetesRole::kEndpoints:
    case KubernetesRole::kEndpointSlice:
      joining.AddEndpoints();
      break;
  }
  return joining.Take();
}

}  // namespace baro::discovery
