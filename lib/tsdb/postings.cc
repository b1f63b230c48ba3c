#include "postings.h"

#include <algorithm>

#include "baro/base/strings.h"

namespace baro::tsdb {
namespace {

// Expressions remembered. Dashboards repeat a few dozen; when it is full all are forgotten, which
// costs one pass over the values each.
constexpr size_t kTriedMax = 256;

}  // namespace

void Postings::Add(uint32_t id, const model::Labels& labels) {
  all_.add(id);
  for (const model::Label& label : labels) {
    auto& name = names_[label.name];
    if (name == nullptr) name = std::make_unique<Name>();
    name->carriers.add(id);
    const auto next = static_cast<uint32_t>(name->values.size());
    const auto [it, inserted] = name->value_by_text.try_emplace(label.value, next);
    if (inserted) name->values.push_back({label.value, {}});
    name->values[it->second].ids.Add(id);
  }
}

const Postings::Name* Postings::Find(std::string_view name) const {
  const auto it = names_.find(base::ToAbsl(name));
  return it == names_.end() ? nullptr : it->second.get();
}

const Roaring* Postings::Carriers(std::string_view name) const {
  const Name* entry = Find(name);
  return entry == nullptr ? nullptr : &entry->carriers;
}

Roaring Postings::Carrying(const model::Matcher& matcher) const {
  Roaring result;
  const Name* name = Find(matcher.name());
  if (name == nullptr) return result;
  using model::MatchType;
  const bool negative =
      matcher.type() == MatchType::kNotEqual || matcher.type() == MatchType::kNotRegex;
  const bool literal = matcher.type() == MatchType::kEqual ||
                       matcher.type() == MatchType::kNotEqual || !matcher.literals().empty();
  if (!literal) {
    UniteExpression(*name, matcher, &result);
    return result;
  }
  const auto unite = [&](const std::string& text) {
    const auto it = name->value_by_text.find(text);
    if (it != name->value_by_text.end()) name->values[it->second].ids.UniteInto(&result);
  };
  if (matcher.literals().empty()) {
    unite(matcher.value());
  } else {
    for (const std::string& text : matcher.literals()) unite(text);
  }
  return negative ? name->carriers - result : result;
}

void Postings::UniteExpression(const Name& name, const model::Matcher& matcher,
                               Roaring* result) const {
  if (tried_.size() >= kTriedMax) tried_.clear();
  Tried& tried = tried_[matcher.ToString()];
  for (; tried.values < name.values.size(); ++tried.values) {
    if (matcher.Matches(name.values[tried.values].text)) {
      tried.matching.push_back(static_cast<uint32_t>(tried.values));
    }
  }
  for (const uint32_t value : tried.matching) name.values[value].ids.UniteInto(result);
}

}  // namespace baro::tsdb
