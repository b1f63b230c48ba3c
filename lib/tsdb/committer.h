// Committer: the store's one writer thread. Gathers what many threads append, so that one sync
// serves them all.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <variant>
#include <vector>

#include "baro/base/mutex.h"
#include "baro/base/task_group.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {

// Thread-safe.
class Committer {
 public:
  struct Item {
    std::variant<FrameBatch, SampleBatch> batch;
    AppendDone done;
    size_t bytes = 0;
  };
  // Runs on the writer thread with all that was gathered, in the order of arrival.
  using Commit = std::function<void(std::vector<Item>)>;

  Committer(int64_t commit_delay_ms, Commit commit);
  ~Committer() { Stop(); }

  // False when the queue is full or closed; `item` is then untouched.
  bool Submit(Item&& item) ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs `task` on the writer thread, after what was submitted before, and waits for it. False when
  // closed. Not from the writer thread.
  bool Run(const std::function<void()>& task) ABSL_LOCKS_EXCLUDED(mutex_);
  // Refuses new items, finishes the accepted ones.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  size_t depth() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool closed() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Work = std::variant<Item, const std::function<void()>*>;

  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for work; for more of it when there was a crowd last time. Empty when closed and drained.
  std::vector<Work> Gather() ABSL_LOCKS_EXCLUDED(mutex_);

  const int64_t commit_delay_ms_;
  const Commit commit_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool crowded_ ABSL_GUARDED_BY(mutex_) = false;
  base::CondVar task_done_;
  uint64_t tasks_done_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t tasks_submitted_ ABSL_GUARDED_BY(mutex_) = 0;
  base::TaskGroup threads_;
};

}  // namespace baro::tsdb
