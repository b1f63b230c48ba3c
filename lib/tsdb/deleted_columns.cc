#include "deleted_columns.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace baro::tsdb {
namespace {

// Sources whose times are read in one pass; bounds the memory they take.
constexpr size_t kTimesReadAtOnce = 4'096;

bool SameRanges(const std::vector<TimeRange>& a, const std::vector<TimeRange>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.start_ms == y.start_ms && x.end_ms == y.end_ms;
  });
}

std::vector<int64_t> Without(const std::vector<int64_t>& times_ms,
                             const std::vector<TimeRange>& deleted) {
  std::vector<int64_t> left;
  auto range = deleted.begin();
  for (const int64_t time_ms : times_ms) {
    while (range != deleted.end() && range->end_ms < time_ms) ++range;
    if (range == deleted.end() || time_ms < range->start_ms) left.push_back(time_ms);
  }
  return left;
}

class Finder {
 public:
  Finder(const Selection& selection, const TimeRange& range, PartReader* reader)
      : selection_(selection),
        tombstones_(*selection.view->tombstones),
        range_(range),
        reader_(reader) {}

  ColumnsByTarget Run() {
    for (const SelectedTarget& target : selection_.targets) {
      if (!tombstones_.Touches({}, target.id, range_)) continue;
      AddTarget(target);
      if (sources_.size() >= kTimesReadAtOnce) ReadSources();
    }
    ReadSources();
    for (auto& [target, columns] : all_) columns -= there_[target];
    absl::erase_if(all_, [](const auto& one) { return one.second.isEmpty(); });
    return std::move(all_);
  }

 private:
  // Rows of a target in a part or head that a delete touches.
  struct Source {
    TargetId target = 0;
    Written written;
    const ColumnPlaces* columns = nullptr;
    PartFragment fragment;
  };

  void AddTarget(const SelectedTarget& target) {
    Roaring& all = all_[target.id];
    for (const auto& [run, layout] : target.parts) {
      for (const auto& [column, position] : layout->columns) all.add(column);
      for (const auto& part : selection_.runs[run].parts) AddPart(target.id, *part, *layout);
    }
    for (const SelectedGroup& group : target.groups) {
      for (const auto& [column, position] : *group.columns) all.add(column);
      AddGroup(target.id, group);
    }
    for (const auto& [head, sample] : target.side) {
      all.add(sample.column);
      const Written written{selection_.view->heads[head]->epoch(), 0};
      const auto deleted = tombstones_.Of(written, {target.id, sample.column});
      if (!Without({sample.time_ms}, deleted).empty()) there_[target.id].add(sample.column);
    }
  }

  void AddPart(TargetId target, const Part& part, const LayoutColumns& layout) {
    const TimeRange both{std::max(range_.start_ms, part.time_ms_min),
                         std::min(range_.end_ms, part.time_ms_max)};
    if (!tombstones_.Touches(part.written, target, both)) {
      for (const auto& [column, position] : layout.columns) there_[target].add(column);
      return;
    }
    Source& source = sources_.emplace_back(Source{target, part.written, &layout.columns, {}});
    reader_->Want(part, layout.layout->id, target, &source.fragment);
  }

  void AddGroup(TargetId target, const SelectedGroup& group) {
    const Written written{selection_.view->heads[group.head_number]->epoch(), 0};
    if (!tombstones_.Touches(written, target, range_)) {
      for (const auto& [column, position] : *group.columns) there_[target].add(column);
      return;
    }
    Source source{target, written, group.columns, {}};
    size_t first_row = 0;
    source.fragment.times_ms = group.head->ReadTimes(group.rows, INT64_MIN, INT64_MAX, &first_row);
    Look(source);
  }

  void ReadSources() {
    const bool whole = reader_->Fetch().ok();
    for (const Source& source : sources_) {
      if (!whole && source.fragment.times_ms.empty()) {
        for (const auto& [column, position] : *source.columns) there_[source.target].add(column);
      }
      Look(source);
    }
    sources_.clear();
  }

  // Neighbouring columns mostly share their fate: the rows are looked at once for all of them.
  void Look(const Source& source) {
    Roaring& there = there_[source.target];
    std::vector<TimeRange> before;
    bool is_there = false;
    bool first = true;
    for (const auto& [column, position] : *source.columns) {
      auto deleted = tombstones_.Of(source.written, {source.target, column});
      if (first || !SameRanges(deleted, before)) {
        is_there = IsPresent(Without(source.fragment.times_ms, deleted), range_);
        before = std::move(deleted);
        first = false;
      }
      if (is_there) there.add(column);
    }
  }

  const Selection& selection_;
  const Tombstones& tombstones_;
  const TimeRange range_;
  PartReader* const reader_;
  ColumnsByTarget all_;
  ColumnsByTarget there_;
  std::deque<Source> sources_;  // their addresses are given to the reader
};

}  // namespace

ColumnsByTarget FindDeletedColumns(const Selection& selection, const TimeRange& range,
                                   PartReader* reader) {
  if (selection.view->tombstones->empty()) return {};
  return Finder(selection, range, reader).Run();
}

}  // namespace baro::tsdb
