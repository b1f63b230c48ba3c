#include "selection.h"

#include <algorithm>
#include <map>
#include <span>

#include "baro/base/strings.h"
#include "deleted_columns.h"
#include "twins.h"

namespace baro::tsdb {
namespace {

// Targets whose times are read in one pass over a part; bounds the memory they take.
constexpr size_t kTimesReadAtOnce = 4'096;
// Targets cut before somebody who has gone is noticed.
constexpr size_t kTargetsPerCheck = 1'024;

// Cuts a plan to a range.
class Cutter {
 public:
  Cutter(std::shared_ptr<const View> view, SharedPlan plan, const Dictionary& dictionary,
         PartReader* reader, const model::SelectRequest& request)
      : dictionary_(dictionary),
        reader_(reader),
        request_(request),
        range_{request.start_ms, request.end_ms},
        plan_(*plan),
        selection_(std::make_unique<Selection>()) {
    selection_->view = std::move(view);
    selection_->plan = std::move(plan);
  }

  // Errors: those of Select().
  absl::StatusOr<std::unique_ptr<Selection>> Run(bool number_series) {
    selection_->label_cache = dictionary_.Labels();
    if (range_.empty() || plan_.targets.empty()) return std::move(selection_);
    FindRuns();
    FindHeads();
    for (size_t i = 0; i < plan_.targets.size(); ++i) {
      if (i % kTargetsPerCheck == 0 && request_.check_alive) {
        if (absl::Status status = request_.check_alive(); !status.ok()) return status;
      }
      Cut(*plan_.targets[i]);
    }
    AddPartlyCovered();
    std::erase_if(selection_->targets, [](const SelectedTarget& target) {
      return target.groups.empty() && target.parts.empty() && target.side.empty();
    });
    deleted_ = FindDeletedColumns(*selection_, range_, reader_);
    ShareColumns();
    if (number_series) {
      if (absl::Status status = NumberSeries(); !status.ok()) return status;
    }
    return std::move(selection_);
  }

 private:
  // The runs that one of the plan's lists of targets has parts in.
  struct RunsOfList {
    std::vector<uint32_t> whole;   // covered by the range: none or one
    std::vector<uint32_t> partly;  // one a part: of such a part each target's own times decide
  };
  struct Candidate {
    uint32_t index = 0;  // in the selection
    const PlannedPart* part = nullptr;
    const PlannedTarget* target = nullptr;
  };

  void FindRuns() {
    runs_.resize(plan_.lists.size());
    for (const auto& part : selection_->view->parts) {
      if (!range_.Meets(part->time_ms_min, part->time_ms_max)) continue;
      if (selection_->view->passed_over.contains(part->number)) continue;
      const auto list = std::find(plan_.lists.begin(), plan_.lists.end(), part->targets);
      RunsOfList& runs = runs_[static_cast<size_t>(list - plan_.lists.begin())];
      const auto next = static_cast<uint32_t>(selection_->runs.size());
      const bool whole =
          request_.may_be_empty || range_.Covers(part->time_ms_min, part->time_ms_max);
      if (whole && !runs.whole.empty()) {
        selection_->runs[runs.whole.front()].parts.push_back(part);
        continue;
      }
      selection_->runs.push_back({{part}});
      (whole ? runs.whole : runs.partly).push_back(next);
    }
  }

  void FindHeads() {
    for (const auto& head : selection_->view->heads) {
      in_range_.push_back(!head->empty() && range_.Meets(head->time_ms_min(), head->time_ms_max()));
    }
  }

