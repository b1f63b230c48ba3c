// JobQueue: requests on their way to the workers of a lane. As base::BoundedQueue, but the worker
// that went to sleep last is woken first: its caches are warm, and of many workers a light load
// keeps one busy and leaves the stacks and heaps of the others alone.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "baro/base/check.h"
#include "baro/base/mutex.h"

namespace baro::net {

// Thread-safe. "Full" is the caller's to handle.
template <typename Job>
class JobQueue {
 public:
  explicit JobQueue(size_t capacity) : capacity_(capacity) { BARO_CHECK_GT(capacity, 0u); }

  // False when full or closed; `job` is then untouched.
  bool TryPush(Job&& job) ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    if (closed_ || jobs_.size() >= capacity_) return false;
    jobs_.push_back(std::move(job));
    if (!sleeping_.empty()) {
      Sleeper* const last = sleeping_.back();
      sleeping_.pop_back();
      last->woken = true;
      last->wake.Signal();
    }
    return true;
  }

  // Waits for a job. Empty once the queue is closed and drained.
  std::optional<Job> Pop() ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    while (!closed_ && jobs_.empty()) {
      Sleeper self;
      sleeping_.push_back(&self);
      while (!self.woken) self.wake.Wait(&mutex_);
    }
    if (jobs_.empty()) return std::nullopt;
    std::optional<Job> job(std::move(jobs_.front()));
    jobs_.pop_front();
    return job;
  }

  // Refuses new jobs from now on; those inside can still be popped.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    closed_ = true;
    for (Sleeper* sleeper : sleeping_) {
      sleeper->woken = true;
      sleeper->wake.Signal();
    }
    sleeping_.clear();
  }

  size_t depth() const ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    return jobs_.size();
  }

 private:
  // On the stack of a waiting worker; guarded by mutex_.
  struct Sleeper {
    base::CondVar wake;
    bool woken = false;
  };

  const size_t capacity_;
  mutable base::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<Sleeper*> sleeping_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace baro::net
