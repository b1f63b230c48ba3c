#include "label_cache.h"

#include "dictionary.h"

namespace baro::tsdb {

const model::Labels* LabelCache::Make(bool of_target, uint32_t id) const {
  size_.fetch_add(1, std::memory_order_relaxed);
  return dictionary_.With([&](const LabelTable& targets, const LabelTable& columns) {
    const LabelTable& table = of_target ? targets : columns;
    return table.Has(id) ? new model::Labels(table.Materialise(id)) : new model::Labels();
  });
}

}  // namespace baro::tsdb
