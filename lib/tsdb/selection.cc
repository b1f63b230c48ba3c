#include "selection.h"

#include <algorithm>
#include <map>
#include <set>

#include "baro/base/strings.h"
#include "deleted_columns.h"
#include "twins.h"

namespace baro::tsdb {
namespace {

// Targets whose times are read in one pass over a part; bounds the memory they take.
constexpr size_t kTimesReadAtOnce = 4'096;

// The columns selected for some targets, and what that makes of each layout.
class ColumnFilter {
 public:
  explicit ColumnFilter(Roaring columns) : columns_(std::move(columns)) {}

  const Roaring& columns() const { return columns_; }
  // Null when none of the layout's columns is selected.
  const LayoutColumns* Of(const StoredLayout& layout, Selection* selection) {
    const auto [it, inserted] = by_layout_.try_emplace(layout.id, nullptr);
    if (!inserted) return it->second;
    auto found = std::make_unique<LayoutColumns>();
    found->layout = &layout;
    for (uint32_t i = 0; i < layout.columns.size(); ++i) {
      if (columns_.contains(layout.columns[i])) found->columns.emplace_back(layout.columns[i], i);
    }
    if (found->columns.empty()) return nullptr;
    std::sort(found->columns.begin(), found->columns.end());
    it->second = found.get();
    selection->layouts.push_back(std::move(found));
    return it->second;
  }
  // Equal lists are shared.
  std::shared_ptr<ColumnList> Share(std::vector<ColumnId> ids) {
    auto& list = lists_[ids];
    if (list == nullptr) {
      list = std::make_shared<ColumnList>();
      list->ids = std::move(ids);
    }
    return list;
  }

 private:
  Roaring columns_;
  absl::flat_hash_map<LayoutId, const LayoutColumns*> by_layout_;
  std::map<std::vector<ColumnId>, std::shared_ptr<ColumnList>> lists_;
};

class Selector {
 public:
  Selector(std::shared_ptr<const View> view, const Dictionary& dictionary, PartReader* reader,
           const model::SelectRequest& request)
      : dictionary_(dictionary),
        reader_(reader),
        request_(request),
        range_{request.start_ms, request.end_ms},
        selection_(std::make_unique<Selection>()) {
    selection_->view = std::move(view);
  }

  absl::StatusOr<std::unique_ptr<Selection>> Run() {
    if (range_.empty()) return std::move(selection_);
    rectangles_ = dictionary_.With([&](const LabelTable& targets, const LabelTable& columns) {
      return EvaluateSelector(request_.matchers, targets.postings(), columns.postings());
    });
    if (request_.histograms) AddComponents();
    for (const Rectangle& rectangle : rectangles_) all_targets_ |= rectangle.targets;
    if (all_targets_.isEmpty()) return std::move(selection_);
    AddParts();
    AddHeads();
    deleted_ = FindDeletedColumns(*selection_, range_, reader_);
    if (absl::Status status = NumberSeries(); !status.ok()) return status;
    return std::move(selection_);
  }

 private:
  void AddComponents() {
    selection_->histograms = true;
    for (Rectangle& rectangle : rectangles_) {
      Roaring components;
      dictionary_.ForEachComponents(rectangle.columns,
                                    [&](ColumnId base, std::shared_ptr<const ComponentList> list) {
                                      for (const Component& component : *list)
                                        components.add(component.column);
                                      selection_->components.emplace(base, std::move(list));
                                    });
      rectangle.columns |= components;
    }
  }

  ColumnFilter* FilterOf(TargetId target) {
    std::vector<uint32_t> members;
    for (uint32_t i = 0; i < rectangles_.size(); ++i) {
      if (rectangles_.size() == 1 || rectangles_[i].targets.contains(target)) members.push_back(i);
    }
    auto& filter = filters_[members];
    if (filter == nullptr) {
      Roaring columns;
      for (const uint32_t i : members) columns |= rectangles_[i].columns;
      filter = std::make_unique<ColumnFilter>(std::move(columns));
    }
    return filter.get();
  }