  void Cut(const PlannedTarget& planned) {
    const auto index = static_cast<uint32_t>(selection_->targets.size());
    SelectedTarget& target = selection_->targets.emplace_back();
    target.id = planned.id;
    for (const PlannedPart& part : planned.parts) {
      const RunsOfList& runs = runs_[part.list];
      for (const uint32_t run : runs.whole) target.parts.emplace_back(run, part.columns.get());
      if (part.all && !runs.whole.empty()) target.columns = planned.columns;
      for (const uint32_t run : runs.partly) {
        candidates_[run].push_back({index, &part, &planned});
      }
    }
    for (const PlannedHead& head : planned.heads) {
      if (!in_range_[head.head]) continue;
      if (CutHead(head, &target) && head.all) target.columns = planned.columns;
    }
  }

  // Whether all that was planned is there.
  bool CutHead(const PlannedHead& planned, SelectedTarget* target) {
    looks_.clear();
    side_.clear();
    planned.rows->Look(planned.groups, range_, &looks_, &side_);
    bool whole = looks_.size() == planned.groups.size();
    for (GroupLook& look : looks_) {
      const ColumnPlaces* columns = look.group->columns.get();
      if (!look.all_columns) {
        columns = &selection_->some_columns.emplace_back(std::move(look.columns));
        whole = false;
      }
      target->groups.push_back({planned.head, planned.rows, std::move(look.rows), columns});
    }
    for (const SideSample& sample : side_) target->side.emplace_back(planned.head, sample);
    return whole;
  }

  // There are two slots of such parts at most, whose times the reader of the samples needs next.
  void AddPartlyCovered() {
    for (const auto& [run, candidates] : candidates_) {
      for (size_t begin = 0; begin < candidates.size(); begin += kTimesReadAtOnce) {
        AddPresent(run, std::span(candidates)
                            .subspan(begin, std::min(kTimesReadAtOnce, candidates.size() - begin)));
      }
    }
  }

  void AddPresent(uint32_t run, std::span<const Candidate> candidates) {
    std::vector<PartFragment> fragments(candidates.size());
    const Part& part = *selection_->runs[run].parts.front();
    for (size_t i = 0; i < candidates.size(); ++i) {
      reader_->Want(part, candidates[i].part->columns->layout->id, candidates[i].target->id,
                    &fragments[i]);
    }
    const bool whole = reader_->Fetch().ok();
    for (size_t i = 0; i < candidates.size(); ++i) {
      const std::vector<int64_t>& times_ms = fragments[i].times_ms;
      if (!IsPresent(times_ms, range_) && (whole || !times_ms.empty())) continue;
      SelectedTarget& target = selection_->targets[candidates[i].index];
      target.parts.emplace_back(run, candidates[i].part->columns.get());
      if (candidates[i].part->all) target.columns = candidates[i].target->columns;
    }
  }

  std::vector<ColumnId> ColumnsOf(const SelectedTarget& target) const {
    std::vector<ColumnId> ids;
    const LayoutColumns* before = nullptr;
    const auto add = [&](const ColumnPlaces& columns) {
      for (const auto& [id, position] : columns) ids.push_back(id);
    };
    for (const auto& [run, columns] : target.parts) {
      if (columns != before) add(columns->columns);
      before = columns;
    }
    for (const SelectedGroup& group : target.groups) add(*group.columns);
    for (const auto& [head, sample] : target.side) ids.push_back(sample.column);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    ids.erase(std::lower_bound(ids.begin(), ids.end(), kFirstComponent), ids.end());
    if (const auto deleted = deleted_.find(target.id); deleted != deleted_.end()) {
      std::erase_if(ids, [&](ColumnId id) { return deleted->second.contains(id); });
    }
    return ids;
  }

  // Equal lists are shared, among those that are not the plan's.
  std::shared_ptr<const ColumnList> Share(std::vector<ColumnId> ids) {
    auto& list = lists_[ids];
    if (list == nullptr) {
      auto made = std::make_shared<ColumnList>();
      made->ids = std::move(ids);
      list = std::move(made);
    }
    return list;
  }

  void ShareColumns() {
    Selection& selection = *selection_;
    for (SelectedTarget& target : selection.targets) {
      if (target.columns != nullptr && !deleted_.contains(target.id)) continue;
      target.columns = Share(ColumnsOf(target));
    }
    if (!deleted_.empty()) {
      std::erase_if(selection.targets,
                    [](const SelectedTarget& target) { return target.columns->ids.empty(); });
    }
  }

