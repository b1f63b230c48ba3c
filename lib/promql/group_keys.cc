#include "group_keys.h"

#include <algorithm>
#include <utility>

#include "rows.h"

namespace baro::promql {

LabelChoice GroupingOf(const AggregateExpr& aggregate) {
  LabelChoice choice{!aggregate.without, aggregate.grouping};
  if (aggregate.without) choice.names.emplace_back(model::kMetricName);
  return choice;
}

model::Labels LabelChoice::Apply(const model::Labels& labels) const {
  std::vector<model::Label> chosen;
  for (const model::Label& label : labels) {
    const bool named = std::find(names.begin(), names.end(), label.name) != names.end();
    if (named == keep) chosen.push_back(label);
  }
  return model::Labels::FromUnsorted(std::move(chosen));
}

const model::Labels* HalfProjection::Half(const model::Labels* half) {
  const auto [it, inserted] = halves_.try_emplace(half, nullptr);
  if (inserted) {
    model::Labels chosen = choice_.Apply(*half);
    it->second = chosen.size() == half->size() ? half : query_->Keep(std::move(chosen));
  }
  return it->second;
}

uint32_t GroupKeys::Intern(model::Labels labels, Interned* interned,
                           std::vector<const model::Labels*>* list) {
  const auto found = interned->find(&labels);
  if (found != interned->end()) return found->second;
  const auto number = static_cast<uint32_t>(list->size());
  list->push_back(query_->Keep(std::move(labels)));
  interned->emplace(list->back(), number);
  return number;
}

uint32_t GroupKeys::HalfOf(const model::Labels* half) {
  const auto [it, inserted] = halves_.try_emplace(half, 0);
  if (inserted) it->second = Intern(choice_.Apply(*half), &half_numbers_, &half_labels_);
  return it->second;
}

size_t GroupKeys::GroupOf(model::LabelsRef labels) {
  if (labels.target != last_target_) {
    last_target_ = labels.target;
    last_target_number_ = HalfOf(labels.target);
  }
  const uint32_t column = HalfOf(labels.column);
  const uint64_t pair = (static_cast<uint64_t>(last_target_number_) << 32) | column;
  if (pair == last_pair_) return last_group_;
  const auto [it, inserted] = pairs_.try_emplace(pair, 0);
  if (inserted) {
    const model::LabelsRef chosen{half_labels_[last_target_number_], half_labels_[column]};
    it->second = Intern(chosen.Merge(), &group_numbers_, &groups_);
  }
  last_pair_ = pair;
  last_group_ = it->second;
  return last_group_;
}

model::LabelsRef GroupKeys::labels_ref(size_t group) const { return {groups_[group], &NoLabels()}; }

}  // namespace baro::promql
