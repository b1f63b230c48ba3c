#include "label_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "baro/base/check.h"

namespace baro::tsdb {

std::vector<Postings::LabelView> ViewsOf(const model::Labels& labels) {
  std::vector<Postings::LabelView> views;
  views.reserve(labels.size());
  for (const model::Label& label : labels) views.push_back({label.name, label.value});
  return views;
}

LabelTable::LabelTable() : by_hash_(0, HashOf{this}, Equal{this}) {}

std::optional<uint32_t> LabelTable::Find(std::span<const LabelView> labels) const {
  uint64_t hash = 0;
  if (!postings_.Lookup(labels, &found_, &hash)) return std::nullopt;
  const auto it = by_hash_.find(Probe{found_, hash});
  return it == by_hash_.end() ? std::nullopt : std::optional<uint32_t>(*it);
}

bool LabelTable::TryInsert(uint32_t id, std::span<const LabelView> labels) {
  uint64_t hash = 0;
  postings_.Intern(labels, &pairs_, &hash);
  if (by_hash_.find(Probe{pairs_, hash}) != by_hash_.end()) {
    postings_.Release(pairs_);
    return false;
  }
  Entry* entry = Make(id);
  auto* memory = static_cast<PairId*>(sets_.Allocate(pairs_.size() * sizeof(PairId)));
  std::copy(pairs_.begin(), pairs_.end(), memory);
  *entry = {hash, memory, InternShape(pairs_), static_cast<uint16_t>(pairs_.size()), true};
  postings_.Add(id, pairs_);
  by_hash_.insert(id);
  return true;
}

LabelTable::Entry* LabelTable::Make(uint32_t id) {
  size_ = std::max(size_, id + 1);
  ++count_;
  const size_t chunk = id / kChunkEntries;
  if (chunk >= chunks_.size()) chunks_.resize(chunk + 1);
  if (chunks_[chunk] == nullptr) chunks_[chunk] = std::make_unique<Chunk>();
  ++chunks_[chunk]->used;
  Entry* entry = &chunks_[chunk]->entries[id % kChunkEntries];
  BARO_CHECK(!entry->used);
  return entry;
}

void LabelTable::Remove(uint32_t id) {
  std::unique_ptr<Chunk>& chunk = chunks_[id / kChunkEntries];
  Entry& entry = chunk->entries[id % kChunkEntries];
  BARO_CHECK(entry.used);
  const std::span<const PairId> pairs(entry.pairs, entry.size);
  by_hash_.erase(id);
  postings_.Remove(id, pairs);
  postings_.Release(pairs);
  sets_.Free(const_cast<PairId*>(entry.pairs),  // NOLINT: the arena's own
             entry.size * sizeof(PairId));
  entry = Entry();
  --count_;
  if (--chunk->used == 0) chunk.reset();
}

model::Labels LabelTable::Materialise(uint32_t id) const {
  std::vector<model::Label> labels;
  const auto set = pairs(id);
  labels.reserve(set.size());
  for (const PairId pair : set) {
    labels.push_back({std::string(postings_.name(pair)), std::string(postings_.value(pair))});
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

std::string_view LabelTable::Get(uint32_t id, std::string_view name) const {
  for (const PairId pair : pairs(id)) {
    if (postings_.name(pair) == name) return postings_.value(pair);
  }
  return {};
}

ShapeId LabelTable::InternShape(std::span<const PairId> pairs) {
  names_.clear();
  for (const PairId pair : pairs) names_.push_back(postings_.name_id(pair));
  const auto it = shape_by_names_.find(names_);
  if (it != shape_by_names_.end()) return it->second;
  const auto shape = static_cast<ShapeId>(shapes_.size());
  shape_by_names_.emplace(names_, shape);
  shapes_.emplace_back();
  for (const PairId pair : pairs) shapes_.back().emplace_back(postings_.name(pair));
  return shape;
}

size_t LabelTable::bytes() const {
  size_t bytes = postings_.bytes() + sets_.used() + chunks_.capacity() * sizeof(void*) +
                 by_hash_.capacity() * (sizeof(uint32_t) + 1);
  for (const auto& chunk : chunks_) bytes += chunk == nullptr ? 0 : sizeof(Chunk);
  return bytes;
}

}  // namespace baro::tsdb
