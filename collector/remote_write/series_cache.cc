#include "remote_write/series_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace baro::collector {
namespace {

constexpr uint64_t kMemoryShare = 16;
constexpr uint64_t kBytesEach = 48;  // entry, index, and the index's free places

}  // namespace

size_t SeriesCache::CapacityWithin(uint64_t memory_limit_bytes, size_t most) {
  if (memory_limit_bytes == 0) return most;
  return std::min<uint64_t>(most, memory_limit_bytes / kMemoryShare / kBytesEach);
}

SeriesCache::Generation::Generation(size_t capacity)
    : capacity_(capacity),
      chunks_(std::make_unique<std::atomic<Entry*>[]>(capacity / kChunkEntries + 1)),
      index_(0, ByHash{this}, SameHash{this}) {}

uint32_t SeriesCache::Generation::Find(const LabelHash& hash) const {
  const auto it = index_.find(hash);
  return it == index_.end() ? kNone : *it;
}

uint32_t SeriesCache::Generation::Add(const LabelHash& hash, tsdb::SeriesId series) {
  const auto index = static_cast<uint32_t>(size_);
  if (index % kChunkEntries == 0) {
    owned_.push_back(std::make_unique<Entry[]>(kChunkEntries));
    chunks_[index / kChunkEntries].store(owned_.back().get(), std::memory_order_release);
  }
  entry(index).hash = hash;
  entry(index).series = series;
  ++size_;
  index_.insert(index);
  return index;
}

SeriesCache::SeriesCache(size_t capacity, uint64_t seed)
    : generation_max_(std::clamp<size_t>(capacity / 2, 1, kNone - 1)),
      seed_(seed),
      young_(std::make_shared<Generation>(generation_max_)),
      old_(std::make_shared<Generation>(generation_max_)) {}

SeriesCache::~SeriesCache() = default;

LabelHash SeriesCache::Hash(std::string_view label_bytes) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(label_bytes.data(), label_bytes.size(),
                                                   seed_ + salt_.load(std::memory_order_relaxed));
  return {hash.low64, hash.high64};
}

uint32_t SeriesCache::AddLocked(const LabelHash& hash, tsdb::SeriesId series) {
  if (young_->full()) {
    old_ = std::exchange(young_, std::make_shared<Generation>(generation_max_));
  }
  return young_->Add(hash, series);
}

uint32_t SeriesCache::FindSlowly(const LabelHash& hash, std::shared_ptr<Generation>* generation) {
  base::MutexLock lock(&mutex_);
  uint32_t index = young_->Find(hash);
  if (index == kNone) {
    const uint32_t before = old_->Find(hash);
    if (before == kNone) return kNone;
    index = AddLocked(hash, old_->entry(before).series);
  }
  if (*generation != young_) *generation = young_;
  return index;
}

uint32_t SeriesCache::Add(const LabelHash& hash, tsdb::SeriesId series,
                          std::shared_ptr<Generation>* generation) {
  base::MutexLock lock(&mutex_);
  uint32_t index = young_->Find(hash);  // another request may have been faster
  if (index == kNone) index = AddLocked(hash, series);
  if (*generation != young_) *generation = young_;
  return index;
}

size_t SeriesCache::size() const {
  base::MutexLock lock(&mutex_);
  return young_->size() + old_->size();
}

SeriesCache::Walk::Walk(SeriesCache* cache) : cache_(cache), at_(kNone) {}

std::optional<tsdb::SeriesId> SeriesCache::Walk::Find(const LabelHash& hash) {
  Entry* before = nullptr;
  if (at_ != kNone) {
    before = &generation_->entry(at_);
    const uint32_t next = before->next.load(std::memory_order_acquire);
    if (next != kNone) {
      const Entry& guess = generation_->entry(next);
      if (guess.hash == hash) [[likely]] {
        at_ = next;
        return guess.series;
      }
    }
  }
  const std::shared_ptr<Generation> generation_before = generation_;
  const uint32_t found = cache_->FindSlowly(hash, &generation_);
  if (found == kNone) return std::nullopt;
  if (before != nullptr && generation_ == generation_before) {
    before->next.store(found, std::memory_order_release);
  }
  at_ = found;
  return generation_->entry(found).series;
}

void SeriesCache::Walk::Insert(const LabelHash& hash, tsdb::SeriesId series) {
  const std::shared_ptr<Generation> generation_before = generation_;
  const uint32_t added = cache_->Add(hash, series, &generation_);
  if (at_ != kNone && generation_ == generation_before) {
    generation_->entry(at_).next.store(added, std::memory_order_release);
  }
  at_ = added;
}

}  // namespace baro::collector
