// HistogramTally: counts a histogram once, although it is written as many samples.
#pragma once

#include "baro/model/histogram.h"
#include "component_table.h"
#include "target_head.h"

namespace baro::tsdb {

// Told of a histogram's samples as they are applied: its mark, then its components.
// Thread-compatible.
class HistogramTally {
 public:
  // True for samples that belong to a histogram.
  static bool Counts(ColumnId column, double value) {
    return IsComponent(column) || model::IsHistogramMark(value);
  }

  // `append(counts)` applies the sample and counts it.
  template <typename Append>
  void Apply(ColumnId column, double value, Applied* applied, Append append) {
    if (!IsComponent(column)) {
      const uint64_t duplicates = applied->duplicate;
      append(applied);
      undecided_ = applied->duplicate > duplicates;
      applied->histograms += undecided_ ? 0 : 1;
      return;
    }
    Applied component;
    append(&component);
    // Two marks are always alike: whether the histograms were, their components tell. A 0 where
    // there was nothing says what nothing said.
    const bool changed = component.overwritten > 0 || (component.stored > 0 && value != 0);
    if (!undecided_ || !changed) return;
    undecided_ = false;
    --applied->duplicate;
    ++applied->overwritten;
    ++applied->stored;
    ++applied->histograms;
  }

 private:
  bool undecided_ = false;  // the last mark was there already
};

}  // namespace baro::tsdb
