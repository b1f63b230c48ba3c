#include "histogram_rate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "float_math.h"
#include "histogram_math.h"

namespace baro::promql {
namespace {

using model::Histogram;
using model::ResetHint;

// A counter that began before the sample before it, but not when that one did.
template <typename Value>
bool AnyOverlap(const Points<Value>& points) {
  for (size_t i = 1; i < points.starts_ms.size(); ++i) {
    const int64_t start = points.starts_ms[i];
    if (start != 0 && start < points.times_ms[i - 1] && start != points.starts_ms[i - 1]) {
      return true;
    }
  }
  return false;
}

template <typename Value>
bool IsStartResetAt(const Points<Value>& points, size_t index) {
  return IsStartReset({points.start_ms(index - 1), points.times_ms[index - 1]},
                      {points.start_ms(index), points.times_ms[index]});
}

double FloatIncrease(const RateCall& call, const Points<double>& floats) {
  const size_t last = floats.size() - 1;
  double increase = floats.values[last] - floats.values[0];
  if (!call.counter()) return increase;
  if (AnyOverlap(floats)) call.annotations->StartOverlaps(call.metric, call.place);
  for (size_t i = 1; i <= last; ++i) {
    const bool reset = floats.values[i] < floats.values[i - 1] || IsStartResetAt(floats, i);
    if (reset) increase += floats.values[i - 1];
  }
  return increase;
}

// The difference of the last and the first of two histograms or more, and what resets have hidden.
class HistogramIncrease {
 public:
  HistogramIncrease(const RateCall& call, SplitSeries* series, const SplitWindow& window)
      : call_(call), series_(series), window_(window), points_(window.histograms) {}

  // Null when the histograms do not fit together.
  std::optional<Histogram> Compute() {
    const Histogram& last = *points_.values.back();
    NoteGauges();
    Histogram first = *points_.values.front();
    if (call_.counter() && IsResetAt(1)) {
      // What the first has counted is lost, and its buckets do not matter.
      const Histogram& second = *points_.values[1];
      first = {};
      first.schema = second.schema;
      first.custom_bounds = second.custom_bounds;
    }
    if (!HaveOneSchema(first)) {
      call_.annotations->MixedSchemas(call_.metric, call_.place);
      return std::nullopt;
    }
    Histogram result = last;
    ReduceSchema(LeastSchema(first), &result);
    if (!SubtractNoting(call_, first, &result)) return std::nullopt;
    if (call_.counter() && !AddLost(&result)) return std::nullopt;
    result.reset_hint = ResetHint::kGauge;
    Compact(&result);
    return result;
  }

 private:
  bool IsResetAt(size_t index) {
    return IsStartResetAt(points_, index) || series_->IsReset(window_.first_histogram + index);
  }

  void NoteGauges() {
    const auto is_gauge = [](const Histogram* histogram) {
      return histogram->reset_hint == ResetHint::kGauge;
    };
    if (call_.counter()) {
      if (std::any_of(points_.values.begin(), points_.values.end(), is_gauge)) {
        call_.annotations->NotACounter(call_.metric, call_.place);
      }
    } else if (!is_gauge(points_.values.front()) || !is_gauge(points_.values.back())) {
      call_.annotations->NotAGauge(call_.metric, call_.place);
    }
  }

  bool HaveOneSchema(const Histogram& first) const {
    const bool custom = first.has_custom_bounds();
    const auto differs = [custom](const Histogram* histogram) {
      return histogram->has_custom_bounds() != custom;
    };
    if (differs(points_.values.back())) return false;
    return !call_.counter() ||
           std::none_of(points_.values.begin() + 1, points_.values.end(), differs);
  }

  int32_t LeastSchema(const Histogram& first) const {
    int32_t schema = std::min(first.schema, points_.values.back()->schema);
    for (size_t i = 1; call_.counter() && i + 1 < points_.size(); ++i) {
      schema = std::min(schema, points_.values[i]->schema);
    }
    return schema;
  }

