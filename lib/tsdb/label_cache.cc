#include "label_cache.h"

#include <utility>

#include "dictionary.h"

namespace baro::tsdb {

const model::Labels* LabelCache::Target(uint32_t id) const { return Get(true, id); }
const model::Labels* LabelCache::Column(uint32_t id) const { return Get(false, id); }

const model::Labels* LabelCache::Get(bool of_target, uint32_t id) const {
  {
    base::MutexLock lock(&mutex_);
    const Sets& sets = of_target ? targets_ : columns_;
    if (const auto it = sets.find(id); it != sets.end()) return it->second.get();
  }
  // Not under our own lock: the dictionary's comes first wherever both are held.
  auto labels = std::make_unique<const model::Labels>(
      dictionary_.With([&](const LabelTable& targets, const LabelTable& columns) {
        const LabelTable& table = of_target ? targets : columns;
        return table.Has(id) ? table.Materialise(id) : model::Labels();
      }));
  base::MutexLock lock(&mutex_);
  Sets& sets = of_target ? targets_ : columns_;
  return sets.try_emplace(id, std::move(labels)).first->second.get();
}

size_t LabelCache::size() const {
  base::MutexLock lock(&mutex_);
  return targets_.size() + columns_.size();
}

}  // namespace baro::tsdb
