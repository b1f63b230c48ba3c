// Reading of selectors: what to ask the store for, instant vectors, and range vectors.

#include <algorithm>
#include <memory>

#include "baro/base/status.h"
#include "evaluator.h"
#include "float_math.h"
#include "histogram_row.h"

namespace baro::promql {
namespace {

bool HasStaleMarker(std::span<const double> values) {
  // Without an early exit, so that the compiler can use wide registers.
  bool found = false;
  for (const double value : values) found |= model::IsStaleNan(value);
  return found;
}

int64_t SaturatingSub(int64_t a, int64_t b) {
  int64_t result = 0;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return b > 0 ? model::kTimeMsMin : model::kTimeMsMax;
}

// Samples without the stale markers, in buffers that are used again for the next series.
struct Compacted {
  std::vector<int64_t> times_ms;
  std::vector<double> values;
  std::vector<const model::Histogram*> histograms;
  std::vector<int64_t> starts_ms;

  void Take(const model::SeriesView& view) {
    times_ms.clear();
    values.clear();
    histograms.clear();
    starts_ms.clear();
    for (size_t i = 0; i < view.values.size(); ++i) {
      if (model::IsStaleNan(view.values[i])) continue;
      times_ms.push_back(view.times_ms[i]);
      values.push_back(view.values[i]);
      if (!view.histograms.empty()) histograms.push_back(view.histograms[i]);
      if (!view.starts_ms.empty()) starts_ms.push_back(view.starts_ms[i]);
    }
  }
};

// One sample where a step has a value.
std::vector<Query::StepCount> SeenNow(std::span<const double> values) {
  std::vector<Query::StepCount> steps(values.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!IsAbsent(values[i])) steps[i] = {1, 1};
  }
  return steps;
}

// All of a window are seen, but only those behind the window before are read.
std::vector<Query::StepCount> SeenFirst(const WindowBounds& bounds) {
  std::vector<Query::StepCount> steps(bounds.first.size());
  uint32_t read_to = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i].total = bounds.last[i] - bounds.first[i];
    steps[i].read = bounds.last[i] - std::min(std::max(bounds.first[i], read_to), bounds.last[i]);
    read_to = std::max(read_to, bounds.last[i]);
  }
  return steps;
}

// How many samples may pass before the query looks at its deadline again.
constexpr size_t kSamplesPerCheck = 64 * 1024;

}  // namespace

absl::Status ReadSeries(Query* query, const std::vector<model::Matcher>& matchers, int64_t first_ms,
                        int64_t last_ms, SeriesSink sink, bool newest_only) {
  model::SelectRequest request;
  request.histograms = true;
  request.start_ms = SaturatingSub(first_ms, -1);
  request.end_ms = last_ms;
  request.matchers = matchers;
  request.may_be_empty = true;
  request.newest_only = newest_only;
  if (request.start_ms > request.end_ms) return absl::OkStatus();
  BARO_TRY_ASSIGN(const model::SeriesSet* const set, query->Select(request));
  const std::unique_ptr<model::SeriesReader> reader = set->Read(0, set->size());
  model::SeriesView view;
  size_t unchecked = 0;
  while (true) {
    BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
    if (!more) return absl::OkStatus();
    // A series costs something even when it is short.
    unchecked += view.values.size() + 64;
    if (unchecked >= kSamplesPerCheck) {
      unchecked = 0;
      BARO_TRY(query->CheckAlive());
    }
    if (!view.histograms.empty()) [[unlikely]]
      query->NoteHistograms();
    BARO_TRY(sink(set->labels(view.index), view));
  }
}

WindowSpec InstantSpec(const VectorSelector& selector, const StepGrid& grid, int64_t lookback_ms) {
  WindowSpec spec;
  spec.grid = grid;
  spec.range_ms = lookback_ms;
  spec.offset_ms = selector.shift.offset_ms;
  spec.fixed = selector.shift.at_ms.has_value();
  spec.fixed_ms = selector.shift.at_ms.value_or(0);
  return spec;
}

