// LabelTable: label sets interned to small numbers that are never given out twice.
//
// A label set is an array of label numbers (PairId) in an arena, four bytes a label; the texts lie
// once in the postings. Whoever wants a model::Labels has it made (Materialise, LabelCache).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "baro/model/labels.h"
#include "byte_arena.h"
#include "postings.h"

namespace baro::tsdb {

std::vector<Postings::LabelView> ViewsOf(const model::Labels& labels);

// The set of a label set's names, interned: only sets of different shapes can be cut differently
// from the same series.
using ShapeId = uint32_t;

// One half of all series: the label sets, their numbers and their postings. Thread-compatible; its
// owner (Dictionary) locks.
class LabelTable {
 public:
  using LabelView = Postings::LabelView;

  LabelTable();
  LabelTable(const LabelTable&) = delete;
  LabelTable& operator=(const LabelTable&) = delete;

  // Labels sorted by name.
  std::optional<uint32_t> Find(std::span<const LabelView> labels) const;
  // `id` is size() when given out anew; loading may leave gaps. False, and nothing is inserted,
  // when the labels are there already.
  bool TryInsert(uint32_t id, std::span<const LabelView> labels);
  // The number is not given out again. Sweep() follows the last of many.
  void Remove(uint32_t id);
  void Sweep() { postings_.Sweep(); }
  // Numbers below are taken, though they may have been removed.
  void ReserveIds(uint32_t next) { size_ = std::max(size_, next); }

  // One past the highest number given out.
  uint32_t size() const { return size_; }
  // Label sets there are.
  uint32_t count() const { return count_; }
  bool Has(uint32_t id) const { return Find(id) != nullptr; }

  // Of a number that Has().
  model::Labels Materialise(uint32_t id) const;
  // Empty when there is no such label.
  std::string_view Get(uint32_t id, std::string_view name) const;
  // Ascending by name.
  std::span<const PairId> pairs(uint32_t id) const {
    const Entry* entry = Find(id);
    return {entry->pairs, entry->size};
  }
  uint64_t hash(uint32_t id) const { return Find(id)->hash; }
  ShapeId shape(uint32_t id) const { return Find(id)->shape; }
  const std::vector<std::string>& shape_names(ShapeId shape) const { return shapes_[shape]; }
  const Postings& postings() const { return postings_; }
  size_t bytes() const;

 private:
  struct Entry {
    uint64_t hash = 0;
    const PairId* pairs = nullptr;  // null: none, unless it is the set of no labels
    uint32_t shape = 0;
    uint16_t size = 0;
    bool used = false;
  };
  static constexpr uint32_t kChunkEntries = 512;
  struct Chunk {
    std::array<Entry, kChunkEntries> entries;
    uint32_t used = 0;
  };
  struct Probe {
    std::span<const PairId> pairs;
    uint64_t hash = 0;
  };
  struct HashOf {
    using is_transparent = void;
    const LabelTable* table;
    size_t operator()(uint32_t id) const { return table->Find(id)->hash; }
    size_t operator()(const Probe& probe) const { return probe.hash; }
  };
  struct Equal {
    using is_transparent = void;
    const LabelTable* table;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t id, const Probe& probe) const {
      const auto pairs = table->pairs(id);
      return std::equal(pairs.begin(), pairs.end(), probe.pairs.begin(), probe.pairs.end());
    }
    bool operator()(const Probe& probe, uint32_t id) const { return (*this)(id, probe); }
  };

  const Entry* Find(uint32_t id) const {
    if (id / kChunkEntries >= chunks_.size()) return nullptr;
    const Chunk* chunk = chunks_[id / kChunkEntries].get();
    if (chunk == nullptr || !chunk->entries[id % kChunkEntries].used) return nullptr;
    return &chunk->entries[id % kChunkEntries];
  }
  Entry* Make(uint32_t id);
  ShapeId InternShape(std::span<const PairId> pairs);

  Postings postings_;
  ByteArena sets_;
  // A chunk goes when all its sets are removed, so that numbers passed by cost eight bytes a chunk.
  std::vector<std::unique_ptr<Chunk>> chunks_;
  uint32_t size_ = 0;
  uint32_t count_ = 0;
  absl::flat_hash_set<uint32_t, HashOf, Equal> by_hash_;
  absl::flat_hash_map<std::vector<NameId>, ShapeId> shape_by_names_;
  std::vector<std::vector<std::string>> shapes_;
  std::vector<NameId> names_;  // scratch
  std::vector<PairId> pairs_;
  mutable std::vector<PairId> found_;
};

}  // namespace baro::tsdb
