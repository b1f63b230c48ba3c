// Component columns: the parts of a native histogram (schema, count, sum, buckets …) as columns of
// doubles beside the series' own, its base. A component's labels are the base's and one more, whose
// name begins with byte 0xff: no UTF-8 name does, so nobody outside can ask for it. They are
// numbered and stored like all columns, but not indexed, listed, counted or selected.
#pragma once

#include <string_view>

#include "baro/model/labels.h"

namespace baro::tsdb {

inline constexpr char kComponentPrefix = '\xff';

inline bool IsComponentLabel(std::string_view name) { return name.starts_with(kComponentPrefix); }

// The name, which sorts last; empty when the labels are not a component's.
inline std::string_view ComponentLabel(const model::Labels& labels) {
  if (labels.empty()) return {};
  const std::string_view last = (labels.end() - 1)->name;
  return IsComponentLabel(last) ? last : std::string_view();
}

inline bool IsComponent(const model::Labels& labels) { return !ComponentLabel(labels).empty(); }

inline model::Labels ComponentBase(model::Labels labels) {
  for (auto name = ComponentLabel(labels); !name.empty(); name = ComponentLabel(labels)) {
    labels.Remove(std::string(name));
  }
  return labels;
}

}  // namespace baro::tsdb
