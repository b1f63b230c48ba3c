// NodeLoop: the thread that makes the node's passes on time.
#pragma once

#include <memory>

#include "baro/base/mutex.h"
#include "baro/base/task_group.h"
#include "node_target.h"

namespace baro::agent {

// Thread-safe. The destructor stops.
class NodeLoop {
 public:
  NodeLoop(std::unique_ptr<NodeTarget> target, const base::Clock* clock);
  ~NodeLoop();

  // The first pass is made at once.
  void Start();
  // Waits for the pass under way. With `retire` the target's series are marked stale: it will not
  // come back (a new configuration), other than at the end of the program.
  void Stop(bool retire) ABSL_LOCKS_EXCLUDED(mutex_);

  NodeState state() const { return target_->state(); }

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitUntil(int64_t next_ns) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<NodeTarget> target_;
  const base::Clock* const clock_;
  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool retired_ ABSL_GUARDED_BY(mutex_) = false;
  base::TaskGroup thread_;
};

}  // namespace baro::agent
