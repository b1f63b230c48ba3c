// SelectionPlan: what a selector means in a view, whatever the time: the columns of each target it
// finds and where they lie. Select() cuts it to a query's range. A dashboard asks the same
// selectors again and again, so plans are kept (plan_cache.h) and only told what is new.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/model/matcher.h"
#include "cut_log.h"
#include "dictionary.h"
#include "head.h"
#include "part.h"
#include "target_head.h"
#include "view.h"

namespace baro::tsdb {

// The selected columns of one layout.
struct LayoutColumns {
  const StoredLayout* layout = nullptr;
  ColumnPlaces columns;
};

// The selected columns of a target that are series; targets alike share one list.
struct ColumnList {
  std::vector<ColumnId> ids;  // ascending
};

// Where columns of a target lie. `all`: every selected column of the target is among them.
struct PlannedPart {
  uint32_t list = 0;  // in the plan
  std::shared_ptr<const LayoutColumns> columns;
  bool all = false;
};
struct PlannedHead {
  uint32_t head = 0;  // in the view
  const TargetHead* rows = nullptr;
  std::vector<GroupPlaces> groups;  // lowest priority first
  bool all = false;
};

// Immutable once planned.
struct PlannedTarget {
  TargetId id = 0;
  std::vector<PlannedHead> heads;  // oldest first
  std::vector<PlannedPart> parts;
  std::shared_ptr<const ColumnList> columns;  // of all of these
};

using ComponentsByBase = absl::flat_hash_map<ColumnId, std::shared_ptr<const ComponentList>>;

// Immutable but for `noted_ms`. Points into the view it was made for, and does not keep it: whoever
// uses a plan holds the view. Targets are shared with the plan it was brought up to date from.
struct SelectionPlan {
  std::weak_ptr<const View> view;
  std::vector<size_t> changes;  // of each head, when this was made
  bool histograms = false;
  ComponentsByBase components;  // of selected columns, when histograms are wanted
  std::vector<std::shared_ptr<const TargetLayouts>> lists;
  std::vector<std::shared_ptr<const PlannedTarget>> targets;  // by id
  // The ways in which its series are cut into halves, and the names of both: twins.h.
  std::vector<std::pair<Cut, std::vector<std::string>>> cuts;
  bool may_have_twins = false;
  bool halves_overlap = false;
  std::vector<std::string> metrics;                  // that a query for it asks for
  mutable std::atomic<int64_t> noted_ms{INT64_MIN};  // when those were last noted as read
  size_t series = 0;
  size_t bytes = 0;  // of memory, approximately
};

using SharedPlan = std::shared_ptr<const SelectionPlan>;

// Whether the plan was made for this view and knows all of its series.
bool IsPlanOf(const SelectionPlan& plan, const std::shared_ptr<const View>& view);
bool IsUpToDate(const SelectionPlan& plan, const View& view);

// `before`: a plan of the same view and selector that may not know all series yet; null: none.
SharedPlan MakePlan(const std::shared_ptr<const View>& view, const Dictionary& dictionary,
                    const std::vector<model::Matcher>& matchers, bool histograms,
                    const SelectionPlan* before = nullptr);

}  // namespace baro::tsdb
