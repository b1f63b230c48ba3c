// Subqueries: the inner expression on a grid of its own, its rows as series for the outer windows.

#include <deque>
#include <utility>

#include "baro/base/status.h"
#include "evaluator.h"
#include "histogram_row.h"

namespace baro::promql {
namespace {

// What [5m:] means: Prometheus' default evaluation interval.
constexpr int64_t kDefaultStepMs = 60'000;

// Steps are multiples of the step length, the first one after `first_ms`.
StepGrid InnerGrid(const WindowSpec& spec, int64_t step_ms) {
  const int64_t first_ms = spec.FirstMs();
  int64_t start_ms = first_ms / step_ms * step_ms;
  if (start_ms <= first_ms) start_ms += step_ms;
  const int64_t last_ms = spec.LastMs();
  const size_t count =
      last_ms < start_ms ? 0 : static_cast<size_t>((last_ms - start_ms) / step_ms) + 1;
  const int64_t steps_ms = count == 0 ? 0 : static_cast<int64_t>(count - 1) * step_ms;
  return {start_ms, step_ms, count, last_ms - start_ms - steps_ms};
}

// Windows over samples that were read inside.
std::vector<Query::StepCount> SeenAgain(const WindowBounds& bounds) {
  std::vector<Query::StepCount> steps(bounds.first.size());
  for (size_t i = 0; i < steps.size(); ++i) steps[i].total = bounds.last[i] - bounds.first[i];
  return steps;
}

// What a sample tells of a reset since the one before does not hold when a subquery has left that
// out, or shows the sample twice. Copies that have to be made live in `copies`.
const model::Histogram* WithoutHint(const model::Histogram& histogram,
                                    std::deque<model::Histogram>* copies) {
  if (histogram.reset_hint == model::ResetHint::kUnknown ||
      histogram.reset_hint == model::ResetHint::kGauge) {
    return &histogram;
  }
  copies->push_back(histogram);
  copies->back().reset_hint = model::ResetHint::kUnknown;
  return &copies->back();
}

}  // namespace

absl::Status Evaluator::SubqueryRanges(const SubqueryExpr& subquery, const WindowSpec& spec,
                                       RangeSink sink) {
  const StepGrid inner_grid =
      InnerGrid(spec, subquery.step_ms > 0 ? subquery.step_ms : kDefaultStepMs);
  if (inner_grid.count == 0) return absl::OkStatus();
  // The buffers of one series; the limit is met before they are made.
  BARO_TRY(query_->Hold(inner_grid.count));
  std::vector<int64_t> grid_times(inner_grid.count);
  for (size_t i = 0; i < grid_times.size(); ++i) grid_times[i] = inner_grid.Time(i);
  WindowCache full_cache(spec);
  WindowCache gappy_cache(spec);
  std::vector<int64_t> times_ms;
  std::vector<double> values;
  std::vector<const model::Histogram*> histograms;
  std::deque<model::Histogram> unhinted;
  Evaluator inner(query_, inner_grid);
  const bool nested = query_->in_subquery();
  const Query::InSubquery inside(query_, true);
  const absl::Status status = inner.Rows(*subquery.inner, [&](const Row& row) {
    const Query::InSubquery outside(query_, nested);
    times_ms.clear();
    values.clear();
    histograms.clear();
    unhinted.clear();
    for (size_t i = 0; i < row.values.size(); ++i) {
      if (IsAbsent(row.values[i])) continue;
      times_ms.push_back(grid_times[i]);
      values.push_back(row.values[i]);
      if (row.histograms.empty()) [[likely]] {
        continue;
      }
      const HistogramPtr* const histogram = HistogramAt(row, i);
      histograms.push_back(histogram == nullptr ? nullptr : WithoutHint(**histogram, &unhinted));
    }
    if (values.empty()) return absl::OkStatus();
    const bool full = values.size() == grid_times.size();
    const WindowBounds& bounds =
        full ? full_cache.Bounds(grid_times) : gappy_cache.Bounds(times_ms);
    if (bounds.samples == 0) return absl::OkStatus();
    query_->CountRead(bounds.samples);
    if (query_->detailed()) [[unlikely]]
      query_->CountSteps(SeenAgain(bounds));
    return sink(
        {row.labels, row.drop_name, full ? grid_times : times_ms, values, &bounds, histograms, {}});
  });
  query_->Release(inner_grid.count);
  return status;
}

}  // namespace baro::promql
