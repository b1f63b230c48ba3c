// NodeTarget: this node as one target. Runs the collectors that are due and appends one row.
//
// The row is the sections of all collectors, one behind the other. Its layout changes only when a
// device, mount or CPU comes or goes; a collector that fails keeps its columns, which then hold
// stale markers, and one that is not due yet leaves kNoSample in its columns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/agent/row_sink.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "collector.h"
#include "node_metrics.h"

namespace baro::agent {

// The label `instance`: as configured, else $NODE_NAME, else the host's name.
std::string NodeInstance(const NodeOptions& options);

// One collector as /targets shows it.
struct CollectorState {
  std::string name;
  int64_t interval_ms = 0;
  bool healthy = false;
  std::string last_error;
  int64_t last_duration_us = 0;
  size_t columns = 0;
};

struct NodeState {
  std::string job;
  std::string instance;
  int64_t last_pass_ms = 0;
  uint64_t layout_changes = 0;
  std::vector<CollectorState> collectors;
};

// Pass(), next_pass_ns() and Retire() are for one thread; state() for any.
class NodeTarget {
 public:
  // `sink`, `metrics` and `clock` outlive it. Error: InvalidArgument (an unknown collector, a
  // filter that is no regular expression, an interval of zero).
  static absl::StatusOr<std::unique_ptr<NodeTarget>> Make(NodeOptions options, RowSink* sink,
                                                          NodeMetrics* metrics,
                                                          const base::Clock* clock);
  ~NodeTarget();

  // Runs what is due. A failure to deliver is counted by its reason.
  void Pass();
  // When the next collector is due (base::Clock's monotonic time).
  int64_t next_pass_ns() const;
  // The target goes away for good (a new configuration): marks all its series stale.
  void Retire();

  NodeState state() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Member;
  NodeTarget(NodeOptions options, RowSink* sink, NodeMetrics* metrics, const base::Clock* clock);

  absl::Status AddCollector(const CollectorEntry& entry, const CollectorContext& context);
  int64_t RowTimeMs(int64_t now_ns);
  void Collect(Member* member);
  static int64_t Reschedule(Member* member, int64_t now_ns);
  void PutOwn(int64_t pass_ns);
  void Append(int64_t time_ms);
  absl::Status Redeclare(int64_t time_ms);
  void AppendStale(int64_t time_ms, const std::vector<model::Column>& columns);
  void FillState(int64_t time_ms) ABSL_LOCKS_EXCLUDED(mutex_);

  const NodeOptions options_;
  RowSink* const sink_;
  NodeMetrics* const metrics_;
  const base::Clock* const clock_;
  model::Labels labels_;

  std::vector<std::unique_ptr<Member>> members_;
  Section own_;  // up and what the collectors are doing
  TargetHandle target_ = 0;
  bool declared_ = false;
  model::Layout layout_;  // as declared
  std::vector<double> row_;
  uint64_t layout_changes_ = 0;
  int64_t last_time_ms_ = 0;
  int64_t anchor_ns_ = 0;  // RowTimeMs(): the monotonic and the wall time of one moment
  int64_t anchor_ms_ = 0;

  mutable base::Mutex mutex_;
  NodeState state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::agent
