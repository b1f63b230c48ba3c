// SeriesCache: from the raw bytes of a series' labels to its number, so that a sender's labels are
// parsed once and not with every sample.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "baro/base/mutex.h"
#include "baro/tsdb/store.h"

namespace baro::collector {

// XXH3-128 of label bytes under a seed of this process: no sender can prepare two label sets that
// fall together.
struct LabelHash {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const LabelHash&) const = default;
};

// Bounded: two generations of half the capacity each. What is found in the old one moves to the
// young one; a full young one becomes the old one and what was not asked for is forgotten, which
// costs parsing it again. Thread-safe.
class SeriesCache {
 public:
  SeriesCache(size_t capacity, uint64_t seed);

  LabelHash Hash(std::string_view label_bytes) const;
  // With another generation (Store::NumbersRemoved()) nothing is found that was inserted before.
  void SetGeneration(uint64_t generation) {
    generation_.store(generation, std::memory_order_relaxed);
  }
  std::optional<tsdb::SeriesId> Find(const LabelHash& hash);
  void Insert(const LabelHash& hash, tsdb::SeriesId series);
  size_t size() const;

 private:
  // The low half is as good as a hash gets; the shard is taken from the high half.
  struct TakeLow {
    size_t operator()(const LabelHash& hash) const { return hash.low; }
  };
  using Generation = absl::flat_hash_map<LabelHash, tsdb::SeriesId, TakeLow>;
  struct alignas(64) Shard {
    mutable base::Mutex mutex;
    Generation young ABSL_GUARDED_BY(mutex);
    Generation old ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 16;

  void InsertLocked(Shard* shard, const LabelHash& hash, tsdb::SeriesId series)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->mutex);
  Shard& ShardOf(const LabelHash& hash) { return shards_[hash.high % kShards]; }

  const size_t generation_max_;  // of one shard
  const uint64_t seed_;
  std::atomic<uint64_t> generation_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace baro::collector
