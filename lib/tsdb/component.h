// Component columns: the parts of a native histogram (schema, count, sum, buckets …) as columns of
// doubles beside the series' own, its base. A component's labels are the base's and one more, whose
// name begins with byte 0xff: no UTF-8 name does, so nobody outside can ask for it. They are
// numbered and stored like all columns, but not indexed, listed, counted or selected.
#pragma once

#include <string_view>

#include <span>

#include "baro/model/labels.h"
#include "postings.h"

namespace baro::tsdb {

inline constexpr char kComponentPrefix = '\xff';

inline bool IsComponentLabel(std::string_view name) { return name.starts_with(kComponentPrefix); }

// Labels sorted by name: a component's come last.
inline bool IsComponent(std::span<const Postings::LabelView> labels) {
  return !labels.empty() && IsComponentLabel(labels.back().name);
}

inline std::span<const Postings::LabelView> ComponentBase(
    std::span<const Postings::LabelView> labels) {
  while (IsComponent(labels)) labels = labels.first(labels.size() - 1);
  return labels;
}

}  // namespace baro::tsdb
