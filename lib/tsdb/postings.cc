#include "postings.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <set>

#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "value_test.h"

namespace baro::tsdb {
namespace {

// Expressions remembered. Dashboards repeat a few dozen; when it is full all are forgotten, which
// costs one pass over the values each.
constexpr size_t kTriedMax = 256;

uint64_t HashName(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

// model::HashLabel() with the name's share done once.
uint64_t HashValue(uint64_t seed, std::string_view value) {
  return XXH3_64bits_withSeed(value.data(), value.size(), seed);
}

}  // namespace

Postings::Postings() : by_label_(0, HashOf{this}, Equal{this}) {}

const Postings::Name* Postings::Find(std::string_view name) const {
  const auto it = name_by_text_.find(base::ToAbsl(name));
  return it == name_by_text_.end() ? nullptr : names_[it->second].get();
}

NameId Postings::InternName(std::string_view name) {
  const auto it = name_by_text_.find(base::ToAbsl(name));
  if (it != name_by_text_.end()) return it->second;
  const auto id = static_cast<NameId>(names_.size());
  auto made = std::make_unique<Name>();
  made->text = name;
  made->seed = HashName(name);
  names_.push_back(std::move(made));
  name_by_text_.emplace(std::string(name), id);
  return id;
}

PairId Postings::InternLabel(const LabelView& label) {
  const NameId name = InternName(label.name);
  const Label key{name, label.value, HashValue(names_[name]->seed, label.value)};
  if (const auto it = by_label_.find(key); it != by_label_.end()) return *it;
  PairId id = 0;
  if (free_.empty()) {
    id = static_cast<PairId>(pairs_.size());
    pairs_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Pair& pair = pairs_[id];
  pair.text = texts_.Copy(label.value);
  pair.size = static_cast<uint32_t>(label.value.size());
  pair.name = name;
  pair.hash = key.hash;
  names_[name]->values.push_back(id);
  by_label_.insert(id);
  return id;
}

bool Postings::Lookup(std::span<const LabelView> labels, std::vector<PairId>* pairs,
                      uint64_t* hash) const {
  pairs->clear();
  *hash = 0;
  for (const LabelView& label : labels) {
    const auto name = name_by_text_.find(base::ToAbsl(label.name));
    if (name == name_by_text_.end()) return false;
    const uint64_t seed = names_[name->second]->seed;
    const auto it = by_label_.find(Label{name->second, label.value, HashValue(seed, label.value)});
    if (it == by_label_.end()) return false;
    pairs->push_back(*it);
    *hash += pairs_[*it].hash;
  }
  return true;
}

void Postings::Intern(std::span<const LabelView> labels, std::vector<PairId>* pairs,
                      uint64_t* hash) {
  pairs->clear();
  *hash = 0;
  for (const LabelView& label : labels) {
    const PairId pair = InternLabel(label);
    ++pairs_[pair].holders;
    pairs->push_back(pair);
    *hash += pairs_[pair].hash;
  }
}

void Postings::Release(std::span<const PairId> pairs) {
  for (const PairId pair : pairs) {
    BARO_CHECK_GT(pairs_[pair].holders, 0u);
    if (--pairs_[pair].holders == 0) unheld_.push_back(pair);
  }
}

void Postings::Add(uint32_t id, std::span<const PairId> pairs) {
  all_.add(id);
  for (const PairId pair : pairs) {
    Name& name = *names_[pairs_[pair].name];
    name.carriers.add(id);
    ++name.version;
    pairs_[pair].ids.Add(id);
  }
}

void Postings::Remove(uint32_t id, std::span<const PairId> pairs) {
  all_.remove(id);
  for (const PairId pair : pairs) {
    Name& name = *names_[pairs_[pair].name];
    name.carriers.remove(id);
    ++name.version;
    pairs_[pair].ids.Remove(id);
  }
}

void Postings::Sweep() {
  std::set<NameId> touched;
  for (const PairId id : unheld_) {
    const Pair& pair = pairs_[id];
    if (pair.holders == 0 && pair.text != nullptr) touched.insert(pair.name);
  }
  for (const NameId id : touched) {
    Name& name = *names_[id];
    std::erase_if(name.values, [this](PairId pair) { return pairs_[pair].holders == 0; });
    name.values.shrink_to_fit();
    name.carriers.shrinkToFit();
    ++name.sweeps;
  }
  for (const PairId id : unheld_) {
    Pair& pair = pairs_[id];
    if (pair.holders != 0 || pair.text == nullptr) continue;  // held again; here twice
    by_label_.erase(id);
    texts_.Free(const_cast<char*>(pair.text), pair.size);  // NOLINT: the arena's own
    pair = Pair();
    free_.push_back(id);
  }
  unheld_.clear();
}

const Roaring* Postings::Carriers(std::string_view name) const {
  const Name* entry = Find(name);
  return entry == nullptr || entry->carriers.isEmpty() ? nullptr : &entry->carriers;
}

size_t Postings::value_count(std::string_view name) const {
  const Name* entry = Find(name);
  return entry == nullptr ? 0 : entry->values.size();
}

Roaring Postings::Carrying(const model::Matcher& matcher) const {
  Roaring result;
  const auto found = name_by_text_.find(base::ToAbsl(matcher.name()));
  if (found == name_by_text_.end()) return result;
  const Name& name = *names_[found->second];
  using model::MatchType;
  const bool negative =
      matcher.type() == MatchType::kNotEqual || matcher.type() == MatchType::kNotRegex;
  const bool literal = matcher.type() == MatchType::kEqual ||
                       matcher.type() == MatchType::kNotEqual || !matcher.literals().empty();
  if (!literal) {
    UniteExpression(name, matcher, &result);
    return result;
  }
  const auto unite = [&](std::string_view text) {
    const auto it = by_label_.find(Label{found->second, text, HashValue(name.seed, text)});
    if (it != by_label_.end()) pairs_[*it].ids.UniteInto(&result);
  };
  if (matcher.literals().empty()) {
    unite(matcher.value());
  } else {
    for (const std::string& text : matcher.literals()) unite(text);
  }
  return negative ? name.carriers - result : result;
}

void Postings::UniteExpression(const Name& name, const model::Matcher& matcher,
                               Roaring* result) const {
  if (tried_.size() >= kTriedMax) tried_.clear();
  Tried& tried = tried_[matcher.ToString()];
  if (tried.sweeps != name.sweeps) tried = Tried();
  tried.sweeps = name.sweeps;
  if (tried.version != name.version) {
    const ValueTest test(matcher);
    for (; tried.values < name.values.size(); ++tried.values) {
      const PairId pair = name.values[tried.values];
      if (test.Matches(value(pair))) tried.matching.push_back(pair);
    }
    tried.ids = Roaring();
    for (const PairId pair : tried.matching) pairs_[pair].ids.UniteInto(&tried.ids);
    tried.ids.runOptimize();
    tried.version = name.version;
  }
  *result = tried.ids;
}

size_t Postings::bytes() const {
  size_t bytes = texts_.used() + all_.getSizeInBytes(false) + pairs_.size() * sizeof(Pair) +
                 by_label_.capacity() * (sizeof(PairId) + 1) + free_.capacity() * sizeof(PairId);
  for (const auto& name : names_) {
    bytes += sizeof(Name) + name->values.capacity() * sizeof(PairId) +
             name->carriers.getSizeInBytes(false);
  }
  for (const Pair& pair : pairs_) bytes += pair.ids.heap_bytes();
  return bytes;
}

}  // namespace baro::tsdb
