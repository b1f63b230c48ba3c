// A smoothed instant selector: the value at the time of the step itself, interpolated between the
// samples around it.

#include <algorithm>

#include "baro/base/status.h"
#include "evaluator.h"
#include "extended_histogram.h"
#include "histogram_row.h"
#include "split_series.h"

namespace baro::promql {
namespace {

// Index of the first time that is not before `time_ms`.
size_t AtOrAfter(std::span<const int64_t> times_ms, int64_t time_ms) {
  return static_cast<size_t>(std::lower_bound(times_ms.begin(), times_ms.end(), time_ms) -
                             times_ms.begin());
}

RangeValue SmoothFloats(const Points<double>& points, int64_t time_ms) {
  const size_t next = AtOrAfter(points.times_ms, time_ms);
  if (next < points.size() && points.times_ms[next] == time_ms) return {points.values[next]};
  if (next == 0) return {};
  const double before = points.values[next - 1];
  if (next == points.size()) return {before};
  const auto passed = static_cast<double>(time_ms - points.times_ms[next - 1]);
  const auto gap = static_cast<double>(points.times_ms[next] - points.times_ms[next - 1]);
  return {before + (points.values[next] - before) * passed / gap};
}

RangeValue SmoothHistograms(const RateCall& notes, const Points<const model::Histogram*>& points,
                            int64_t time_ms) {
  const size_t next = AtOrAfter(points.times_ms, time_ms);
  if (next < points.size() && points.times_ms[next] == time_ms) {
    return {kNoValue, *points.values[next]};
  }
  if (next == 0) return {};
  const model::Histogram& before = *points.values[next - 1];
  if (next == points.size()) {
    RangeValue carried{kNoValue, before};
    // What was known of a reset was known of the sample, not of the value.
    carried.histogram->reset_hint = model::ResetHint::kUnknown;
    return carried;
  }
  const model::Histogram& after = *points.values[next];
  if (before.has_custom_bounds() != after.has_custom_bounds()) {
    notes.annotations->MixedSchemas(notes.metric, notes.place);
    return {};
  }
  const bool counter =
      before.reset_hint != model::ResetHint::kGauge || after.reset_hint != model::ResetHint::kGauge;
  return {kNoValue, InterpolateHistogram(notes, before, points.times_ms[next - 1], after,
                                         points.times_ms[next], time_ms, counter)};
}

}  // namespace

absl::Status SmoothedRows(Evaluator* evaluator, const VectorSelector& selector, RowSink sink) {
  Query& query = evaluator->query();
  const int64_t lookback_ms = query.lookback_ms();
  // As far after the step as before it.
  WindowSpec spec = InstantSpec(selector, evaluator->grid(), 2 * lookback_ms);
  spec.offset_ms -= lookback_ms;
  MatrixSelector matrix;
  matrix.selector = std::make_unique<VectorSelector>();
  matrix.selector->matchers = selector.matchers;
  RateCall notes;
  notes.place = selector.place;
  notes.annotations = &query.annotations();
  SplitSeries split;
  MixedRow row(evaluator->grid().count);
  return evaluator->Ranges(matrix, spec, [&](const RangeSeries& series) {
    row.Clear();
    split.Begin(series);
    notes.metric = series.labels.Get(model::kMetricName);
    for (size_t step = 0; step < evaluator->grid().count; ++step) {
      const int64_t time_ms = spec.End(step) - lookback_ms;
      const SplitWindow window = split.At(step, time_ms);
      RangeValue value;
      if (!window.floats.empty() && !window.histograms.empty()) {
        notes.annotations->MixedFloatsAndHistograms(notes.metric, notes.place);
      } else if (!window.floats.empty()) {
        value = SmoothFloats(window.floats, time_ms);
      } else if (!window.histograms.empty()) {
        value = SmoothHistograms(notes, window.histograms, time_ms);
      }
      if (value.histogram) {
        row.Set(step, *std::move(value.histogram));
      } else {
        row.Set(step, value.value);
      }
    }
    return row.any() ? sink(row.row(series.labels, false)) : absl::OkStatus();
  });
}

}  // namespace baro::promql
