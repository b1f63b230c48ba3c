#include "split.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace baro::tsdb {
namespace {

// Sorted. Names that Kubernetes service discovery, the usual exporters' external labels and the
// TSBS host schema put on every series of a source.
constexpr std::array<std::string_view, 45> kTargetNames = {
    "__replica__",
    "app",
    "application",
    "arch",
    "az",
    "cluster",
    "cluster_id",
    "container",
    "daemonset",
    "datacenter",
    "dc",
    "deployment",
    "endpoint",
    "env",
    "environment",
    "exported_instance",
    "exported_job",
    "host",
    "host_name",
    "hostname",
    "instance",
    "instance_id",
    "job",
    "k8s_cluster",
    "namespace",
    "node",
    "nodename",
    "os",
    "pod",
    "prometheus",
    "prometheus_replica",
    "rack",
    "region",
    "replica",
    "replicaset",
    "server",
    "service",
    "service_environment",
    "service_version",
    "stage",
    "statefulset",
    "team",
    "tenant",
    "workload",
    "zone",
};
static_assert(std::is_sorted(kTargetNames.begin(), kTargetNames.end()));

// Sorted. What a container or pod is known by besides its name, as cAdvisor and kube-state-metrics
// have it: of a series with a pod they say no more than the pod does, but a column each would make
// every pod's columns its own. Elsewhere (a systemd unit's name, a disk's id) they tell series of
// one target apart.
constexpr std::array<std::string_view, 6> kPodNames = {
    "container_id", "id", "image", "image_id", "name", "uid",
};
static_assert(std::is_sorted(kPodNames.begin(), kPodNames.end()));

template <size_t kSize>
bool Contains(const std::array<std::string_view, kSize>& names, std::string_view name) {
  return std::binary_search(names.begin(), names.end(), name);
}

}  // namespace

void SplitLabels(const model::Labels& labels, LabelHalves* halves) {
  halves->target.clear();
  halves->column.clear();
  const bool of_pod = labels.Has("pod");
  for (const model::Label& label : labels) {
    const bool shared =
        Contains(kTargetNames, label.name) || (of_pod && Contains(kPodNames, label.name));
    (shared ? halves->target : halves->column).push_back({label.name, label.value});
  }
}

}  // namespace baro::tsdb
