// Head: the samples of one journal, in memory. A head and its journal are born and end together.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <roaring/roaring.hh>
#include <span>
#include <utility>
#include <vector>

#include "baro/base/mutex.h"
#include "baro/tsdb/store.h"
#include "dictionary.h"
#include "target_head.h"

namespace baro::tsdb {

// Thread-safe: one writer (the committer, or the replay), any number of readers. Readers keep it
// alive by shared_ptr, and with it every TargetHead.
class Head {
 public:
  Head(uint64_t epoch, int64_t slot_ms) : epoch_(epoch), rule_{.slot_ms = slot_ms} {}

  uint64_t epoch() const { return epoch_; }

  // Writer only.
  Applied AppendRow(TargetId target, const StoredLayout& layout, const codec::Row& row,
                    std::span<const uint64_t> changed, RowHint* hint);
  // Writer only. Indexes into the batch, of those samples that are to be stored.
  Applied AppendSamples(const SampleBatch& batch, std::span<const uint32_t> chosen);

  // Writer only. First and last time of what was appended since this was called before; an empty
  // range, its first after its last, when nothing was.
  std::pair<int64_t, int64_t> TakeChanged() {
    return std::exchange(changed_, {INT64_MAX, INT64_MIN});
  }

  // Its writer has gone over to another head: what only a writer needs goes, target by target, and
  // all rows are encoded. Readers see no difference.
  void Freeze() ABSL_LOCKS_EXCLUDED(mutex_);

  // Null when it has nothing of the target.
  const TargetHead* Find(TargetId target) const ABSL_LOCKS_EXCLUDED(mutex_);
  Roaring Targets() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Targets that got series they did not have, in the order of that; a target may be in it twice.
  // Whoever knows the head as of changes() need look at those only.
  size_t changes() const { return change_count_.load(std::memory_order_acquire); }
  std::vector<TargetId> ChangedSince(size_t changes) const ABSL_LOCKS_EXCLUDED(mutex_);

  bool empty() const { return time_ms_min() > time_ms_max(); }
  int64_t time_ms_min() const { return time_ms_min_.load(std::memory_order_acquire); }
  int64_t time_ms_max() const { return time_ms_max_.load(std::memory_order_acquire); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t series_count() const { return series_count_.load(std::memory_order_relaxed); }

 private:
  TargetHead* FindOrAdd(TargetId target) ABSL_LOCKS_EXCLUDED(mutex_);
  void Widen(int64_t time_ms);
  // Runs `write` under the target's lock and keeps the totals.
  template <typename Write>
  void WriteTo(TargetId id, TargetHead* target, Write write);

  const uint64_t epoch_;
  BlockRule rule_;                                             // the writer's
  std::pair<int64_t, int64_t> changed_{INT64_MAX, INT64_MIN};  // the writer's
  mutable base::Mutex mutex_;
  std::vector<std::unique_ptr<TargetHead>> targets_ ABSL_GUARDED_BY(mutex_);
  Roaring present_ ABSL_GUARDED_BY(mutex_);
  std::vector<TargetId> changes_ ABSL_GUARDED_BY(mutex_);
  std::atomic<size_t> change_count_{0};
  std::atomic<int64_t> time_ms_min_{INT64_MAX};
  std::atomic<int64_t> time_ms_max_{INT64_MIN};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> series_count_{0};
};

}  // namespace baro::tsdb
