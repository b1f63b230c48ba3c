// PodsCollector: one pass over all control groups of this node: cAdvisor's container_* series, and
// kube_pod_*, kube_node_* from what the kubelet and the API server say.
//
//   CgroupTree (which groups) ─► CgroupFiles (numbers) ─┐
//   kubelet /pods ─► PodRecords (whose they are) ───────┴─► Section ─► RowTarget, one a group
//                └─► ObjectRows (kube_pod_*)
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/kube/object_rows.h"
#include "agent/node/row_target.h"
#include "agent/node/section.h"
#include "baro/agent/row_sink.h"
#include "baro/base/clock.h"
#include "baro/kubernetes/json.h"
#include "cgroup_files.h"
#include "cgroup_tree.h"
#include "container_series.h"
#include "oom_ledger.h"
#include "pod_list.h"
#include "pod_network.h"
#include "pods_options.h"

namespace baro::agent {

struct PodsStats {
  int64_t last_pass_ms = 0;
  int64_t last_pass_us = 0;  // how long it took
  size_t groups = 0;
  size_t groups_unknown = 0;  // that the kubelet has not named yet
  size_t pods = 0;
  uint64_t groups_left_out = 0;
  uint64_t rows_refused = 0;
  uint64_t passes = 0;
  std::string kubelet_error;  // of the last question; empty: it answered
  std::string node_error;
};

// Thread-compatible.
class PodsCollector {
 public:
  // `sink` and `clock` outlive it.
  PodsCollector(PodsOptions options, RowSink* sink, const base::Clock* clock);
  ~PodsCollector();

  // What the kubelet's /pods answered; else why it did not.
  void SetPods(const kubernetes::Json& list);
  void SetPodsError(std::string error) { stats_.kubelet_error = std::move(error); }
  void SetNode(const kubernetes::Json& node);
  void SetNodeError(std::string error) { stats_.node_error = std::move(error); }

  void Pass();
  // All series become stale: the collector goes away for good.
  void Retire();

  const PodsStats& stats() const { return stats_; }

 private:
  struct Group;

  void SyncGroups();
  void Resolve(Group* group);
  void SetIdentity(Group* group, model::Labels labels);
  model::Labels LabelsOf(const Group& group) const;
  void ReadGroups();
  void UpdateLedger();
  void AppendGroups(int64_t time_ms);
  void AppendGroup(Group* group, int64_t time_ms);
  void AppendOwn(int64_t time_ms, double seconds);
  void PutMachine();

  const PodsOptions options_;
  RowSink* const sink_;
  const base::Clock* const clock_;
  model::Labels common_;
  CgroupTree tree_;
  DescriptorBudget budget_;
  DeviceNames devices_;
  ProcessIndex processes_;
  OomLedger ledger_;
  std::map<std::string, std::unique_ptr<Group>> groups_;  // by path: a pod before its containers
  PodRecords pods_;
  uint64_t pods_version_ = 0;
  ObjectRows pod_rows_;
  ObjectRows node_rows_;
  std::vector<std::string> pod_keys_;  // told by the last list
  Section own_;
  RowTarget own_row_;
  std::vector<double> values_;
  PodsStats stats_;
};

}  // namespace baro::agent