  bool AddLost(Histogram* result) {
    if (AnyOverlap(points_)) call_.annotations->StartOverlaps(call_.metric, call_.place);
    for (size_t i = 2; i < points_.size(); ++i) {
      if (IsResetAt(i) && !AddNoting(call_, *points_.values[i - 1], result)) return false;
    }
    return true;
  }

  const RateCall& call_;
  SplitSeries* const series_;
  const SplitWindow& window_;
  const Points<const Histogram*>& points_;
};

// Extrapolates to the ends of the range, as ExtrapolatedRate in rate.cc does; but a counter that is
// known to have begun inside the range rose from zero then.
class Extrapolation {
 public:
  Extrapolation(const RateCall& call, const SplitWindow& window)
      : call_(call),
        range_start_ms_(window.end_ms - call.range_ms),
        times_ms_(window.floats.empty() ? window.histograms.times_ms : window.floats.times_ms),
        start_ms_(window.floats.empty() ? window.histograms.start_ms(0)
                                        : window.floats.start_ms(0)),
        end_ms_(window.end_ms) {}

  bool begins_inside() const {
    return call_.counter() && start_ms_ != 0 && start_ms_ > range_start_ms_ &&
           start_ms_ < times_ms_.front();
  }

  // `first` and `increase` are of the counter, or of the count of a histogram; both above zero
  // tell how far back it can have begun.
  double Factor(double first, double increase) const {
    const size_t gaps = times_ms_.size() - 1;
    double sampled = SecondsOf(times_ms_.back() - times_ms_.front());
    const double gap = gaps > 0 ? sampled / static_cast<double>(gaps) : 0;
    const double threshold = gap * 1.1;
    double to_start = SecondsOf(times_ms_.front() - range_start_ms_);
    double to_end = SecondsOf(end_ms_ - times_ms_.back());
    if (begins_inside()) {
      to_start = 0;
      sampled = SecondsOf(times_ms_.back() - start_ms_);
    } else {
      if (to_start >= threshold) to_start = gap / 2;
      if (call_.counter() && increase > 0 && first >= 0) {
        to_start = std::min(to_start, sampled * (first / increase));
      }
    }
    if (to_end >= threshold) to_end = gap / 2;
    double factor = sampled != 0 ? (sampled + to_start + to_end) / sampled : 1;
    if (call_.per_second()) factor /= SecondsOf(call_.range_ms);
    return factor;
  }

