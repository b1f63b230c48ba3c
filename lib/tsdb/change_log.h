// ChangeLog: which times were written to, deleted or hidden since a moment. It is what a result
// cache needs to prove that a part of an old answer still holds.
//
//   number  since        a run of changes: the first and the last time among them
//   17      [t0, t9]     ◄ closed: a version was taken after it
//   18      [t8, t8]     ◄ open: changes go here
//
// A version is the number of the open run. What has changed since is in that run and those behind
// it. When there are too many runs the older ones are joined in pairs: an old version then gets a
// time that is too early, never one too late.
#pragma once

#include <cstdint>
#include <vector>

#include "baro/base/mutex.h"

namespace baro::tsdb {

// Thread-safe. A writer holds the lock for a few comparisons a batch.
class ChangeLog {
 public:
  // More runs than there are refreshes of a busy wall of dashboards in a minute.
  static constexpr size_t kRunsMax = 4'096;

  // Versions of different logs never meet: a store that was opened anew has another log.
  ChangeLog();

  // To be called after the change can be read, and before anybody is told that it was made.
  // Nothing happens when first_ms > last_ms.
  void Note(int64_t first_ms, int64_t last_ms) ABSL_LOCKS_EXCLUDED(mutex_);

  // As model::SeriesSource has them.
  uint64_t Version() ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t OldestSince(uint64_t version, int64_t from_ms) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Run {
    uint64_t number = 0;  // the highest of those joined
    int64_t first_ms = 0;
    int64_t last_ms = 0;
  };

  void JoinOlder() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t log_;  // the upper bits of its versions
  mutable base::Mutex mutex_;
  uint64_t open_ ABSL_GUARDED_BY(mutex_) = 1;
  std::vector<Run> runs_ ABSL_GUARDED_BY(mutex_);  // by number; of the open one only the last
};

}  // namespace baro::tsdb