absl::Status Evaluator::SelectorRows(const VectorSelector& selector, RowSink sink) {
  const WindowSpec spec = InstantSpec(selector, grid_, query_->lookback_ms());
  WindowCache cache(spec);
  std::vector<double> values(grid_.count);
  ResetFinder resets;
  const auto one = [&](model::LabelsRef labels, const model::SeriesView& view) {
    const WindowBounds& bounds = cache.Bounds(view.times_ms);
    if (!view.histograms.empty()) [[unlikely]] {
      if (selector.histogram_sums_only) {
        model::SeriesView hinted = view;
        hinted.histograms = resets.Hinted(view);
        return MixedSelectorRow(query_, labels, hinted, bounds, sink);
      }
      return MixedSelectorRow(query_, labels, view, bounds, sink);
    }
    size_t present = 0;
    for (size_t step = 0; step < values.size(); ++step) {
      const uint32_t last = bounds.last[step];
      const bool found = last > bounds.first[step] && !model::IsStaleNan(view.values[last - 1]);
      values[step] = found ? view.values[last - 1] : kNoValue;
      present += found ? 1 : 0;
    }
    query_->CountRead(present);
    if (query_->detailed()) [[unlikely]]
      query_->CountSteps(SeenNow(values));
    return present == 0 ? absl::OkStatus() : sink({labels, false, values});
  };
  const bool newest_only = grid_.count == 1 || spec.fixed;
  return ReadSeries(query_, selector.matchers, spec.FirstMs(), spec.LastMs(), one, newest_only);
}

WindowSpec Evaluator::SpecOf(const Expr& range_expr) const {
  const Expr& expr = Unwrap(range_expr);
  const bool subquery = expr.kind == Expr::Kind::kSubquery;
  const TimeShift& shift =
      subquery ? As<SubqueryExpr>(expr).shift : As<MatrixSelector>(expr).selector->shift;
  WindowSpec spec;
  spec.grid = grid_;
  spec.range_ms = subquery ? As<SubqueryExpr>(expr).range_ms : As<MatrixSelector>(expr).range_ms;
  spec.offset_ms = shift.offset_ms;
  spec.fixed = shift.at_ms.has_value();
  spec.fixed_ms = shift.at_ms.value_or(0);
  return spec;
}

absl::Status Evaluator::Ranges(const Expr& expr, const WindowSpec& spec, RangeSink sink) {
  const Expr& inner = Unwrap(expr);
  if (inner.kind == Expr::Kind::kSubquery) {
    return SubqueryRanges(As<SubqueryExpr>(inner), spec, sink);
  }
  return SelectorRanges(As<MatrixSelector>(inner), spec, sink);
}

absl::Status Evaluator::SelectorRanges(const MatrixSelector& matrix, const WindowSpec& spec,
                                       RangeSink sink) {
  WindowCache cache(spec);
  WindowCache compacted_cache(spec);
  Compacted compacted;
  ResetFinder resets;
  const auto one = [&](model::LabelsRef labels, model::SeriesView view) {
    if (matrix.selector->histogram_sums_only && !view.histograms.empty()) [[unlikely]] {
      view.histograms = resets.Hinted(view);
    }
    RangeSeries series{labels,  false,           view.times_ms, view.values,
                       nullptr, view.histograms, view.starts_ms};
    if (HasStaleMarker(view.values)) [[unlikely]] {
      compacted.Take(view);
      series.times_ms = compacted.times_ms;
      series.values = compacted.values;
      series.histograms = compacted.histograms;
      series.starts_ms = compacted.starts_ms;
      series.bounds = &compacted_cache.Bounds(series.times_ms);
    } else {
      series.bounds = &cache.Bounds(view.times_ms);
    }
    if (series.bounds->samples == 0) return absl::OkStatus();
    query_->CountRead(series.bounds->samples);
    if (query_->detailed()) [[unlikely]]
      query_->CountSteps(SeenFirst(*series.bounds));
    return sink(series);
  };
  return ReadSeries(query_, matrix.selector->matchers, spec.FirstMs(), spec.LastMs(), one);
}

}  // namespace baro::promql
