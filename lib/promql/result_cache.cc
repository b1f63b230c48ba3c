#include "baro/promql/result_cache.h"

#include <utility>

#include "cached_range.h"

namespace baro::promql {

ResultCache::ResultCache(ResultCacheOptions options) : options_(options), share_(options.memory) {}

ResultCache::~ResultCache() = default;

ResultCacheStats ResultCache::GetStats() const {
  ResultCacheStats stats;
  stats.hits = hits.load(std::memory_order_relaxed);
  stats.partial_hits = partial_hits.load(std::memory_order_relaxed);
  stats.misses = misses.load(std::memory_order_relaxed);
  stats.steps_reused = steps_reused.load(std::memory_order_relaxed);
  stats.steps_evaluated = steps_evaluated.load(std::memory_order_relaxed);
  stats.uncacheable = uncacheable.load(std::memory_order_relaxed);
  stats.reordered = reordered.load(std::memory_order_relaxed);
  stats.mismatches = mismatches.load(std::memory_order_relaxed);
  base::MutexLock lock(&mutex_);
  stats.evictions = evictions_;
  stats.entries = slots_.size();
  stats.bytes = bytes_;
  return stats;
}

void ResultCache::Clear() {
  Slots gone;  // ends after the lock
  base::MutexLock lock(&mutex_);
  gone.swap(slots_);
  by_key_.clear();
  bytes_ = 0;
  share_.Shrink(0);
}

std::shared_ptr<const CachedRange> ResultCache::Find(const std::string& key) {
  base::MutexLock lock(&mutex_);
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return nullptr;
  slots_.splice(slots_.begin(), slots_, it->second);
  return it->second->range;
}

void ResultCache::Put(const std::string& key, std::shared_ptr<const CachedRange> range) {
  const bool short_of_memory =
      options_.memory != nullptr && options_.memory->pressure() != base::Pressure::kNone;
  Slots gone;
  base::MutexLock lock(&mutex_);
  if (const auto it = by_key_.find(key); it != by_key_.end()) {
    bytes_ -= it->second->range->bytes;
    gone.splice(gone.begin(), slots_, it->second);
    by_key_.erase(it);
  }
  // What is kept for later gives way to what is needed now.
  if (short_of_memory) return EvictTo(0, &gone);
  EvictTo(options_.bytes_max - range->bytes, &gone);
  if (!share_.Grow(bytes_ + range->bytes)) return EvictTo(bytes_ / 2, &gone);
  bytes_ += range->bytes;
  slots_.push_front({key, std::move(range)});
  by_key_.emplace(key, slots_.begin());
}

void ResultCache::EvictTo(uint64_t bytes, Slots* gone) {
  while (bytes_ > bytes) {
    bytes_ -= slots_.back().range->bytes;
    by_key_.erase(slots_.back().key);
    gone->splice(gone->begin(), slots_, std::prev(slots_.end()));
    ++evictions_;
  }
  share_.Shrink(bytes_);
}

}  // namespace baro::promql
