// Postings: which ids (targets, or columns) carry which label. One instance for each half of a
// series' labels; selector.h multiplies the two.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <roaring/roaring.hh>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/model/labels.h"
#include "baro/model/matcher.h"
#include "id_set.h"

namespace baro::tsdb {

// Thread-compatible; its owner (Dictionary) locks.
class Postings {
 public:
  // Ids ascend.
  void Add(uint32_t id, const model::Labels& labels);

  const Roaring& all() const { return all_; }
  // Ids that carry the label with any value; null when none does.
  const Roaring* Carriers(std::string_view name) const;
  // Ids that carry the label with a value that matches. Ids without the label are not in it, even
  // when the matcher accepts the empty string: who decides that knows both halves.
  Roaring Carrying(const model::Matcher& matcher) const;

  // Calls `visit(name, carriers)` for each label name.
  template <typename Visit>
  void ForEachName(Visit visit) const {
    for (const auto& [name, entry] : names_) visit(name, entry->carriers);
  }
  // Calls `visit(value, ids)` for each value of a label.
  template <typename Visit>
  void ForEachValue(std::string_view name, Visit visit) const {
    const Name* entry = Find(name);
    if (entry == nullptr) return;
    for (const Value& value : entry->values) visit(value.text, value.ids);
  }

 private:
  struct Value {
    std::string text;
    IdSet ids;
  };
  struct Name {
    Roaring carriers;
    std::deque<Value> values;  // in the order of appearance; addresses stay
    absl::flat_hash_map<std::string, uint32_t> value_by_text;
  };
  // The values an expression has matched so far. Values are only ever added, so each is tried once
  // for as long as the entry lives.
  struct Tried {
    size_t values = 0;
    std::vector<uint32_t> matching;
  };

  const Name* Find(std::string_view name) const;
  void UniteExpression(const Name& name, const model::Matcher& matcher, Roaring* result) const;

  Roaring all_;
  absl::flat_hash_map<std::string, std::unique_ptr<Name>> names_;
  mutable absl::flat_hash_map<std::string, Tried> tried_;
};

}  // namespace baro::tsdb
