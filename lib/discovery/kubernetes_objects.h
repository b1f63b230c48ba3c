// Kubernetes' objects as discovery sees them: what of each becomes labels and addresses, as
// Prometheus' kubernetes_sd_configs has it. An object is read once, when it changes; targets are
// joined from what was read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baro/discovery/configs.h"
#include "baro/discovery/target_group.h"
#include "baro/kubernetes/json.h"

namespace baro::discovery {

using MetaLabels = std::map<std::string, std::string>;

struct KubePort {
  std::optional<uint32_t> number;
  std::string name;
  std::string protocol;
};

struct KubeContainer {
  std::string name;
  std::string image;
  std::string id;
  bool init = false;
  std::vector<KubePort> ports;
};

struct KubePod {
  std::string ip;
  std::string node_name;
  std::string its_namespace;
  MetaLabels labels;
  std::vector<KubeContainer> containers;
};

// Nodes, services, ingresses, namespaces: all that joining needs of them.
struct KubeObject {
  std::string its_namespace;
  MetaLabels meta;                   // of its metadata alone: what other objects attach
  MetaLabels labels;                 // of its own targets
  std::vector<TargetGroup> targets;  // each with what is its own
  std::string primary_address_type;  // of a service of two address families: IPv4 or IPv6
};

// One address and port of Endpoints or of an EndpointSlice.
struct KubeEndpoint {
  std::string address;
  MetaLabels labels;
  KubePort port;
  std::string pod;   // namespace/name, when a pod is behind it
  std::string node;  // its name, when it is told
};

struct KubeEndpoints {
  std::string its_namespace;
  MetaLabels labels;
  std::string service;       // namespace/name
  std::string address_type;  // of slices
  std::vector<KubeEndpoint> endpoints;
};

KubePod ReadPod(const kubernetes::Json& object);
KubeObject ReadNode(const kubernetes::Json& object);
KubeObject ReadService(const kubernetes::Json& object);
KubeObject ReadIngress(const kubernetes::Json& object);
KubeObject ReadNamespace(const kubernetes::Json& object);
KubeEndpoints ReadEndpoints(const kubernetes::Json& object);
KubeEndpoints ReadEndpointSlice(const kubernetes::Json& object);

// Everything known of a cluster, by "namespace/name" (nodes and namespaces: by name).
struct KubeCluster {
  std::map<std::string, KubePod> pods;
  std::map<std::string, KubeObject> nodes;
  std::map<std::string, KubeObject> services;
  std::map<std::string, KubeObject> ingresses;
  std::map<std::string, KubeObject> namespaces;
  std::map<std::string, KubeEndpoints> endpoints;  // or slices
};

// The targets of a role. Attached metadata is that of objects in `cluster`.
std::vector<TargetGroup> GroupsOf(const KubernetesDiscovery& discovery, const KubeCluster& cluster);

}  // namespace baro::discovery
