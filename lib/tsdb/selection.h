// Selection: the series a selector finds in a view within a range, and where each one's samples
// lie: a plan (selection_plan.h) cut to the range.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <roaring/roaring.hh>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "baro/model/series_source.h"
#include "dictionary.h"
#include "head.h"
#include "label_cache.h"
#include "part_reader.h"
#include "selection_plan.h"
#include "time_range.h"
#include "view.h"

namespace baro::tsdb {

// Parts with the same targets and layouts: a steady fleet has one such run for hours.
struct PartRun {
  std::vector<std::shared_ptr<const Part>> parts;
};

struct SelectedGroup {
  uint32_t head_number = 0;  // in the view
  const TargetHead* head = nullptr;
  GroupSnapshot rows;
  const ColumnPlaces* columns = nullptr;  // the plan's, or in `some_columns`
};

struct SelectedTarget {
  TargetId id = 0;
  std::vector<std::pair<uint32_t, const LayoutColumns*>> parts;  // index in `runs`
  std::vector<SelectedGroup> groups;                             // lowest priority first
  std::vector<std::pair<uint32_t, SideSample>> side;             // which head, by column
  std::shared_ptr<const ColumnList> columns;
};

struct SelectedSeries {
  uint32_t target = 0;  // index in `targets`
  uint32_t column = 0;  // index in its ColumnList
  auto operator<=>(const SelectedSeries&) const = default;
};

// Immutable once made; keeps the view, and so the memory and files it refers to.
struct Selection {
  std::shared_ptr<const View> view;
  SharedPlan plan;  // null: nothing is selected
  std::shared_ptr<const LabelCache> label_cache;
  std::vector<PartRun> runs;
  std::vector<SelectedTarget> targets;    // by id
  std::vector<SelectedSeries> series;     // by target
  std::deque<ColumnPlaces> some_columns;  // of groups of which not all are there in the range
  // Other halves with the same label set: their samples belong to the series as well.
  absl::flat_hash_map<size_t, std::vector<SelectedSeries>> twins;  // by index in `series`
  // A series stands where the first of its twins does, and which those are depends on the range.
  bool order_varies = false;

  model::LabelsRef LabelsOf(SelectedSeries one) const {
    const SelectedTarget& target = targets[one.target];
    return {label_cache->Target(target.id), label_cache->Column(target.columns->ids[one.column])};
  }
  // When the request wants histograms: the components of selected columns. These are among the
  // columns of layouts, groups and sides, and never among the series.
  bool histograms() const { return plan != nullptr && plan->histograms; }
  const ComponentsByBase& components() const {
    static const auto* const none = new ComponentsByBase();
    return plan == nullptr ? *none : plan->components;
  }
};

// `plan` is of this view and the request's selector. `reader` fetches the times of targets in parts
// that reach beyond the range. What cannot be read is selected: reading its samples tells what is
// wrong. Errors: ResourceExhausted (more than request.series_max series).
absl::StatusOr<std::unique_ptr<Selection>> Select(std::shared_ptr<const View> view, SharedPlan plan,
                                                  const Dictionary& dictionary, PartReader* reader,
                                                  const model::SelectRequest& request);
// The same without `series` and `twins`: which targets have which columns.
absl::StatusOr<std::unique_ptr<Selection>> SelectTargets(std::shared_ptr<const View> view,
                                                         SharedPlan plan,
                                                         const Dictionary& dictionary,
                                                         PartReader* reader, TimeRange range);
// Which targets have any, where that can be told without reading times from disk.
std::optional<Roaring> FindTargets(const View& view, const SelectionPlan& plan, TimeRange range);
// Select() with a plan of its own.
absl::StatusOr<std::unique_ptr<Selection>> Select(std::shared_ptr<const View> view,
                                                  const Dictionary& dictionary, PartReader* reader,
                                                  const model::SelectRequest& request);

}  // namespace baro::tsdb
