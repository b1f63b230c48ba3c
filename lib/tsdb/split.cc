#include "split.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

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

}  // namespace

LabelHalves SplitLabels(const model::Labels& labels) {
  std::vector<model::Label> target;
  std::vector<model::Label> column;
  for (const model::Label& label : labels) {
    const bool shared = std::binary_search(kTargetNames.begin(), kTargetNames.end(), label.name);
    (shared ? target : column).push_back(label);
  }
  return {model::Labels::FromUnsorted(std::move(target)),
          model::Labels::FromUnsorted(std::move(column))};
}

}  // namespace baro::tsdb