  absl::Status NumberSeries() {
    Selection& selection = *selection_;
    selection.series.reserve(plan_.series);
    for (uint32_t t = 0; t < selection.targets.size(); ++t) {
      const auto count = static_cast<uint32_t>(selection.targets[t].columns->ids.size());
      for (uint32_t c = 0; c < count; ++c) selection.series.push_back({t, c});
    }
    selection.order_varies = OrderVaries(plan_, &dictionary_.cuts());
    if (plan_.may_have_twins) {
      dictionary_.With([&](const LabelTable& targets, const LabelTable& columns) {
        JoinTwins(targets, columns, &selection);
      });
    }
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
  const SelectionPlan& plan_;
  std::unique_ptr<Selection> selection_;
  std::vector<RunsOfList> runs_;                           // by list
  std::vector<bool> in_range_;                             // by head
  std::map<uint32_t, std::vector<Candidate>> candidates_;  // by run
  std::vector<GroupLook> looks_;                           // scratch
  std::vector<SideSample> side_;                           // scratch
  std::map<std::vector<ColumnId>, std::shared_ptr<const ColumnList>> lists_;
  ColumnsByTarget deleted_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Selection>> Select(std::shared_ptr<const View> view, SharedPlan plan,
                                                  const Dictionary& dictionary, PartReader* reader,
                                                  const model::SelectRequest& request) {
  return Cutter(std::move(view), std::move(plan), dictionary, reader, request).Run(true);
}

absl::StatusOr<std::unique_ptr<Selection>> SelectTargets(std::shared_ptr<const View> view,
                                                         SharedPlan plan,
                                                         const Dictionary& dictionary,
                                                         PartReader* reader, TimeRange range) {
  const model::SelectRequest request{range.start_ms, range.end_ms, {}};
  return Cutter(std::move(view), std::move(plan), dictionary, reader, request).Run(false);
}

std::optional<Roaring> FindTargets(const View& view, const SelectionPlan& plan, TimeRange range) {
  if (!view.tombstones->empty()) return std::nullopt;
  // Lists of targets with parts that the range covers, or meets without covering them.
  std::vector<bool> whole(plan.lists.size());
  std::vector<bool> partly(plan.lists.size());
  for (const auto& part : view.parts) {
    if (range.empty() || !range.Meets(part->time_ms_min, part->time_ms_max)) continue;
    if (view.passed_over.contains(part->number)) continue;
    const auto list = std::find(plan.lists.begin(), plan.lists.end(), part->targets);
    const auto index = static_cast<size_t>(list - plan.lists.begin());
    (range.Covers(part->time_ms_min, part->time_ms_max) ? whole : partly)[index] = true;
  }
  Roaring found;
  for (const auto& target : plan.targets) {
    const auto is_in = [&](const std::vector<bool>& lists) {
      return std::any_of(target->parts.begin(), target->parts.end(),
                         [&](const PlannedPart& part) { return lists[part.list]; });
    };
    const auto has_rows = [&](const PlannedHead& head) {
      return head.rows->IsThere(head.groups, range);
    };
    if (is_in(whole) || std::any_of(target->heads.begin(), target->heads.end(), has_rows)) {
      found.add(target->id);
    } else if (is_in(partly)) {
      return std::nullopt;
    }
  }
  return found;
}

absl::StatusOr<std::unique_ptr<Selection>> Select(std::shared_ptr<const View> view,
                                                  const Dictionary& dictionary, PartReader* reader,
                                                  const model::SelectRequest& request) {
  SharedPlan plan = MakePlan(view, dictionary, request.matchers, request.histograms);
  return Select(std::move(view), std::move(plan), dictionary, reader, request);
}

}  // namespace baro::tsdb
