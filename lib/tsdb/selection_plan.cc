#include "selection_plan.h"

#include <algorithm>
#include <map>
#include <roaring/roaring.hh>
#include <span>

#include "label_values.h"
#include "selector.h"
#include "twins.h"

namespace baro::tsdb {
namespace {

// The columns selected for some targets, and what that makes of each layout.
class ColumnFilter {
 public:
  explicit ColumnFilter(Roaring columns) : columns_(std::move(columns)) {}

  const Roaring& columns() const { return columns_; }
  // Null when none of the layout's columns is selected.
  std::shared_ptr<const LayoutColumns> Of(const StoredLayout& layout) {
    const auto [it, inserted] = by_layout_.try_emplace(layout.id, nullptr);
    if (!inserted) return it->second;
    auto found = std::make_shared<LayoutColumns>();
    found->layout = &layout;
    for (uint32_t i = 0; i < layout.columns.size(); ++i) {
      if (columns_.contains(layout.columns[i])) found->columns.emplace_back(layout.columns[i], i);
    }
    if (found->columns.empty()) return nullptr;
    std::sort(found->columns.begin(), found->columns.end());
    it->second = std::move(found);
    return it->second;
  }

 private:
  Roaring columns_;
  absl::flat_hash_map<LayoutId, std::shared_ptr<const LayoutColumns>> by_layout_;
};

// Equal ones are given the same memory.
template <typename Key, typename Shared>
class Sharing {
 public:
  template <typename Make>
  std::shared_ptr<const Shared> Share(const Key& key, Make make) {
    auto& shared = known_[key];
    if (shared == nullptr) shared = make();
    return shared;
  }
  // What was shared before, and may be again.
  void Know(const Key& key, std::shared_ptr<const Shared> shared) {
    known_.emplace(key, std::move(shared));
  }

 private:
  std::map<Key, std::shared_ptr<const Shared>> known_;
};

class Planner {
 public:
  Planner(const std::shared_ptr<const View>& view, const Dictionary& dictionary,
          const std::vector<model::Matcher>& matchers, bool histograms, const SelectionPlan* before)
      : view_(*view),
        dictionary_(dictionary),
        before_(before),
        plan_(std::make_shared<SelectionPlan>()) {
    plan_->view = view;
    plan_->histograms = histograms;
    // Looked at first: what comes while the plan is made is then taken for new, once too often.
    for (const auto& head : view_.heads) plan_->changes.push_back(head->changes());
    rectangles_ = dictionary_.With([&](const LabelTable& targets, const LabelTable& columns) {
      return EvaluateSelector(matchers, targets.postings(), columns.postings());
    });
    if (histograms) AddComponents();
    for (const Rectangle& rectangle : rectangles_) all_targets_ |= rectangle.targets;
  }

  std::shared_ptr<SelectionPlan> Run() {
    if (before_ != nullptr) {
      plan_->lists = before_->lists;
      for (const auto& target : before_->targets) {
        lists_.Know(target->columns->ids, target->columns);
      }
      Update(ChangedTargets());
    } else {
      PlanParts();
      PlanHeads(all_targets_);
      for (auto& [id, target] : planned_) Add(Finish(std::move(target)), &plan_->targets);
    }
    Summarise();
    return plan_;
  }

 private:
  void AddComponents() {
    for (Rectangle& rectangle : rectangles_) {
      Roaring components;
      dictionary_.ForEachComponents(rectangle.columns,
                                    [&](ColumnId base, std::shared_ptr<const ComponentList> list) {
                                      for (const Component& component : *list) {
                                        components.add(component.column);
                                      }
                                      plan_->components.emplace(base, std::move(list));
                                    });
      rectangle.columns |= components;
    }
  }

  ColumnFilter* FilterOf(TargetId target) {
    members_.clear();
    for (uint32_t i = 0; i < rectangles_.size(); ++i) {
      if (rectangles_.size() == 1 || rectangles_[i].targets.contains(target)) members_.push_back(i);
    }
    auto& filter = filters_[members_];
    if (filter == nullptr) {
      Roaring columns;
      for (const uint32_t i : members_) columns |= rectangles_[i].columns;
      filter = std::make_unique<ColumnFilter>(std::move(columns));
    }
    return filter.get();
  }

  PlannedTarget* TargetOf(TargetId id) {
    PlannedTarget& target = planned_[id];
    target.id = id;
    return &target;
  }

