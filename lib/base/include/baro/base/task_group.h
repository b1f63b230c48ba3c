// TaskGroup: nothing is detached. Threads start here and Stop() waits for them.
// The idea (refuse new work, wait for the old) is seastar's gate.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "baro/base/mutex.h"

namespace baro::base {

// Thread-safe. The destructor stops.
class TaskGroup {
 public:
  TaskGroup() = default;
  ~TaskGroup() { Stop(); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs `work` on a thread of its own, named for ps and gdb (15 characters at most). False once
  // stopped. The work must end by itself when its owner tells it to: Stop() only waits.
  bool Start(const std::string& name, std::function<void()> work) ABSL_LOCKS_EXCLUDED(mutex_);

  // Refuses new work and waits for all that was started. May be called twice; not from a task of
  // the group.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::base
