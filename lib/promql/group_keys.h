// Grouping of series by some of their labels, at a cost per distinct half and not per series.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/model/labels.h"
#include "baro/promql/ast.h"
#include "query.h"

namespace baro::promql {

// Which labels stay.
struct LabelChoice {
  bool keep = true;  // true: only `names` stay; false: `names` go
  std::vector<std::string> names;

  model::Labels Apply(const model::Labels& labels) const;
};

// What an aggregation groups by.
LabelChoice GroupingOf(const AggregateExpr& aggregate);

// The labels of a series with a choice applied to each half; a half is worked on once.
// Thread-compatible.
class HalfProjection {
 public:
  HalfProjection(Query* query, LabelChoice choice) : query_(query), choice_(std::move(choice)) {}

  model::LabelsRef Apply(model::LabelsRef labels) {
    return {Half(labels.target), Half(labels.column)};
  }

 private:
  const model::Labels* Half(const model::Labels* half);

  Query* const query_;
  const LabelChoice choice_;
  absl::flat_hash_map<const model::Labels*, const model::Labels*> halves_;
};

// Numbers the distinct values of a choice of labels, from 0 in the order they are met.
// Thread-compatible.
class GroupKeys {
 public:
  GroupKeys(Query* query, LabelChoice choice) : query_(query), choice_(std::move(choice)) {}

  size_t GroupOf(model::LabelsRef labels);
  size_t size() const { return groups_.size(); }
  const model::Labels& labels(size_t group) const { return *groups_[group]; }
  model::LabelsRef labels_ref(size_t group) const;

 private:
  struct LabelsHash {
    size_t operator()(const model::Labels* labels) const { return labels->Hash(); }
  };
  struct LabelsEqual {
    bool operator()(const model::Labels* a, const model::Labels* b) const { return *a == *b; }
  };
  using Interned = absl::flat_hash_map<const model::Labels*, uint32_t, LabelsHash, LabelsEqual>;

  // The number of a half's chosen labels; halves that differ only elsewhere share it.
  uint32_t HalfOf(const model::Labels* half);
  uint32_t Intern(model::Labels labels, Interned* interned,
                  std::vector<const model::Labels*>* list);

  Query* const query_;
  const LabelChoice choice_;
  absl::flat_hash_map<const model::Labels*, uint32_t> halves_;
  Interned half_numbers_;
  std::vector<const model::Labels*> half_labels_;
  absl::flat_hash_map<uint64_t, uint32_t> pairs_;  // target half << 32 | column half
  Interned group_numbers_;
  std::vector<const model::Labels*> groups_;
  // Series of a target come one behind the other, and neighbours are often of one group.
  const model::Labels* last_target_ = nullptr;
  uint32_t last_target_number_ = 0;
  uint64_t last_pair_ = UINT64_MAX;
  uint32_t last_group_ = 0;
};

}  // namespace baro::promql
