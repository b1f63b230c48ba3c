// LabelTable: label sets interned to small numbers that are never given out twice.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/model/labels.h"
#include "postings.h"

namespace baro::tsdb {

// The set of a label set's names, interned: only sets of different shapes can be cut differently
// from the same series.
using ShapeId = uint32_t;

// One half of all series: the label sets, their numbers and their postings. Thread-compatible; its
// owner (Dictionary) locks. References to label sets stay valid.
class LabelTable {
 public:
  std::optional<uint32_t> Find(const model::Labels& labels) const;
  // Requires that Find() finds nothing. `id` must be size() when given out anew; loading may leave
  // gaps.
  // Not indexed: neither listed nor selected, only found by its labels.
  void Insert(uint32_t id, model::Labels labels, bool indexed = true);

  uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  bool Has(uint32_t id) const { return id < entries_.size() && entries_[id].used; }
  const model::Labels& labels(uint32_t id) const { return entries_[id].labels; }
  uint64_t hash(uint32_t id) const { return entries_[id].hash; }
  ShapeId shape(uint32_t id) const { return entries_[id].shape; }
  const std::vector<std::string>& shape_names(ShapeId shape) const { return *shapes_[shape]; }
  const Postings& postings() const { return postings_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Entry {
    model::Labels labels;
    uint64_t hash = 0;
    uint32_t next_same_hash = kNone;
    ShapeId shape = 0;
    bool used = false;
  };

  ShapeId InternShape(const model::Labels& labels);

  std::deque<Entry> entries_;
  absl::flat_hash_map<uint64_t, uint32_t> first_by_hash_;
  std::map<std::vector<std::string>, ShapeId> shape_by_names_;
  std::vector<const std::vector<std::string>*> shapes_;
  Postings postings_;
};

}  // namespace baro::tsdb
