// PodsOptions: where the containers of this node are found, and what their series are called.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "agent/node/node_options.h"
#include "baro/kubernetes/client.h"

namespace baro::agent {

struct PodsOptions {
  bool enabled = false;
  NodePaths paths;
  // The kubelet on this node; an empty server: containers are told without names.
  kubernetes::ClientConfig kubelet;
  std::chrono::milliseconds kubelet_interval{10'000};
  // The API server, for this node's own Node object; `node_name` empty: not asked.
  kubernetes::ClientConfig api;
  std::string node_name;
  std::chrono::milliseconds node_interval{30'000};

  std::chrono::milliseconds interval{15'000};
  std::string job = "kubelet";
  std::string metrics_path = "/metrics/cadvisor";  // empty: no such label
  std::string kube_job = "kube-state-metrics";     // of kube_pod_* and kube_node_*
  std::string kube_instance = "kube-state-metrics";
  std::string instance;           // empty: as of the node
  bool workload_labels = true;    // workload and workload_type on every container series
  bool object_labels = true;      // kube_pod_labels, kube_node_labels
  size_t descriptors_max = 4096;  // that may be kept open for control groups
  bool operator==(const PodsOptions&) const = default;
};

}  // namespace baro::agent
