// Functions of range vectors over series that are more than floats: with native histograms among
// the samples, or known beginnings of counters. The functions themselves (rate.cc, over_time.cc, …)
// know floats only; here what they make of the floats of such a series is put together with what
// Prometheus makes of its histograms.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "baro/base/status.h"
#include "extended_histogram.h"
#include "histogram_row.h"
#include "split_series.h"

namespace baro::promql {

// Of one call. Thread-compatible.
class MixedRange {
 public:
  // `spec` is of the windows that Begin() gets; those of anchored and smoothed selectors are wider
  // than the range.
  MixedRange(Evaluator* evaluator, const Call& call, const WindowSpec& spec);

  // False, mostly, for series of floats alone: they need nothing of this.
  bool Wants(const RangeSeries& series) const {
    return !series.histograms.empty() || (wants_starts_ && !series.starts_ms.empty());
  }
  // Takes a series; returns its floats alone, for the function to be run over.
  const RangeSeries& Begin(const RangeSeries& series);
  // The values of the series, given what the function has made of its floats at each step (or
  // kNoValue). Empty when there are none.
  absl::StatusOr<Row> Finish(std::span<const double> float_values, bool drop_name);
  // Whether the row that Finish() has made has floats.
  bool any_float() const { return row_.any_float(); }

 private:
  RangeValue ValueAt(const SplitWindow& window, double float_value);
  RangeValue RateAt(const SplitWindow& window, double float_value);
  RangeValue PairsAt(const SplitWindow& window);
  RangeValue SumAt(const SplitWindow& window, double float_value);
  RangeValue EndAt(const SplitWindow& window);
  RangeValue OfFloats(const SplitWindow& window, double float_value, size_t floats_needed);
  ExtendedRange RangeOf(const SplitWindow& window) const;

  Query* const query_;
  const WindowSpec spec_;
  RateCall rate_;
  bool anchored_ = false;
  bool smoothed_ = false;
  bool wants_starts_ = false;
  model::LabelsRef labels_;
  bool drop_name_ = false;
  SplitSeries series_;
  MixedRow row_;
};

}  // namespace baro::promql
