// anchored and smoothed selectors: rates between the ends of the range itself, not extrapolated.
// anchored takes the last sample before the range as its left end; smoothed interpolates both ends
// between the samples around them.

#include <algorithm>
#include <cmath>

#include "baro/base/strings.h"
#include "counter_name.h"
#include "float_math.h"
#include "range_call.h"

namespace baro::promql {
namespace {

double Interpolate(const Window& window, size_t before, int64_t time_ms, bool counter) {
  double from = window.values[before];
  const double to = window.values[before + 1];
  // A counter that has been reset in between started anew from zero.
  if (counter && to < from) from = 0;
  const auto passed = static_cast<double>(time_ms - window.times_ms[before]);
  const auto gap = static_cast<double>(window.times_ms[before + 1] - window.times_ms[before]);
  return from + (to - from) * passed / gap;
}

struct Shape {
  int64_t range_ms = 0;
  int64_t lookback_ms = 0;
  bool smoothed = false;

  int64_t EndOf(const Window& window) const {
    return smoothed ? window.end_ms - lookback_ms : window.end_ms;
  }
  // The last sample at or before the start of the range, else the first one there is.
  size_t FirstIndex(const Window& window) const {
    const int64_t start = EndOf(window) - range_ms;
    const auto last = window.times_ms.end() - 1;
    const auto after = std::upper_bound(window.times_ms.begin(), last, start);
    return after == window.times_ms.begin()
               ? 0
               : static_cast<size_t>(after - window.times_ms.begin()) - 1;
  }
  bool IsEmpty(const Window& window) const {
    return window.times_ms.back() <= EndOf(window) - range_ms;
  }
};

class ExtendedRate {
 public:
  ExtendedRate(Shape shape, bool counter, bool per_second)
      : shape_(shape), counter_(counter), per_second_(per_second) {}

  double operator()(const Window& window) const {
    const int64_t end = shape_.EndOf(window);
    const int64_t start = end - shape_.range_ms;
    size_t first = shape_.FirstIndex(window);
    size_t last = window.size() - 1;
    if (shape_.smoothed) {
      const auto limit = window.times_ms.end() - 1;
      last = static_cast<size_t>(std::lower_bound(window.times_ms.begin(), limit, end) -
                                 window.times_ms.begin());
    }
    if (window.times_ms[last] <= start) return kNoValue;
    if (shape_.smoothed && window.times_ms[first] > end) return kNoValue;
    const bool between_left = shape_.smoothed && window.times_ms[first] < start;
    const bool between_right = shape_.smoothed && last > 0 && window.times_ms[last] > end;
    const double left =
        between_left ? Interpolate(window, first, start, counter_) : window.values[first];
    const double right =
        between_right ? Interpolate(window, last - 1, end, counter_) : window.values[last];
    double result = right - left;
    if (counter_) {
      if (window.times_ms[first] <= start) ++first;
      const size_t stop = window.times_ms[last] >= end ? last : last + 1;
      result += Resets(window, left, right, first, stop);
    }
    return per_second_ ? result / SecondsOf(shape_.range_ms) : result;
  }

 private:
  static double Resets(const Window& window, double left, double right, size_t first, size_t stop) {
    double lost = 0;
    double previous = left;
    for (size_t i = first; i < stop; ++i) {
      if (window.values[i] < previous) lost += previous;
      previous = window.values[i];
    }
    return right < previous ? lost + previous : lost;
  }

