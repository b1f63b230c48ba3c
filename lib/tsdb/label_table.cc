#include "label_table.h"

#include <utility>

#include "baro/base/check.h"

namespace baro::tsdb {

std::optional<uint32_t> LabelTable::Find(const model::Labels& labels) const {
  const auto it = first_by_hash_.find(labels.Hash());
  if (it == first_by_hash_.end()) return std::nullopt;
  for (uint32_t id = it->second; id != kNone; id = entries_[id].next_same_hash) {
    if (entries_[id].labels == labels) return id;
  }
  return std::nullopt;
}

void LabelTable::Insert(uint32_t id, model::Labels labels, bool indexed) {
  while (entries_.size() <= id) entries_.emplace_back();
  Entry& entry = entries_[id];
  BARO_CHECK(!entry.used);
  entry.used = true;
  entry.hash = labels.Hash();
  entry.shape = InternShape(labels);
  if (indexed) postings_.Add(id, labels);
  entry.labels = std::move(labels);
  const auto [it, inserted] = first_by_hash_.try_emplace(entry.hash, id);
  if (!inserted) entry.next_same_hash = std::exchange(it->second, id);
}

ShapeId LabelTable::InternShape(const model::Labels& labels) {
  std::vector<std::string> names;
  names.reserve(labels.size());
  for (const model::Label& label : labels) names.push_back(label.name);
  const auto next = static_cast<ShapeId>(shapes_.size());
  const auto [it, inserted] = shape_by_names_.try_emplace(std::move(names), next);
  if (inserted) shapes_.push_back(&it->first);
  return it->second;
}

}  // namespace baro::tsdb
