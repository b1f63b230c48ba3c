// Postings: which ids (targets, or columns) carry which label. One instance for each half of a
// series' labels; selector.h multiplies the two. It also keeps the labels' texts, each once.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <roaring/roaring.hh>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "baro/model/labels.h"
#include "baro/model/matcher.h"
#include "byte_arena.h"
#include "id_set.h"

namespace baro::tsdb {

// A label, name and value, of one half. In memory only; given out again when nobody carries it.
using PairId = uint32_t;
// A label name of one half.
using NameId = uint32_t;

// Thread-compatible; its owner (Dictionary) locks.
class Postings {
 public:
  Postings();
  Postings(const Postings&) = delete;
  Postings& operator=(const Postings&) = delete;

  struct LabelView {
    std::string_view name;
    std::string_view value;
  };
  // Sets `pairs` and the sum of the labels' hashes (model::HashLabel). False, `pairs` unspecified,
  // when one of the labels is not known yet.
  bool Lookup(std::span<const LabelView> labels, std::vector<PairId>* pairs, uint64_t* hash) const;
  // The same, making those that are not there. Each is held until Release().
  void Intern(std::span<const LabelView> labels, std::vector<PairId>* pairs, uint64_t* hash);
  void Release(std::span<const PairId> pairs);

  // Ids ascend.
  void Add(uint32_t id, std::span<const PairId> pairs);
  void Remove(uint32_t id, std::span<const PairId> pairs);
  // After the last Remove() and Release() of many: forgets labels that nobody holds.
  void Sweep();

  std::string_view name(PairId pair) const { return names_[pairs_[pair].name]->text; }
  NameId name_id(PairId pair) const { return pairs_[pair].name; }
  std::string_view value(PairId pair) const { return {pairs_[pair].text, pairs_[pair].size}; }

  const Roaring& all() const { return all_; }
  // Ids that carry the label with any value; null when none does.
  const Roaring* Carriers(std::string_view name) const;
  // Ids that carry the label with a value that matches. Ids without the label are not in it, even
  // when the matcher accepts the empty string: who decides that knows both halves.
  Roaring Carrying(const model::Matcher& matcher) const;

  // Calls `visit(name, carriers)` for each label name.
  template <typename Visit>
  void ForEachName(Visit visit) const {
    for (const auto& name : names_) {
      if (!name->carriers.isEmpty()) visit(name->text, name->carriers);
    }
  }
  // Calls `visit(value, ids)` for each value of a label.
  template <typename Visit>
  void ForEachValue(std::string_view name, Visit visit) const {
    const Name* found = Find(name);
    if (found == nullptr) return;
    for (const PairId pair : found->values) {
      if (!pairs_[pair].ids.empty()) visit(value(pair), pairs_[pair].ids);
    }
  }
  size_t value_count(std::string_view name) const;
  // Labels known, each value of each name.
  size_t pair_count() const { return by_label_.size(); }
  size_t bytes() const;

 private:
  struct Pair {
    const char* text = nullptr;
    uint32_t size = 0;
    NameId name = 0;
    uint64_t hash = 0;
    uint32_t holders = 0;
    IdSet ids;
  };
  struct Name {
    std::string text;
    uint64_t seed = 0;  // of its labels' hashes
    Roaring carriers;
    std::vector<PairId> values;  // in the order of appearance
    uint64_t version = 0;        // moves with any change of `carriers` or of a value's ids
    uint64_t sweeps = 0;         // moves when `values` lost some
  };
  // The values an expression has matched so far, and the ids that carry them. Values are added at
  // the end, so each is tried once for as long as none is removed.
  struct Tried {
    size_t values = 0;
    uint64_t sweeps = 0;
    std::vector<PairId> matching;
    uint64_t version = UINT64_MAX;
    Roaring ids;
  };
  struct Label {
    NameId name = 0;
    std::string_view value;
    uint64_t hash = 0;
  };
  struct HashOf {
    using is_transparent = void;
    const Postings* postings;
    size_t operator()(PairId pair) const { return postings->pairs_[pair].hash; }
    size_t operator()(const Label& label) const { return label.hash; }
  };
  struct Equal {
    using is_transparent = void;
    const Postings* postings;
    bool operator()(PairId a, PairId b) const { return a == b; }
    bool operator()(PairId pair, const Label& label) const {
      const Pair& known = postings->pairs_[pair];
      return known.hash == label.hash && known.name == label.name &&
             postings->value(pair) == label.value;
    }
    bool operator()(const Label& label, PairId pair) const { return (*this)(pair, label); }
  };

  const Name* Find(std::string_view name) const;
  NameId InternName(std::string_view name);
  PairId InternLabel(const LabelView& label);
  void UniteExpression(const Name& name, const model::Matcher& matcher, Roaring* result) const;

  Roaring all_;
  ByteArena texts_;
  std::vector<std::unique_ptr<Name>> names_;
  absl::flat_hash_map<std::string, NameId> name_by_text_;
  std::deque<Pair> pairs_;
  std::vector<PairId> free_;
  std::vector<PairId> unheld_;  // until Sweep()
  absl::flat_hash_set<PairId, HashOf, Equal> by_label_;
  mutable absl::flat_hash_map<std::string, Tried> tried_;
};

}  // namespace baro::tsdb
