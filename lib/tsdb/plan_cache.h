// PlanCache: plans of selectors that are asked again: for the store's current view, each brought up
// to date when it is asked for. A look-up of a plan that is up to date costs one hash of the
// selector's text. docs/adr/0040-selection-plans.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/base/memory_budget.h"
#include "baro/base/mutex.h"
#include "baro/model/matcher.h"
#include "baro/tsdb/store.h"
#include "dictionary.h"
#include "selection_plan.h"
#include "view.h"

namespace baro::tsdb {

// Thread-safe.
class PlanCache {
 public:
  // Beyond either the plan that was asked for longest ago goes; one that alone is larger than the
  // bytes is not kept.
  static constexpr size_t kPlansMax = 512;
  static constexpr size_t kBytesMax = size_t{32} << 20;

  // `memory`, where bytes kept are taken from; null: no limit but the above.
  PlanCache(std::shared_ptr<const Dictionary> dictionary, base::MemoryBudget* memory)
      : dictionary_(std::move(dictionary)), memory_(memory) {}

  SharedPlan Get(const std::shared_ptr<const View>& view,
                 const std::vector<model::Matcher>& matchers, bool histograms)
      ABSL_LOCKS_EXCLUDED(mutex_);

  Stats::CacheStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    SharedPlan plan;
    uint64_t used = 0;  // a turn of `turn_`
  };

  // What is known for the key; all plans of another view go.
  SharedPlan Find(const std::string& key, const std::shared_ptr<const View>& view)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(const std::string& key, SharedPlan plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EvictOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Clear() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<const Dictionary> dictionary_;
  mutable base::Mutex mutex_;
  base::MemoryShare memory_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Entry> plans_ ABSL_GUARDED_BY(mutex_);
  std::weak_ptr<const View> view_ ABSL_GUARDED_BY(mutex_);  // that all of them are of
  uint64_t turn_ ABSL_GUARDED_BY(mutex_) = 0;
  Stats::CacheStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::tsdb