 private:
  const RateCall& call_;
  const int64_t range_start_ms_;
  const std::span<const int64_t> times_ms_;
  const int64_t start_ms_;
  const int64_t end_ms_;
};

RangeValue HistogramRate(const RateCall& call, SplitSeries* series, const SplitWindow& window) {
  const Extrapolation extrapolation(call, window);
  const Histogram& first = *window.histograms.values.front();
  std::optional<Histogram> increase;
  if (window.histograms.size() > 1) {
    increase = HistogramIncrease(call, series, window).Compute();
    if (!increase) return {};
  }
  if (extrapolation.begins_inside()) {
    if (!increase) {
      increase = first;
    } else if (!AddNoting(call, first, &*increase)) {
      return {};
    }
  }
  if (!increase) return {};
  ScaleHistogram(extrapolation.Factor(first.count, increase->count), &*increase);
  return {kNoValue, std::move(increase)};
}

// One of the two last samples of a window.
struct LastSample {
  int64_t time_ms = 0;
  int64_t start_ms = 0;
  double value = 0;
  const Histogram* histogram = nullptr;
  size_t index = 0;  // among the series' histograms
};

// The two last samples of any kind, the older one first.
std::vector<LastSample> LastTwo(const SplitWindow& window) {
  std::vector<LastSample> last;
  const auto& floats = window.floats;
  for (size_t i = floats.size() - std::min<size_t>(floats.size(), 2); i < floats.size(); ++i) {
    last.push_back({floats.times_ms[i], floats.start_ms(i), floats.values[i], nullptr, 0});
  }
  const auto& histograms = window.histograms;
  for (size_t i = histograms.size() - std::min<size_t>(histograms.size(), 2); i < histograms.size();
       ++i) {
    last.push_back({histograms.times_ms[i], histograms.start_ms(i), 0, histograms.values[i],
                    window.first_histogram + i});
  }
  std::stable_sort(last.begin(), last.end(),
                   [](const LastSample& a, const LastSample& b) { return a.time_ms < b.time_ms; });
  if (last.size() > 2) last.erase(last.begin(), last.end() - 2);
  return last;
}

RangeValue InstantHistogramRate(const RateCall& call, SplitSeries* series, const LastSample& before,
                                const LastSample& now, bool start_reset) {
  const bool gauges = before.histogram->reset_hint == ResetHint::kGauge &&
                      now.histogram->reset_hint == ResetHint::kGauge;
  const bool any_gauge = before.histogram->reset_hint == ResetHint::kGauge ||
                         now.histogram->reset_hint == ResetHint::kGauge;
  if (call.counter() && any_gauge) call.annotations->NotACounter(call.metric, call.place);
  if (!call.counter() && !gauges) call.annotations->NotAGauge(call.metric, call.place);
  Histogram result = *now.histogram;
  const bool reset = call.counter() && (start_reset || series->IsReset(now.index));
  if (!reset && !SubtractNoting(call, *before.histogram, &result)) return {};
  result.reset_hint = ResetHint::kGauge;
  Compact(&result);
  if (call.per_second()) DivideHistogram(SecondsOf(now.time_ms - before.time_ms), &result);
  return {kNoValue, std::move(result)};
}

}  // namespace

bool IsStartReset(const Began& before, const Began& now) {
  // A counter that began with its sample, or after it, is one of which that is not known.
  if (now.start_ms == 0 || now.start_ms >= now.time_ms || now.start_ms < before.time_ms) {
    return false;
  }
  if (now.start_ms > before.time_ms) return true;
  // Each sample counts from the one before: deltas, unless it is unknown there too.
  return before.start_ms != 0 && before.start_ms < before.time_ms;
}

bool AddNoting(const RateCall& call, const Histogram& other, Histogram* sum) {
  const HistogramOutcome outcome = AddHistogram(other, sum);
  if (!outcome.compatible) call.annotations->MixedSchemas(call.metric, call.place);
  if (outcome.reconciled) call.annotations->BoundsReconciled("addition", call.place);
  return outcome.compatible;
}

bool SubtractNoting(const RateCall& call, const Histogram& other, Histogram* difference) {
  const HistogramOutcome outcome = SubtractHistogram(other, difference);
  if (!outcome.compatible) call.annotations->MixedSchemas(call.metric, call.place);
  if (outcome.reconciled) call.annotations->BoundsReconciled("subtraction", call.place);
  return outcome.compatible;
}

RangeValue RateOfWindow(const RateCall& call, SplitSeries* series, const SplitWindow& window) {
  if (window.floats.empty()) return HistogramRate(call, series, window);
  const Extrapolation extrapolation(call, window);
  double increase = FloatIncrease(call, window.floats);
  if (extrapolation.begins_inside()) {
    increase += window.floats.values[0];
  } else if (window.floats.size() < 2) {
    return {};
  }
  return {increase * extrapolation.Factor(window.floats.values[0], increase)};
}

RangeValue InstantRateOfWindow(const RateCall& call, SplitSeries* series,
                               const SplitWindow& window) {
  const std::vector<LastSample> last = LastTwo(window);
  if (last.size() < 2) return {};
  const LastSample& before = last[0];
  const LastSample& now = last[1];
  if (now.time_ms == before.time_ms) return {};
  const bool start_reset =
      IsStartReset({before.start_ms, before.time_ms}, {now.start_ms, now.time_ms});
  if (before.histogram != nullptr && now.histogram != nullptr) {
    return InstantHistogramRate(call, series, before, now, start_reset);
  }
  if (before.histogram != nullptr || now.histogram != nullptr) {
    call.annotations->MixedFloatsAndHistograms(call.metric, call.place);
    return {};
  }
  const bool reset = call.counter() && (now.value < before.value || start_reset);
  double result = reset ? now.value : now.value - before.value;
  if (call.per_second()) result /= SecondsOf(now.time_ms - before.time_ms);
  return {result};
}

}  // namespace baro::promql
