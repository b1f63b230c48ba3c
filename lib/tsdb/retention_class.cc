#include "retention_class.h"

#include <algorithm>

#include "baro/base/strings.h"

namespace baro::tsdb {

int64_t RetentionPolicy::RawMax() const {
  int64_t max_ms = default_ms;
  for (const Class& one : classes) {
    if (max_ms == 0 || one.retention_ms == 0) return 0;
    max_ms = std::max(max_ms, one.retention_ms);
  }
  return max_ms;
}

int64_t RetentionPolicy::Of(const Part& part) const {
  if (part.interval_ms != 0) {
    for (const DownsampledTier& tier : tiers) {
      if (tier.interval_ms == part.interval_ms) return tier.retention_ms;
    }
    return default_ms;
  }
  for (const Class& one : classes) {
    if (one.number == RetentionClassOf(part.class_byte)) return one.retention_ms;
  }
  return default_ms;
}

std::string SelectorText(const std::vector<model::Matcher>& matchers) {
  std::string text = "{";
  for (const model::Matcher& matcher : matchers) {
    if (text.size() > 1) text += ",";
    text += matcher.ToString();
  }
  return text + "}";
}

absl::StatusOr<RetentionPolicy> MakePolicy(const Retention& retention,
                                           const std::vector<bool>& taken, ClassNumbers* numbers) {
  RetentionPolicy policy;
  policy.default_ms = retention.retention_ms;
  policy.tiers = retention.tiers;
  std::vector<bool> in_use = taken;
  in_use.resize(kRetentionClassMax + 1);
  in_use[kRawClass] = true;
  std::map<std::string, bool> configured;
  for (const RetentionClass& one : retention.classes) configured[SelectorText(one.matchers)] = true;
  // A number whose class is gone, and its parts too, is free again.
  std::erase_if(*numbers, [&](const auto& known) {
    return !configured.contains(known.first) && !in_use[known.second];
  });
  for (const auto& [text, number] : *numbers) in_use[number] = true;
  for (const RetentionClass& one : retention.classes) {
    const auto [it, inserted] = numbers->try_emplace(SelectorText(one.matchers), uint8_t{0});
    if (inserted) {
      const auto free = std::find(in_use.begin() + kRawClass, in_use.end(), false);
      if (free == in_use.end()) {
        numbers->erase(it);
        return absl::ResourceExhaustedError(
            base::StrCat("cannot add retention class ", SelectorText(one.matchers), ": there are ",
                         int{kRetentionClassMax} - 1, " already, some of data not yet expired"));
      }
      *free = true;
      it->second = static_cast<uint8_t>(free - in_use.begin());
    }
    policy.classes.push_back({it->second, one.matchers, one.retention_ms});
  }
  return policy;
}

ClassRouter::ClassRouter(Dictionary* dictionary, const RetentionPolicy& policy)
    : dictionary_(dictionary) {
  if (policy.classes.empty()) return;
  dictionary->With([&](const LabelTable& targets, const LabelTable& columns) {
    for (const RetentionPolicy::Class& one : policy.classes) {
      for (Rectangle& area :
           EvaluateSelector(one.matchers, targets.postings(), columns.postings())) {
        areas_.push_back({one.number, std::move(area)});
      }
    }
  });
}

const std::vector<ClassColumns>& ClassRouter::Route(TargetId target, const StoredLayout& layout) {
  std::vector<uint32_t> areas;
  for (uint32_t i = 0; i < areas_.size(); ++i) {
    if (areas_[i].series.targets.contains(target)) areas.push_back(i);
  }
  const auto [it, inserted] = routes_.try_emplace({layout.id, std::move(areas)});
  if (inserted) it->second = Split(layout, it->first.second);
  return it->second;
}

std::vector<ClassColumns> ClassRouter::Split(const StoredLayout& layout,
                                             const std::vector<uint32_t>& areas) const {
  std::map<uint8_t, std::vector<uint32_t>> positions;
  for (uint32_t p = 0; p < layout.columns.size(); ++p) {
    // The insides of a histogram go where its series goes.
    const ColumnId column = dictionary_->BaseOf(layout.columns[p]);
    const auto area = std::find_if(areas.begin(), areas.end(), [&](uint32_t i) {
      return areas_[i].series.columns.contains(column);
    });
    positions[area == areas.end() ? kRawClass : areas_[*area].number].push_back(p);
  }
  if (positions.size() == 1) return {{positions.begin()->first, &layout, {}}};
  std::vector<ClassColumns> split;
  for (auto& [number, chosen] : positions) {
    std::vector<ColumnId> columns;
    for (const uint32_t p : chosen) columns.push_back(layout.columns[p]);
    split.push_back({number, dictionary_->InternColumns(std::move(columns)), std::move(chosen)});
  }
  return split;
}

}  // namespace baro::tsdb
