// Selection: the series a selector finds in a view, and where each one's samples lie.
#pragma once

#include <cstdint>
#include <memory>
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
#include "selector.h"
#include "view.h"

namespace baro::tsdb {

// The selected columns of one layout.
struct LayoutColumns {
  const StoredLayout* layout = nullptr;
  std::vector<std::pair<ColumnId, uint32_t>> columns;  // id and position, by id
};

// Parts with the same targets and layouts: a steady fleet has one such run for hours.
struct PartRun {
  std::vector<std::shared_ptr<const Part>> parts;
};

struct SelectedGroup {
  uint32_t head_number = 0;  // in the view
  const TargetHead* head = nullptr;
  GroupSnapshot rows;
  std::vector<std::pair<ColumnId, uint32_t>> columns;  // id and position, by id
};

// The selected columns of a target; targets alike share one list.
struct ColumnList {
  std::vector<ColumnId> ids;  // ascending
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
  std::shared_ptr<const LabelCache> label_cache;
  std::vector<PartRun> runs;
  std::vector<std::unique_ptr<LayoutColumns>> layouts;
  std::vector<SelectedTarget> targets;  // by id
  std::vector<SelectedSeries> series;   // by target
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
  bool histograms = false;
  absl::flat_hash_map<ColumnId, std::shared_ptr<const ComponentList>> components;
};

// `reader` fetches the times of targets in parts that reach beyond the range. What cannot be read
// is selected: reading its samples tells what is wrong. Errors: ResourceExhausted (more than
// request.series_max series).
absl::StatusOr<std::unique_ptr<Selection>> Select(std::shared_ptr<const View> view,
                                                  const Dictionary& dictionary, PartReader* reader,
                                                  const model::SelectRequest& request);

}  // namespace baro::tsdb
