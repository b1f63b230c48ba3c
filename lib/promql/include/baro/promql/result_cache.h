// ResultCache: what range queries came to, for dashboards that ask the same again with a window
// that has moved on. Steps are reused only when it is proven that an evaluation would give the same
// bits (docs/adr/0045-result-cache.md): the source tells what has changed since (ChangeVersion),
// and the expression which samples a step can see.
//
//   kept     |───────────────────────────────|
//   asked           |────────────────────────────────|
//   changed                             ▲ oldest change since
//   reused          |───────────────────|
//   evaluated                          |─────────────|     one step twice, to be compared
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/base/memory_budget.h"
#include "baro/base/mutex.h"

namespace baro::promql {

struct CachedRange;

struct ResultCacheOptions {
  uint64_t bytes_max = uint64_t{64} << 20;
  // What is kept is reserved there, and given up as soon as memory runs short. Null: bytes_max
  // alone bounds it.
  base::MemoryBudget* memory = nullptr;
};

// Counters since start, but for entries and bytes.
struct ResultCacheStats {
  uint64_t hits = 0;          // nothing was evaluated
  uint64_t partial_hits = 0;  // the newest steps were
  uint64_t misses = 0;        // nothing was kept, or nothing of it could be proven
  uint64_t steps_reused = 0;
  uint64_t steps_evaluated = 0;
  uint64_t uncacheable = 0;  // of the misses: the expression or the result cannot be kept
  uint64_t evictions = 0;    // for room, or for want of memory
  uint64_t reordered = 0;    // other series than before, where their order matters
  uint64_t mismatches = 0;   // a step evaluated twice differed: a bug, and the answer was right
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

// Thread-safe. Outlives the engines that use it.
class ResultCache {
 public:
  explicit ResultCache(ResultCacheOptions options);
  ~ResultCache();
  ResultCache(const ResultCache&) = delete;
  ResultCache& operator=(const ResultCache&) = delete;

  ResultCacheStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Forgets everything.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

  // For the engine. Null: not there.
  std::shared_ptr<const CachedRange> Find(const std::string& key) ABSL_LOCKS_EXCLUDED(mutex_);
  // In the place of what the key had. The least recently used go to make room.
  void Put(const std::string& key, std::shared_ptr<const CachedRange> range)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether a result of that size may be kept at all.
  bool MayKeep(uint64_t bytes) const { return bytes <= options_.bytes_max / kShareOfOne; }

  // Counted by the engine.
  std::atomic<uint64_t> hits{0};
  std::atomic<uint64_t> partial_hits{0};
  std::atomic<uint64_t> misses{0};
  std::atomic<uint64_t> steps_reused{0};
  std::atomic<uint64_t> steps_evaluated{0};
  std::atomic<uint64_t> uncacheable{0};
  std::atomic<uint64_t> reordered{0};
  std::atomic<uint64_t> mismatches{0};

 private:
  // One result takes an eighth at most.
  static constexpr uint64_t kShareOfOne = 8;
  struct Slot {
    std::string key;
    std::shared_ptr<const CachedRange> range;
  };
  using Slots = std::list<Slot>;  // most recently used first

  void EvictTo(uint64_t bytes, Slots* gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ResultCacheOptions options_;
  mutable base::Mutex mutex_;
  Slots slots_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Slots::iterator> by_key_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t evictions_ ABSL_GUARDED_BY(mutex_) = 0;
  base::MemoryShare share_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::promql
