// ClusterCollector: --mode=cluster: the kube_* families of a whole cluster, from watches of the
// Kubernetes API, by the one agent that holds the lease.
//
//   lease ──► leading: one ResourceWatch a resource ──► ObjectRows ──► a row an object each
//   interval
//         ──► not leading: nothing; the series go on with the next holder's rows
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/agent/row_sink.h"
#include "baro/base/clock.h"
#include "baro/kubernetes/client.h"
#include "lease_election.h"
#include "object_rows.h"

namespace baro::agent {

struct ClusterOptions {
  kubernetes::ClientConfig api;        // an empty server: the pod's own service account
  std::vector<std::string> resources;  // empty: all there are
  std::string job = "kube-state-metrics";
  // The same for all agents of a cluster, so that series survive a change of the holder.
  std::string instance = "kube-state-metrics";
  std::chrono::milliseconds interval{30'000};
  bool labels = true;             // kube_…_labels
  bool unscheduled_pods = false;  // only pods without a node: agents on nodes tell the others
  bool elect = true;
  LeaseOptions lease;
  bool operator==(const ClusterOptions&) const = default;
};

struct ResourceState {
  std::string name;
  kubernetes::WatchStats watch;
  ObjectRowsStats rows;
};
struct ClusterState {
  bool leading = false;
  std::string lease_error;
  int64_t last_pass_ms = 0;
  std::vector<ResourceState> resources;  // of the holder
};

// Thread-safe. The destructor stops.
class ClusterCollector {
 public:
  // `sink` and `clock` outlive it. Errors: InvalidArgument (a resource that there is not, an
  // interval of zero), FailedPrecondition (no API server to be found).
  static absl::StatusOr<std::unique_ptr<ClusterCollector>> Make(ClusterOptions options,
                                                                RowSink* sink,
                                                                const base::Clock* clock);
  ~ClusterCollector();

  void Start();
  // With `retire` all series are marked stale: they will not come back.
  void Stop(bool retire);
  ClusterState state() const;

 private:
  struct Impl;
  explicit ClusterCollector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace baro::agent