  SelectedTarget* TargetOf(TargetId id) {
    const auto [it, inserted] =
        target_by_id_.try_emplace(id, static_cast<uint32_t>(selection_->targets.size()));
    if (inserted) {
      selection_->targets.emplace_back();
      selection_->targets.back().id = id;
    }
    return &selection_->targets[it->second];
  }

  void AddParts() {
    std::map<const TargetLayouts*, uint32_t> run_by_list;
    for (const auto& part : selection_->view->parts) {
      if (!range_.Meets(part->time_ms_min, part->time_ms_max)) continue;
      if (selection_->view->passed_over.contains(part->number)) continue;
      if (!range_.Covers(part->time_ms_min, part->time_ms_max)) {
        AddPartlyCovered(part);
        continue;
      }
      const auto next = static_cast<uint32_t>(selection_->runs.size());
      const auto [it, inserted] = run_by_list.try_emplace(part->targets.get(), next);
      if (inserted) selection_->runs.emplace_back();
      selection_->runs[it->second].parts.push_back(part);
    }
    for (const auto& [list, run] : run_by_list) {
      ForEachSelected(*list, [&, this_run = run](const TargetLayout& one) {
        if (const LayoutColumns* columns = ColumnsOf(one)) {
          TargetOf(one.target)->parts.emplace_back(this_run, columns);
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

  // Of such a part each target's own times decide. There are two slots of them at most, whose
  // times the reader of the samples needs next.
  void AddPartlyCovered(const std::shared_ptr<const Part>& part) {
    std::vector<std::pair<TargetId, const LayoutColumns*>> candidates;
    ForEachSelected(*part->targets, [&](const TargetLayout& one) {
      if (const LayoutColumns* columns = ColumnsOf(one))
        candidates.emplace_back(one.target, columns);
    });
    if (candidates.empty()) return;
    const auto run = static_cast<uint32_t>(selection_->runs.size());
    selection_->runs.push_back({{part}});
    std::vector<PartFragment> fragments;
    for (size_t begin = 0; begin < candidates.size(); begin += kTimesReadAtOnce) {
      const size_t end = std::min(candidates.size(), begin + kTimesReadAtOnce);
      fragments.assign(end - begin, {});
      for (size_t i = begin; i < end; ++i) {
        const auto& [target, columns] = candidates[i];
        reader_->Want(*part, columns->layout->id, target, &fragments[i - begin]);
      }
      const bool whole = reader_->Fetch().ok();
      for (size_t i = begin; i < end; ++i) {
        const std::vector<int64_t>& times_ms = fragments[i - begin].times_ms;
        if (!IsPresent(times_ms, range_) && (whole || !times_ms.empty())) continue;
        TargetOf(candidates[i].first)->parts.emplace_back(run, candidates[i].second);
      }
    }
  }

  // Null when none is selected.
  const LayoutColumns* ColumnsOf(const TargetLayout& one) {
    const StoredLayout* layout = LayoutOf(one.layout);
    return layout == nullptr ? nullptr : FilterOf(one.target)->Of(*layout, selection_.get());
  }

  const StoredLayout* LayoutOf(LayoutId id) {
    const auto [it, inserted] = layouts_.try_emplace(id, nullptr);
    if (inserted) it->second = dictionary_.FindLayout(id);
    return it->second;
  }

  void AddHeads() {
    for (uint32_t i = 0; i < selection_->view->heads.size(); ++i) {
      const Head& head = *selection_->view->heads[i];
      if (head.empty() || !range_.Meets(head.time_ms_min(), head.time_ms_max())) continue;
      for (const TargetId id : head.Targets() & all_targets_) AddHeadTarget(id, head, i);
    }
  }

  void AddHeadTarget(TargetId id, const Head& head, uint32_t number) {
    const TargetHead* rows = head.Find(id);
    ColumnFilter* filter = FilterOf(id);
    TargetSnapshot snapshot = rows->Snapshot(&filter->columns(), range_);
    for (GroupSnapshot& group : snapshot.groups) {
      SelectedGroup selected{number, rows, {}, std::move(group.columns)};
      if (group.rows->layout() != nullptr) {
        const LayoutColumns* columns = filter->Of(*group.rows->layout(), selection_.get());
        if (columns != nullptr) selected.columns = columns->columns;
      } else {
        std::sort(selected.columns.begin(), selected.columns.end());
      }
      if (selected.columns.empty() || group.row_count == 0) continue;
      selected.rows = std::move(group);
      TargetOf(id)->groups.push_back(std::move(selected));
    }
    for (const SideSample& sample : snapshot.side) {
      TargetOf(id)->side.emplace_back(number, sample);
    }
  }

  std::vector<ColumnId> ColumnsOf(const SelectedTarget& target) const {
    std::vector<ColumnId> ids;
    const LayoutColumns* before = nullptr;
    const auto add = [&](const std::vector<std::pair<ColumnId, uint32_t>>& columns) {
      for (const auto& [id, position] : columns) ids.push_back(id);
    };
    for (const auto& [run, columns] : target.parts) {
      if (columns != before) add(columns->columns);
      before = columns;
    }
    for (const SelectedGroup& group : target.groups) add(group.columns);
    for (const auto& [head, sample] : target.side) ids.push_back(sample.column);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    ids.erase(std::lower_bound(ids.begin(), ids.end(), kFirstComponent), ids.end());
    if (const auto deleted = deleted_.find(target.id); deleted != deleted_.end()) {
      std::erase_if(ids, [&](ColumnId id) { return deleted->second.contains(id); });
    }
    return ids;
  }

  absl::Status NumberSeries() {
    Selection& selection = *selection_;
    std::sort(selection.targets.begin(), selection.targets.end(),
              [](const SelectedTarget& a, const SelectedTarget& b) { return a.id < b.id; });
    if (!deleted_.empty()) {
      std::erase_if(selection.targets,
                    [&](const SelectedTarget& target) { return ColumnsOf(target).empty(); });
    }
    for (uint32_t t = 0; t < selection.targets.size(); ++t) {
      SelectedTarget& target = selection.targets[t];
      target.columns = FilterOf(target.id)->Share(ColumnsOf(target));
      for (uint32_t c = 0; c < target.columns->ids.size(); ++c) selection.series.push_back({t, c});
    }
    selection.label_cache = dictionary_.Labels();
    dictionary_.With([&](const LabelTable& targets, const LabelTable& columns) {
      JoinTwins(targets, columns, &dictionary_.cuts(), &selection);
    });
    if (request_.series_max == 0 || selection.series.size() <= request_.series_max) {
      return absl::OkStatus();
    }
    return absl::ResourceExhaustedError(
        base::StrCat("cannot select series: ", selection.series.size(), " match, the limit is ",
                     request_.series_max));
  }

  const Dictionary& dictionary_;
  PartReader* const reader_;
  const model::SelectRequest& request_;
  const TimeRange range_;
  std::unique_ptr<Selection> selection_;
  std::vector<Rectangle> rectangles_;
  Roaring all_targets_;
  std::map<std::vector<uint32_t>, std::unique_ptr<ColumnFilter>> filters_;
  absl::flat_hash_map<TargetId, uint32_t> target_by_id_;
  absl::flat_hash_map<LayoutId, const StoredLayout*> layouts_;
  ColumnsByTarget deleted_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Selection>> Select(std::shared_ptr<const View> view,
                                                  const Dictionary& dictionary, PartReader* reader,
                                                  const model::SelectRequest& request) {
  return Selector(std::move(view), dictionary, reader, request).Run();
}

}  // namespace baro::tsdb