  void PlanParts() {
    for (const auto& part : view_.parts) {
      const auto known = std::find(plan_->lists.begin(), plan_->lists.end(), part->targets);
      if (known == plan_->lists.end()) plan_->lists.push_back(part->targets);
    }
    for (uint32_t i = 0; i < plan_->lists.size(); ++i) {
      ForEachSelected(*plan_->lists[i], [&](const TargetLayout& one) {
        const StoredLayout* layout = LayoutOf(one.layout);
        if (layout == nullptr) return;
        if (auto columns = FilterOf(one.target)->Of(*layout)) {
          TargetOf(one.target)->parts.push_back({i, std::move(columns)});
        }
      });
    }
  }

  // Calls visit(target and layout) for the selected ones of a part.
  template <typename Visit>
  void ForEachSelected(const TargetLayouts& list, Visit visit) const {
    // Few targets are looked up; many are met on the way through the list.
    if (all_targets_.cardinality() * 16 < list.size()) {
      for (const TargetId target : all_targets_) {
        auto it = std::lower_bound(list.begin(), list.end(), TargetLayout{target, 0});
        for (; it != list.end() && it->target == target; ++it) visit(*it);
      }
      return;
    }
    for (const TargetLayout& one : list) {
      if (all_targets_.contains(one.target)) visit(one);
    }
  }

  const StoredLayout* LayoutOf(LayoutId id) {
    const auto [it, inserted] = layouts_.try_emplace(id, nullptr);
    if (inserted) it->second = dictionary_.FindLayout(id);
    return it->second;
  }

  void PlanHeads(const Roaring& targets) {
    for (uint32_t i = 0; i < view_.heads.size(); ++i) {
      const Head& head = *view_.heads[i];
      for (const TargetId id : head.Targets() & targets) PlanHead(id, head, i);
    }
  }

  void PlanHead(TargetId id, const Head& head, uint32_t number) {
    const TargetHead* rows = head.Find(id);
    PlannedHead planned{number, rows, {}};
    for (GroupPlaces& group : rows->Places(FilterOf(id)->columns())) {
      if (group.rows->layout() != nullptr) {
        const auto columns = FilterOf(id)->Of(*group.rows->layout());
        if (columns == nullptr) continue;
        group.columns = {columns, &columns->columns};
      } else {
        group.columns = places_.Share(*group.columns, [&] { return group.columns; });
      }
      planned.groups.push_back(std::move(group));
    }
    if (!planned.groups.empty()) TargetOf(id)->heads.push_back(std::move(planned));
  }

  // The series among some columns: each once, ascending, without the insides of histograms.
  static void KeepSeries(std::vector<ColumnId>* ids) {
    std::sort(ids->begin(), ids->end());
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
    ids->erase(std::lower_bound(ids->begin(), ids->end(), kFirstComponent), ids->end());
  }

  static std::vector<ColumnId> SeriesOf(std::span<const GroupPlaces> groups) {
    std::vector<ColumnId> ids;
    for (const GroupPlaces& group : groups) {
      for (const auto& [id, position] : *group.columns) ids.push_back(id);
    }
    KeepSeries(&ids);
    return ids;
  }

  // Null when nothing of it is selected.
  std::shared_ptr<const PlannedTarget> Finish(PlannedTarget target) {
    std::vector<ColumnId> ids;
    std::vector<size_t> counts;  // of each source
    const auto add = [&](const std::vector<ColumnId>& series) {
      counts.push_back(series.size());
      ids.insert(ids.end(), series.begin(), series.end());
    };
    for (const PlannedPart& part : target.parts) {
      const GroupPlaces columns{nullptr, 0, {part.columns, &part.columns->columns}};
      add(SeriesOf({&columns, 1}));
    }
    for (const PlannedHead& head : target.heads) add(SeriesOf(head.groups));
    KeepSeries(&ids);
    if (counts.empty()) return nullptr;
    auto count = counts.begin();
    for (PlannedPart& part : target.parts) part.all = *count++ == ids.size();
    for (PlannedHead& head : target.heads) head.all = *count++ == ids.size();
    target.columns = lists_.Share(ids, [&] {
      auto list = std::make_shared<ColumnList>();
      list->ids = ids;
      return list;
    });
    return std::make_shared<const PlannedTarget>(std::move(target));
  }

  static void Add(std::shared_ptr<const PlannedTarget> target,
                  std::vector<std::shared_ptr<const PlannedTarget>>* targets) {
    if (target != nullptr) targets->push_back(std::move(target));
  }