  const Shape shape_;
  const bool counter_;
  const bool per_second_;
};

// changes and resets, from the anchor on.
double CountPairs(const Shape& shape, bool resets, const Window& window) {
  if (shape.IsEmpty(window)) return kNoValue;
  double count = 0;
  for (size_t i = shape.FirstIndex(window) + 1; i < window.size(); ++i) {
    const double before = window.values[i - 1];
    const double now = window.values[i];
    const bool changed = now != before && !(std::isnan(now) && std::isnan(before));
    if (resets ? now < before : changed) count += 1;
  }
  return count;
}

absl::Status NotWith(bool smoothed, std::string_view function) {
  return absl::FailedPreconditionError(base::StrCat(
      smoothed ? "smoothed modifier can only be used with: delta, increase, rate"
               : "anchored modifier can only be used with: changes, delta, increase, rate, resets",
      " - not with ", function));
}

WindowSpec ExtendedSpec(Evaluator* evaluator, const Expr& range, const Shape& shape) {
  WindowSpec spec = evaluator->SpecOf(range);
  spec.range_ms += shape.lookback_ms * (shape.smoothed ? 2 : 1);
  if (shape.smoothed) spec.offset_ms -= shape.lookback_ms;
  return spec;
}

template <typename Function>
absl::Status RunExtended(Evaluator* evaluator, const Call& call, const Shape& shape,
                         Function function, CounterNameCheck* check, RowSink sink) {
  const WindowSpec spec = ExtendedSpec(evaluator, *call.args[0], shape);
  std::vector<double> values(evaluator->grid().count);
  MixedRange mixed(evaluator, call, spec);
  const auto compute = [&](const RangeSeries& series) {
    for (size_t step = 0; step < values.size(); ++step) {
      const size_t first = series.bounds->first[step];
      const size_t count = series.bounds->last[step] - first;
      values[step] =
          count == 0
              ? kNoValue
              : function(Window{series.times_ms.subspan(first, count),
                                series.values.subspan(first, count), first, spec.End(step), step});
    }
  };
  return evaluator->Ranges(*call.args[0], spec, [&](const RangeSeries& series) {
    if (mixed.Wants(series)) [[unlikely]] {
      compute(mixed.Begin(series));
      BARO_TRY_ASSIGN(const Row row, mixed.Finish(values, true));
      if (check != nullptr && mixed.any_float()) (*check)(series);
      return HasValues(row.values) ? sink(row) : absl::OkStatus();
    }
    compute(series);
    if (!HasValues(values)) return absl::OkStatus();
    if (check != nullptr) (*check)(series);
    return sink({series.labels, true, values});
  });
}

// The samples of a window that lie inside the range, and what is there at its ends.
class ExtendedSamples {
 public:
  // False when nothing lies in the range.
  bool Take(const Shape& shape, const Window& window) {
    times_ms_.clear();
    values_.clear();
    const int64_t end = shape.EndOf(window);
    const int64_t start = end - shape.range_ms;
    size_t first = shape.FirstIndex(window);
    size_t last = window.size() - 1;
    if (shape.smoothed) {
      const auto limit = window.times_ms.end() - 1;
      last = static_cast<size_t>(std::lower_bound(window.times_ms.begin(), limit, end) -
                                 window.times_ms.begin());
    }
    if (window.times_ms[last] <= start) return false;
    const bool between_left = shape.smoothed && window.times_ms[first] < start;
    const bool between_right = shape.smoothed && last > 0 && window.times_ms[last] > end;
    Put(start, between_left ? Interpolate(window, first, start, false) : window.values[first]);
    const double right =
        between_right ? Interpolate(window, last - 1, end, false) : window.values[last];
    for (size_t i = first; i <= last; ++i) {
      const int64_t time_ms = window.times_ms[i];
      const bool at_end = (i == first && time_ms <= start) || (i == last && time_ms >= end);
      if (!at_end) Put(time_ms, window.values[i]);
    }
    Put(end, right);
    bounds_ = {{0}, {static_cast<uint32_t>(values_.size())}, values_.size()};
    return true;
  }
  RangeSeries series(model::LabelsRef labels) const {
    return {labels, false, times_ms_, values_, &bounds_, {}, {}};
  }

 private:
  void Put(int64_t time_ms, double value) {
    times_ms_.push_back(time_ms);
    values_.push_back(value);
  }

  std::vector<int64_t> times_ms_;
  std::vector<double> values_;
  WindowBounds bounds_;
};

Shape ShapeOf(Evaluator* evaluator, const MatrixSelector& matrix) {
  return {matrix.range_ms, evaluator->query().lookback_ms(), matrix.selector->smoothed};
}

}  // namespace

absl::Status ExtendedRanges(Evaluator* evaluator, const MatrixSelector& matrix, RangeSink sink) {
  const Shape shape = ShapeOf(evaluator, matrix);
  const WindowSpec spec = ExtendedSpec(evaluator, matrix, shape);
  ExtendedSamples samples;
  return evaluator->Ranges(matrix, spec, [&](const RangeSeries& series) {
    if (!series.histograms.empty()) {
      return absl::FailedPreconditionError(base::StrCat(
          shape.smoothed ? "smoothed" : "anchored", " modifier is not supported with histograms"));
    }
    const size_t first = series.bounds->first[0];
    const size_t count = series.bounds->last[0] - first;
    if (count == 0) return absl::OkStatus();
    const Window window{series.times_ms.subspan(first, count), series.values.subspan(first, count),
                        first, spec.End(0), 0};
    return samples.Take(shape, window) ? sink(samples.series(series.labels)) : absl::OkStatus();
  });
}

absl::Status ExtendedRateRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const auto& matrix = As<MatrixSelector>(Unwrap(*call.args[RangeArg(call)]));
  const Shape shape = ShapeOf(evaluator, matrix);
  CounterNameCheck check(&evaluator->query(), NoteOn(*call.args[0], call.place));
  const auto rate = [&](bool counter, bool per_second) {
    return RunExtended(evaluator, call, shape, ExtendedRate(shape, counter, per_second),
                       counter ? &check : nullptr, sink);
  };
  const auto pairs = [&](bool resets) {
    return RunExtended(
        evaluator, call, shape,
        [&](const Window& window) { return CountPairs(shape, resets, window); }, nullptr, sink);
  };
  switch (call.function->id) {
    case FunctionId::kRate:
      return rate(true, true);
    case FunctionId::kIncrease:
      return rate(true, false);
    case FunctionId::kDelta:
      return rate(false, false);
    case FunctionId::kChanges:
    case FunctionId::kResets:
      if (shape.smoothed) break;
      return pairs(call.function->id == FunctionId::kResets);
    default:
      break;
  }
  return NotWith(shape.smoothed, call.function->name);
}

}  // namespace baro::promql
