#include "twins.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace baro::tsdb {
namespace {

struct CutKind {
  bool suspect = false;
  bool overlap = false;  // a name in both halves: the column's label hides the target's
  std::vector<std::string> names;
};

using ShapedLists = std::set<std::pair<ShapeId, const ColumnList*>>;  // targets' shapes

// All cuts that occur, and whether a series so cut may have a twin.
std::map<Cut, CutKind> KindsOf(const LabelTable& targets, const LabelTable& columns,
                               const ShapedLists& groups) {
  std::map<const ColumnList*, std::set<ShapeId>> shapes_by_list;
  std::map<Cut, CutKind> kinds;
  for (const auto& [target_shape, list] : groups) {
    auto [it, inserted] = shapes_by_list.try_emplace(list);
    if (inserted) {
      for (const ColumnId id : list->ids) it->second.insert(columns.shape(id));
    }
    for (const ShapeId shape : it->second) kinds[{target_shape, shape}] = {};
  }
  std::map<std::vector<std::string>, std::vector<Cut>> cuts_by_names;
  for (auto& [cut, kind] : kinds) {
    const auto& first = targets.shape_names(cut.first);
    const auto& second = columns.shape_names(cut.second);
    std::set_union(first.begin(), first.end(), second.begin(), second.end(),
                   std::back_inserter(kind.names));
    kind.overlap = kind.names.size() != first.size() + second.size();
    kind.suspect = kind.overlap;
    cuts_by_names[kind.names].push_back(cut);
  }
  for (const auto& [names, same] : cuts_by_names) {
    if (same.size() < 2) continue;
    for (const Cut& cut : same) kinds[cut].suspect = true;
  }
  return kinds;
}

}  // namespace

void PlanTwins(const LabelTable& targets, const LabelTable& columns, SelectionPlan* plan) {
  ShapedLists groups;
  for (const auto& target : plan->targets) {
    groups.emplace(targets.shape(target->id), target->columns.get());
  }
  plan->cuts.clear();
  for (auto& [cut, kind] : KindsOf(targets, columns, groups)) {
    plan->may_have_twins = plan->may_have_twins || kind.suspect;
    plan->halves_overlap = plan->halves_overlap || kind.overlap;
    plan->cuts.emplace_back(cut, kind.names);
  }
}

bool OrderVaries(const SelectionPlan& plan, CutLog* cuts) {
  bool varies = plan.halves_overlap;
  // All of them are noted, for the sake of other selections.
  for (const auto& [cut, names] : plan.cuts) {
    if (cuts->HaveSameNames(cut, names)) varies = true;
  }
  return varies;
}

void JoinTwins(const LabelTable& targets, const LabelTable& columns, Selection* selection) {
  ShapedLists groups;
  for (const SelectedTarget& target : selection->targets) {
    groups.emplace(targets.shape(target.id), target.columns.get());
  }
  const std::map<Cut, CutKind> kinds = KindsOf(targets, columns, groups);
  absl::flat_hash_map<uint64_t, std::vector<size_t>> kept_by_hash;
  std::vector<SelectedSeries> kept;
  const auto labels_of = [&](const SelectedSeries& series) {
    const SelectedTarget& target = selection->targets[series.target];
    const model::Labels of_target = targets.Materialise(target.id);
    const model::Labels of_column = columns.Materialise(target.columns->ids[series.column]);
    return model::LabelsRef{&of_target, &of_column}.Merge();
  };
  for (const SelectedSeries& series : selection->series) {
    const SelectedTarget& target = selection->targets[series.target];
    const ColumnId column = target.columns->ids[series.column];
    const CutKind kind = kinds.at({targets.shape(target.id), columns.shape(column)});
    bool joined = false;
    if (kind.suspect) {
      const model::Labels merged = labels_of(series);
      const uint64_t hash =
          kind.overlap ? merged.Hash() : targets.hash(target.id) + columns.hash(column);
      std::vector<size_t>& same = kept_by_hash[hash];
      for (const size_t index : same) {
        if (labels_of(kept[index]) != merged) continue;
        selection->twins[index].push_back(series);
        joined = true;
        break;
      }
      if (!joined) same.push_back(kept.size());
    }
    if (!joined) kept.push_back(series);
  }
  selection->series = std::move(kept);
}

}  // namespace baro::tsdb
