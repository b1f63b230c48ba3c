// rate, increase, delta, irate and idelta where they look at more than floats: at native
// histograms, or at when a counter began to count.
#pragma once

#include <cstdint>
#include <string_view>

#include "annotations.h"
#include "baro/promql/functions.h"
#include "split_series.h"

namespace baro::promql {

// What the functions need to know besides the window.
struct RateCall {
  FunctionId function = FunctionId::kRate;
  int64_t range_ms = 0;
  NotePlace place;
  Annotations* annotations = nullptr;
  std::string_view metric;

  // delta and idelta are for gauges.
  bool counter() const { return function != FunctionId::kDelta && function != FunctionId::kIdelta; }
  bool per_second() const {
    return function == FunctionId::kRate || function == FunctionId::kIrate;
  }
};

// Whether what a sample says about when its counter began tells of a reset since the one before.
struct Began {
  int64_t start_ms = 0;  // 0: not known
  int64_t time_ms = 0;
};
bool IsStartReset(const Began& before, const Began& now);

// rate, increase, delta; the window has floats or histograms and not both.
RangeValue RateOfWindow(const RateCall& call, SplitSeries* series, const SplitWindow& window);
// irate, idelta.
RangeValue InstantRateOfWindow(const RateCall& call, SplitSeries* series,
                               const SplitWindow& window);

// += and -= with what there is to say about it; false when that is impossible.
bool AddNoting(const RateCall& call, const model::Histogram& other, model::Histogram* sum);
bool SubtractNoting(const RateCall& call, const model::Histogram& other,
                    model::Histogram* difference);

}  // namespace baro::promql
