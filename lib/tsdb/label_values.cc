#include "label_values.h"

#include "absl/container/flat_hash_set.h"

namespace baro::tsdb {

void AddValuesOf(const LabelTable& table, std::string_view name, const Roaring& ids,
                 std::vector<std::string>* values) {
  const Roaring* carriers = table.postings().Carriers(name);
  if (carriers == nullptr) return;
  const Roaring carrying = ids & *carriers;
  if (carrying.cardinality() >= table.postings().value_count(name)) {
    const bool all = carrying.cardinality() == carriers->cardinality();
    table.postings().ForEachValue(name, [&](std::string_view value, const IdSet& of_value) {
      if (all || of_value.Intersects(carrying)) values->emplace_back(value);
    });
    return;
  }
  absl::flat_hash_set<std::string_view> seen;
  for (const uint32_t id : carrying) seen.insert(table.Get(id, name));
  values->insert(values->end(), seen.begin(), seen.end());
}

}  // namespace baro::tsdb
