// SeriesCache: from the raw bytes of a series' labels to its number, so that a sender's labels are
// parsed once and not with every sample.
//
// Senders repeat themselves: after a series comes the one that came after it the last time, however
// they cut their requests. So each entry knows its successor, and a walk along a request compares
// one hash a series, in the order of memory, where a hash table would miss the processor's caches
// with every series of a large fleet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
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
// costs parsing it again. About 40 bytes a series. Thread-safe.
class SeriesCache {
  class Generation;

 public:
  // How many series a cache may hold beside everything else under a memory limit: what takes a
  // sixteenth of it. Limit 0: `most`.
  static size_t CapacityWithin(uint64_t memory_limit_bytes, size_t most);

  SeriesCache(size_t capacity, uint64_t seed);
  ~SeriesCache();

  LabelHash Hash(std::string_view label_bytes) const;
  // With another generation (Store::NumbersRemoved()) nothing is found that was inserted before.
  void SetGeneration(uint64_t generation) { salt_.store(generation, std::memory_order_relaxed); }

  // Follows one request, series by series, and learns its order. Thread-compatible; the cache
  // outlives it.
  class Walk {
   public:
    explicit Walk(SeriesCache* cache);
    std::optional<tsdb::SeriesId> Find(const LabelHash& hash);
    void Insert(const LabelHash& hash, tsdb::SeriesId series);

   private:
    SeriesCache* const cache_;
    std::shared_ptr<Generation> generation_;
    uint32_t at_;  // the entry found last
  };

  // Without a walk: of a series on its own.
  std::optional<tsdb::SeriesId> Find(const LabelHash& hash) { return Walk(this).Find(hash); }
  void Insert(const LabelHash& hash, tsdb::SeriesId series) { Walk(this).Insert(hash, series); }
  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kChunkEntries = 4'096;

  struct Entry {
    LabelHash hash;
    tsdb::SeriesId series;
    std::atomic<uint32_t> next{kNone};
  };

  // Entries never move and, but for `next`, never change once they can be reached; so a walk reads
  // them without a lock.
  class Generation {
   public:
    explicit Generation(size_t capacity);
    Entry& entry(uint32_t index) const {
      return chunks_[index / kChunkEntries].load(std::memory_order_acquire)[index % kChunkEntries];
    }
    bool full() const { return size_ >= capacity_; }
    size_t size() const { return size_; }
    // These under the cache's lock.
    uint32_t Find(const LabelHash& hash) const;
    uint32_t Add(const LabelHash& hash, tsdb::SeriesId series);

   private:
    // Index or hash, told apart by type: the table holds four bytes a series.
    struct ByHash {
      using is_transparent = void;
      const Generation* generation = nullptr;
      size_t operator()(uint32_t index) const { return generation->entry(index).hash.low; }
      size_t operator()(const LabelHash& hash) const { return hash.low; }
    };
    struct SameHash {
      using is_transparent = void;
      const Generation* generation = nullptr;
      bool operator()(uint32_t a, uint32_t b) const { return a == b; }
      bool operator()(uint32_t index, const LabelHash& hash) const {
        return generation->entry(index).hash == hash;
      }
    };

    const size_t capacity_;
    size_t size_ = 0;
    std::vector<std::unique_ptr<Entry[]>> owned_;
    std::unique_ptr<std::atomic<Entry*>[]> chunks_;
    absl::flat_hash_set<uint32_t, ByHash, SameHash> index_;
  };

  // Where the series is in the young generation, which `generation` is set to; kNone: nowhere.
  uint32_t FindSlowly(const LabelHash& hash, std::shared_ptr<Generation>* generation)
      ABSL_LOCKS_EXCLUDED(mutex_);
  uint32_t Add(const LabelHash& hash, tsdb::SeriesId series,
               std::shared_ptr<Generation>* generation) ABSL_LOCKS_EXCLUDED(mutex_);
  uint32_t AddLocked(const LabelHash& hash, tsdb::SeriesId series)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t generation_max_;
  const uint64_t seed_;
  std::atomic<uint64_t> salt_{0};
  mutable base::Mutex mutex_;
  std::shared_ptr<Generation> young_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Generation> old_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::collector
