// anchored and smoothed selectors of native histograms.
#pragma once

#include <cstdint>

#include "histogram_rate.h"
#include "split_series.h"

namespace baro::promql {

// The range itself: the window holds samples around it too.
struct ExtendedRange {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  bool smoothed = false;
};

// rate, increase and delta between the ends of the range; the window is of histograms alone.
RangeValue ExtendedHistogramRate(const RateCall& call, const ExtendedRange& range,
                                 const SplitWindow& window);

// The histogram at a time between two. A counter that has been reset between them started anew
// from zero. Requires that both have custom bounds or none has.
model::Histogram InterpolateHistogram(const RateCall& call, const model::Histogram& before,
                                      int64_t before_ms, const model::Histogram& after,
                                      int64_t after_ms, int64_t time_ms, bool counter);

}  // namespace baro::promql
