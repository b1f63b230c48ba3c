// PodList: what the kubelet's /pods says about the pods of this node, as far as container metrics
// need it: who a control group belongs to.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/kubernetes/json.h"

namespace baro::agent {

// The controller that people know: of a ReplicaSet its Deployment, of a Job its CronJob.
struct Workload {
  std::string kind;  // empty: none
  std::string name;
};

struct ContainerRecord {
  std::string name;
  std::string image;
  std::string id;                // without "containerd://"
  double started_seconds = 0;    // 0: not known
  bool oom_killed_last = false;  // its last end was an OOM kill
  double last_end_seconds = 0;
};

struct PodRecord {
  std::string uid;    // as control groups name it: of a static pod its config hash
  std::string space;  // namespace
  std::string name;
  Workload workload;
  bool host_network = false;
  double created_seconds = 0;
  std::vector<ContainerRecord> containers;  // with init and ephemeral ones
};

// Pods that are not finished, by uid. Pods beyond this are left out.
inline constexpr size_t kPodsOfNodeMax = 2048;
using PodRecords = std::map<std::string, PodRecord>;

// Reads a PodList object.
PodRecords ReadPodRecords(const kubernetes::Json& list);
PodRecord ReadPodRecord(const kubernetes::Json& pod);
// Deployments name their ReplicaSets "<name>-<hash>", CronJobs their Jobs "<name>-<minutes>".
Workload WorkloadOf(const kubernetes::Json& pod);

}  // namespace baro::agent