  Roaring ChangedTargets() const {
    Roaring changed;
    for (size_t i = 0; i < view_.heads.size(); ++i) {
      for (const TargetId id : view_.heads[i]->ChangedSince(before_->changes[i])) changed.add(id);
    }
    return changed;
  }

  // Targets with new series are planned anew, but for their parts, which are the view's.
  void Update(const Roaring& changed) {
    for (const auto& target : before_->targets) {
      if (changed.contains(target->id)) TargetOf(target->id)->parts = target->parts;
    }
    PlanHeads(changed & all_targets_);
    auto next = planned_.begin();
    const auto add_until = [&](TargetId end) {
      for (; next != planned_.end() && next->first < end; ++next) {
        Add(Finish(std::move(next->second)), &plan_->targets);
      }
    };
    for (const auto& target : before_->targets) {
      add_until(target->id);
      if (next != planned_.end() && next->first == target->id) continue;  // the new one is next
      plan_->targets.push_back(target);
    }
    add_until(UINT32_MAX);
  }

  void Summarise() {
    constexpr size_t kTargetBytes = sizeof(PlannedTarget) + sizeof(PlannedHead) + 64;
    absl::flat_hash_map<const void*, size_t> shared;  // memory that targets share
    for (const auto& target : plan_->targets) {
      plan_->series += target->columns->ids.size();
      plan_->bytes += kTargetBytes + target->parts.size() * 16;
      shared[target->columns.get()] = target->columns->ids.size() * sizeof(ColumnId);
      for (const PlannedHead& head : target->heads) {
        plan_->bytes += head.groups.size() * sizeof(GroupPlaces);
        for (const GroupPlaces& group : head.groups) {
          shared[group.columns.get()] = group.columns->size() * sizeof(ColumnPlaces::value_type);
        }
      }
    }
    for (const auto& [memory, bytes] : shared) plan_->bytes += bytes + 64;
    dictionary_.With([&](const LabelTable& targets, const LabelTable& columns) {
      PlanTwins(targets, columns, plan_.get());
    });
  }

  const View& view_;
  const Dictionary& dictionary_;
  const SelectionPlan* const before_;
  const std::shared_ptr<SelectionPlan> plan_;
  std::vector<Rectangle> rectangles_;
  Roaring all_targets_;
  std::vector<uint32_t> members_;
  std::map<std::vector<uint32_t>, std::unique_ptr<ColumnFilter>> filters_;
  std::map<TargetId, PlannedTarget> planned_;
  absl::flat_hash_map<LayoutId, const StoredLayout*> layouts_;
  Sharing<ColumnPlaces, ColumnPlaces> places_;
  Sharing<std::vector<ColumnId>, ColumnList> lists_;
};

// The metrics that a query asks for: those it names, else those it finds.
std::vector<std::string> MetricsRead(const std::vector<model::Matcher>& matchers,
                                     const SelectionPlan& plan, const Dictionary& dictionary) {
  for (const model::Matcher& matcher : matchers) {
    if (matcher.name() != model::kMetricName) continue;
    if (matcher.type() == model::MatchType::kEqual) return {matcher.value()};
    if (matcher.type() == model::MatchType::kRegex) return matcher.literals();
  }
  Roaring found;
  absl::flat_hash_map<const ColumnList*, bool> seen;
  for (const auto& target : plan.targets) {
    if (!seen.try_emplace(target->columns.get(), true).second) continue;
    found.addMany(target->columns->ids.size(), target->columns->ids.data());
  }
  std::vector<std::string> metrics;
  dictionary.With([&](const LabelTable&, const LabelTable& columns) {
    AddValuesOf(columns, model::kMetricName, found, &metrics);
  });
  return metrics;
}

}  // namespace

bool IsPlanOf(const SelectionPlan& plan, const std::shared_ptr<const View>& view) {
  return !plan.view.owner_before(view) && !view.owner_before(plan.view);
}

bool IsUpToDate(const SelectionPlan& plan, const View& view) {
  for (size_t i = 0; i < view.heads.size(); ++i) {
    if (plan.changes[i] != view.heads[i]->changes()) return false;
  }
  return true;
}

SharedPlan MakePlan(const std::shared_ptr<const View>& view, const Dictionary& dictionary,
                    const std::vector<model::Matcher>& matchers, bool histograms,
                    const SelectionPlan* before) {
  std::shared_ptr<SelectionPlan> plan =
      Planner(view, dictionary, matchers, histograms, before).Run();
  plan->metrics = MetricsRead(matchers, *plan, dictionary);
  return plan;
}

}  // namespace baro::tsdb
