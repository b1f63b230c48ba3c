// kube_node_*: from a Node object.
#include <string>

#include "resources.h"

namespace baro::agent {
namespace {

using kubernetes::Json;

constexpr SimpleFamily kSimple[] = {
    {{"kube_node_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_node_deletion_timestamp", "Unix deletion timestamp"},
     "metadata.deletionTimestamp",
     Reading::kTime},
    {{"kube_node_spec_unschedulable", "Whether a node can schedule new pods."},
     "spec.unschedulable",
     Reading::kFlag},
};

constexpr KubeFamily kInfo{"kube_node_info", "Information about a cluster node."};
constexpr KubeFamily kRole{"kube_node_role", "The role of a cluster node."};
constexpr KubeFamily kTaint{"kube_node_spec_taint", "The taint of a cluster node."};
constexpr KubeFamily kAllocatable{
    "kube_node_status_allocatable",
    "The allocatable for different resources of a node that are available for scheduling."};
constexpr KubeFamily kCapacity{"kube_node_status_capacity",
                               "The capacity for different resources of a node."};
constexpr KubeFamily kCondition{"kube_node_status_condition", "The condition of a cluster node."};
constexpr KubeFamily kAddresses{"kube_node_status_addresses", "Node address information."};

void AddInfo(const Json& node, ObjectSeries* series) {
  const Json facts = node["status"]["nodeInfo"];
  std::string_view internal_ip;
  for (const Json& address : node["status"]["addresses"].Items()) {
    const std::string_view type = address["type"].Text();
    if (type == "InternalIP") internal_ip = address["address"].Text();
    series->Add(kAddresses, {{"type", type}, {"address", address["address"].Text()}}, 1);
  }
  series->Add(kInfo,
              {{"kernel_version", facts["kernelVersion"].Text()},
               {"os_image", facts["osImage"].Text()},
               {"container_runtime_version", facts["containerRuntimeVersion"].Text()},
               {"kubelet_version", facts["kubeletVersion"].Text()},
               {"kubeproxy_version", facts["kubeProxyVersion"].Text()},
               {"provider_id", node["spec"]["providerID"].Text()},
               {"pod_cidr", node["spec"]["podCIDR"].Text()},
               {"system_uuid", facts["systemUUID"].Text()},
               {"internal_ip", internal_ip}},
              1);
}

}  // namespace

const std::span<const SimpleFamily> kNodeSimple = kSimple;

void AddNode(const Json& node, ObjectSeries* series) {
  constexpr std::string_view kRolePrefix = "node-role.kubernetes.io/";
  AddInfo(node, series);
  node["metadata"]["labels"].ForEachField([&](std::string_view key, const Json&) {
    if (key.starts_with(kRolePrefix)) {
      series->Add(kRole, {{"role", key.substr(kRolePrefix.size())}}, 1);
    }
  });
  for (const Json& taint : node["spec"]["taints"].Items()) {
    series->Add(kTaint,
                {{"key", taint["key"].Text()},
                 {"value", taint["value"].Text()},
                 {"effect", taint["effect"].Text()}},
                1);
  }
  AddResources(kAllocatable, {}, node["status"]["allocatable"], series);
  AddResources(kCapacity, {}, node["status"]["capacity"], series);
  AddConditions(kCondition, node, series);
}

}  // namespace baro::agent
