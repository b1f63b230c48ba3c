// RecentMap: a bounded memory of what was seen lately.
#pragma once

#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "baro/base/mutex.h"

namespace baro::collector {

// Two generations of half the capacity each: a full young one becomes the old one, and what the old
// one held is forgotten. Thread-safe.
template <typename Key, typename Value>
class RecentMap {
 public:
  explicit RecentMap(size_t capacity) : generation_max_(capacity / 2 + 1) {}

  bool Has(const Key& key, const Value& value) const {
    base::MutexLock lock(&mutex_);
    const auto young = young_.find(key);
    if (young != young_.end()) return young->second == value;
    const auto old = old_.find(key);
    return old != old_.end() && old->second == value;
  }

  void Put(const Key& key, const Value& value) {
    base::MutexLock lock(&mutex_);
    young_.insert_or_assign(key, value);
    if (young_.size() >= generation_max_) old_ = std::exchange(young_, {});
  }

 private:
  using Generation = absl::flat_hash_map<Key, Value>;

  const size_t generation_max_;
  mutable base::Mutex mutex_;
  Generation young_ ABSL_GUARDED_BY(mutex_);
  Generation old_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::collector
