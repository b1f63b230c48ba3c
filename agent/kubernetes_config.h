// The keys `pods`, `cluster` and `profile` of the agent's configuration.
//
//   profile: kubernetes-mixin        # which job labels dashboards and rules expect
//   pods:                            # containers of this node
//     interval: 15s
//     kubelet: {url: "https://127.0.0.1:10250", tls_config: {insecure_skip_verify: true}}
//   cluster:                         # with --mode=cluster
//     interval: 30s
//     pods: unscheduled              # agents on nodes tell the others
//     lease: {namespace: monitoring, name: baro-agent-cluster}
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/kube/cluster_collector.h"
#include "agent/node/node_options.h"
#include "agent/pods/pods_options.h"
#include "baro/base/yaml.h"

namespace baro::agent {

// File names are relative to `folder`. An empty `pods:` switches pods on, with the defaults of a
// DaemonSet: the kubelet on $NODE_IP (else 127.0.0.1), the pod's own service account.
absl::Status ReadPods(const base::YamlNode& node, const std::string& folder, PodsOptions* pods);
absl::Status ReadCluster(const base::YamlNode& node, const std::string& folder,
                         ClusterOptions* cluster);

// The labels job (and metrics_path) that a family of dashboards and rules filters by:
//   kube-prometheus   node-exporter; kubelet with metrics_path=/metrics/cadvisor
//   kubernetes-mixin  node-exporter; cadvisor
//   node-mixin        node; cadvisor
// What the configuration names itself stays. Error: InvalidArgument (another name).
struct JobProfile {
  std::string_view node_job;
  std::string_view pods_job;
  std::string_view pods_metrics_path;
};
absl::StatusOr<JobProfile> FindJobProfile(std::string_view name);

}  // namespace baro::agent
