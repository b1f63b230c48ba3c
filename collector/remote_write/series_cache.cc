#include "remote_write/series_cache.h"

#include <xxhash.h>

#include <algorithm>

namespace baro::collector {

SeriesCache::SeriesCache(size_t capacity, uint64_t seed)
    : generation_max_(std::max<size_t>(capacity / 2 / kShards, 1)), seed_(seed) {}

LabelHash SeriesCache::Hash(std::string_view label_bytes) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(
      label_bytes.data(), label_bytes.size(), seed_ + generation_.load(std::memory_order_relaxed));
  return {hash.low64, hash.high64};
}

std::optional<tsdb::SeriesId> SeriesCache::Find(const LabelHash& hash) {
  Shard& shard = ShardOf(hash);
  base::MutexLock lock(&shard.mutex);
  const auto young = shard.young.find(hash);
  if (young != shard.young.end()) return young->second;
  const auto old = shard.old.find(hash);
  if (old == shard.old.end()) return std::nullopt;
  const tsdb::SeriesId series = old->second;
  InsertLocked(&shard, hash, series);
  return series;
}

void SeriesCache::Insert(const LabelHash& hash, tsdb::SeriesId series) {
  Shard& shard = ShardOf(hash);
  base::MutexLock lock(&shard.mutex);
  InsertLocked(&shard, hash, series);
}

void SeriesCache::InsertLocked(Shard* shard, const LabelHash& hash, tsdb::SeriesId series) {
  if (shard->young.size() >= generation_max_) {
    shard->old = std::move(shard->young);
    shard->young = Generation();
  }
  shard->young.insert_or_assign(hash, series);
}

size_t SeriesCache::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) {
    base::MutexLock lock(&shard.mutex);
    size += shard.young.size() + shard.old.size();
  }
  return size;
}

}  // namespace baro::collector
