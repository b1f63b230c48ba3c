#include "mixed_range.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "float_math.h"
#include "histogram_math.h"
#include "histogram_sum.h"
#include "range_call.h"

namespace baro::promql {
namespace {

using model::Histogram;

bool WantsStarts(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kIrate ||
         id == FunctionId::kResets;
}

// A sample of either kind.
struct MixedSample {
  int64_t time_ms = 0;
  int64_t start_ms = 0;
  double value = 0;
  const Histogram* histogram = nullptr;
  size_t index = 0;  // among the series' histograms
};

// The samples of a window in the order of their times.
std::vector<MixedSample> InOrder(const SplitWindow& window) {
  std::vector<MixedSample> samples;
  size_t next = 0;
  const auto& histograms = window.histograms;
  const auto take_histograms = [&](int64_t before_ms) {
    for (; next < histograms.size() && histograms.times_ms[next] < before_ms; ++next) {
      samples.push_back({histograms.times_ms[next], histograms.start_ms(next), 0,
                         histograms.values[next], window.first_histogram + next});
    }
  };
  for (size_t i = 0; i < window.floats.size(); ++i) {
    take_histograms(window.floats.times_ms[i]);
    samples.push_back({window.floats.times_ms[i], window.floats.start_ms(i),
                       window.floats.values[i], nullptr, 0});
  }
  take_histograms(model::kTimeMsMax);
  return samples;
}

bool IsChange(const MixedSample& before, const MixedSample& now) {
  if ((before.histogram == nullptr) != (now.histogram == nullptr)) return true;
  if (now.histogram != nullptr) return !EqualHistograms(*before.histogram, *now.histogram);
  return now.value != before.value && !(std::isnan(now.value) && std::isnan(before.value));
}

// The sum or the average of histograms, and what was met on the way.
struct Total {
  bool compatible = true;
  bool collision = false;
  bool reconciled = false;
  Histogram histogram = {};
};

template <typename Accumulator>
bool AddAll(std::span<const Histogram* const> histograms, Accumulator* accumulator, Total* total) {
  bool reset = false;
  bool not_reset = false;
  for (size_t i = 0; i < histograms.size(); ++i) {
    reset |= histograms[i]->reset_hint == model::ResetHint::kReset;
    not_reset |= histograms[i]->reset_hint == model::ResetHint::kNotReset;
    if (i == 0) continue;
    const HistogramOutcome outcome = accumulator->Add(*histograms[i]);
    total->reconciled |= outcome.reconciled;
    if (!outcome.compatible) return false;
  }
  total->collision = reset && not_reset;
  return true;
}

Total SumOf(std::span<const Histogram* const> histograms, bool average) {
  Total total;
  if (average) {
    HistogramMean mean(*histograms[0]);
    total.compatible = AddAll(histograms, &mean, &total);
    if (total.compatible) total.histogram = mean.Mean();
  } else {
    HistogramSum sum(*histograms[0]);
    total.compatible = AddAll(histograms, &sum, &total);
    if (total.compatible) total.histogram = sum.Total();
  }
  return total;
}

}  // namespace

MixedRange::MixedRange(Evaluator* evaluator, const Call& call, const WindowSpec& spec)
    : query_(&evaluator->query()),
      spec_(spec),
      wants_starts_(WantsStarts(call.function->id)),
      row_(evaluator->grid().count) {
  const Expr& range = *call.args[RangeArg(call)];
  rate_.function = call.function->id;
  rate_.range_ms = evaluator->SpecOf(range).range_ms;
  // Prometheus shows the place of the first argument, whichever it is.
  rate_.place = NoteOn(*call.args[0], call.place);
  rate_.annotations = &query_->annotations();
  if (Unwrap(range).kind != Expr::Kind::kMatrixSelector) return;
  anchored_ = As<MatrixSelector>(Unwrap(range)).selector->anchored;
  smoothed_ = As<MatrixSelector>(Unwrap(range)).selector->smoothed;
}

const RangeSeries& MixedRange::Begin(const RangeSeries& series) {
  labels_ = series.labels;
  drop_name_ = series.drop_name;
  rate_.metric = series.labels.Get(model::kMetricName);
  series_.Begin(series);
  return series_.floats();
}

absl::StatusOr<Row> MixedRange::Finish(std::span<const double> float_values, bool drop_name) {
  row_.Clear();
  size_t unchecked = 0;
  for (size_t step = 0; step < float_values.size(); ++step) {
    const SplitWindow window = series_.At(step, spec_.End(step));
    if (window.floats.empty() && window.histograms.empty()) continue;
    unchecked += window.floats.size() + window.histograms.size() * 32;
    if (unchecked >= kWindowSamplesPerCheck) {
      unchecked = 0;
      BARO_TRY(query_->CheckAlive());
    }
    RangeValue value = ValueAt(window, float_values[step]);
    if (value.histogram) {
      row_.Set(step, *std::move(value.histogram));
    } else {
      row_.Set(step, value.value);
    }
  }
  return row_.row(labels_, drop_name_ || drop_name);
}

RangeValue MixedRange::ValueAt(const SplitWindow& window, double float_value) {
  switch (rate_.function) {
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kDelta:
      return RateAt(window, float_value);
    case FunctionId::kIrate:
    case FunctionId::kIdelta:
      return InstantRateOfWindow(rate_, &series_, window);
    case FunctionId::kResets:
    case FunctionId::kChanges:
      return PairsAt(window);
    case FunctionId::kSumOverTime:
    case FunctionId::kAvgOverTime:
      return SumAt(window, float_value);
    case FunctionId::kCountOverTime:
      return {static_cast<double>(window.floats.size() + window.histograms.size())};
    case FunctionId::kAbsentOverTime:
    case FunctionId::kPresentOverTime:
      return {1};
    case FunctionId::kFirstOverTime:
    case FunctionId::kLastOverTime:
    case FunctionId::kTsOfFirstOverTime:
    case FunctionId::kTsOfLastOverTime:
      return EndAt(window);
    case FunctionId::kDeriv:
    case FunctionId::kPredictLinear:
    case FunctionId::kDoubleExponentialSmoothing:
      return OfFloats(window, float_value, 2);
    default:
      return OfFloats(window, float_value, 1);
  }
}

ExtendedRange MixedRange::RangeOf(const SplitWindow& window) const {
  const int64_t end_ms = smoothed_ ? window.end_ms - query_->lookback_ms() : window.end_ms;
  return {end_ms - rate_.range_ms, end_ms, smoothed_};
}

RangeValue MixedRange::RateAt(const SplitWindow& window, double float_value) {
  if (!window.floats.empty() && !window.histograms.empty()) {
    rate_.annotations->MixedFloatsAndHistograms(rate_.metric, rate_.place);
    return {};
  }
  if (anchored_ || smoothed_) {
    if (!window.floats.empty()) return {float_value};
    return ExtendedHistogramRate(rate_, RangeOf(window), window);
  }
  const bool of_floats = !window.floats.empty() && window.floats.starts_ms.empty();
  return of_floats ? RangeValue{float_value} : RateOfWindow(rate_, &series_, window);
}

// changes and resets: from the anchor on, or of all samples.
RangeValue MixedRange::PairsAt(const SplitWindow& window) {
  const std::vector<MixedSample> samples = InOrder(window);
  size_t first = 0;
  if (anchored_) {
    const int64_t start_ms = RangeOf(window).start_ms;
    if (samples.back().time_ms <= start_ms) return {};
    while (first + 1 < samples.size() && samples[first + 1].time_ms <= start_ms) ++first;
  }
  double count = 0;
  for (size_t i = first + 1; i < samples.size(); ++i) {
    const MixedSample& before = samples[i - 1];
    const MixedSample& now = samples[i];
    bool found = false;
    if (rate_.function == FunctionId::kChanges) {
      found = IsChange(before, now);
    } else if ((before.histogram == nullptr) != (now.histogram == nullptr)) {
      found = true;
    } else {
      found = IsStartReset({before.start_ms, before.time_ms}, {now.start_ms, now.time_ms}) ||
              (now.histogram == nullptr ? now.value < before.value : series_.IsReset(now.index));
    }
    if (found) count += 1;
  }
  return {count};
}

RangeValue MixedRange::SumAt(const SplitWindow& window, double float_value) {
  if (window.histograms.empty()) return {float_value};
  if (!window.floats.empty()) {
    rate_.annotations->MixedFloatsAndHistograms(rate_.metric, rate_.place);
    return {};
  }
  Total total = SumOf(window.histograms.values, rate_.function == FunctionId::kAvgOverTime);
  if (!total.compatible) {
    rate_.annotations->MixedSchemas(rate_.metric, rate_.place);
    return {};
  }
  if (total.collision) rate_.annotations->HintsCollide("aggregation", rate_.place);
  if (total.reconciled) rate_.annotations->BoundsReconciled("aggregation", rate_.place);
  return {kNoValue, std::move(total.histogram)};
}

// The first or last sample, or its time.
RangeValue MixedRange::EndAt(const SplitWindow& window) {
  const bool first = rate_.function == FunctionId::kFirstOverTime ||
                     rate_.function == FunctionId::kTsOfFirstOverTime;
  const bool of_time = rate_.function == FunctionId::kTsOfFirstOverTime ||
                       rate_.function == FunctionId::kTsOfLastOverTime;
  const auto& floats = window.floats;
  const auto& histograms = window.histograms;
  const size_t float_end = first || floats.empty() ? 0 : floats.size() - 1;
  const size_t histogram_end = first || histograms.empty() ? 0 : histograms.size() - 1;
  bool is_float = histograms.empty();
  if (!floats.empty() && !histograms.empty()) {
    const int64_t float_ms = floats.times_ms[float_end];
    const int64_t histogram_ms = histograms.times_ms[histogram_end];
    is_float = first ? float_ms < histogram_ms : histogram_ms < float_ms;
  }
  if (of_time) {
    return {SecondsOf(is_float ? floats.times_ms[float_end] : histograms.times_ms[histogram_end])};
  }
  if (is_float) return {floats.values[float_end]};
  return {kNoValue, *histograms.values[histogram_end]};
}

RangeValue MixedRange::OfFloats(const SplitWindow& window, double float_value,
                                size_t floats_needed) {
  if (window.floats.empty()) return {};
  if (!window.histograms.empty()) {
    rate_.annotations->HistogramsIgnoredInRange(rate_.metric, rate_.place);
  }
  return window.floats.size() < floats_needed ? RangeValue{} : RangeValue{float_value};
}

}  // namespace baro::promql
