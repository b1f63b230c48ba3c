#include "extrapolated_rate.h"

#include "float_math.h"

namespace baro::promql {

RateSteps::RateSteps(const WindowSpec& spec, bool per_second)
    : spec_(spec), range_seconds_(SecondsOf(spec.range_ms)), per_second_(per_second) {}

void RateSteps::Prepare(const RangeSeries& series) {
  const WindowBounds& bounds = *series.bounds;
  if (bounds.version != 0 && bounds_ == &bounds && version_ == bounds.version) return;
  bounds_ = &bounds;
  version_ = bounds.version;
  const size_t steps = bounds.first.size();
  sampled_.resize(steps);
  to_start_.resize(steps);
  to_end_.resize(steps);
  factor_.resize(steps);
  for (size_t step = 0; step < steps; ++step) {
    if (bounds.last[step] < bounds.first[step] + 2) continue;
    const int64_t first_ms = series.times_ms[bounds.first[step]];
    const int64_t last_ms = series.times_ms[bounds.last[step] - 1];
    const int64_t end_ms = spec_.End(step);
    double to_start = SecondsOf(first_ms - (end_ms - spec_.range_ms));
    double to_end = SecondsOf(end_ms - last_ms);
    const double sampled = SecondsOf(last_ms - first_ms);
    const double gap =
        sampled / static_cast<double>(bounds.last[step] - bounds.first[step] - size_t{1});
    const double threshold = gap * 1.1;
    if (to_start >= threshold) to_start = gap / 2;
    if (to_end >= threshold) to_end = gap / 2;
    sampled_[step] = sampled;
    to_start_[step] = to_start;
    to_end_[step] = to_end;
    factor_[step] = (sampled + to_start + to_end) / sampled;
    if (per_second_) factor_[step] /= range_seconds_;
  }
}

void ExtrapolatedRate::FindResets(std::span<const double> values) {
  resets_.clear();
  next_reset_ = 0;
  if (!counter_) return;
  // Most counters have none, which is found without a branch for each sample.
  bool any = false;
  for (size_t i = 1; i < values.size(); ++i) any |= values[i] < values[i - 1];
  if (!any) return;
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] < values[i - 1]) resets_.push_back(i);
  }
}

double ExtrapolatedRate::AddResets(std::span<const double> values, size_t first, size_t last,
                                   double difference) {
  // Windows only move forward, but for a fixed time all are the same one.
  while (next_reset_ < resets_.size() && resets_[next_reset_] <= first) ++next_reset_;
  for (size_t i = next_reset_; i < resets_.size() && resets_[i] < last; ++i) {
    difference += values[resets_[i] - 1];
  }
  return difference;
}

// A counter was at zero `to_zero` seconds before the first sample. That is a division, spared where
// it can be told without that zero lies beyond `to_start`: by a factor of two, where roundings of
// less than 2^-50 do not matter, and far from overflow and underflow.
double ExtrapolatedRate::OfCounter(size_t step, double first_value, double difference) const {
  const double sampled = steps_.sampled()[step];
  const double to_start = steps_.to_start()[step];
  const double near = 2 * to_start * difference;
  const bool zero_is_far = near > 1e-290 && near < 1e290 && first_value * sampled >= near;
  if (!zero_is_far && difference > 0 && first_value >= 0) {
    const double to_zero = sampled * (first_value / difference);
    if (to_zero < to_start) {
      double factor = (sampled + to_zero + steps_.to_end()[step]) / sampled;
      if (steps_.per_second()) factor /= steps_.range_seconds();
      return difference * factor;
    }
  }
  return difference * steps_.factor()[step];
}

void ExtrapolatedRate::Fill(const RangeSeries& series, std::span<double> values) {
  Begin(series);
  const WindowBounds& bounds = *series.bounds;
  const std::span<const double> samples = series.values;
  for (size_t step = 0; step < values.size(); ++step) {
    const size_t first = bounds.first[step];
    const size_t last = bounds.last[step];
    if (last < first + 2) {
      values[step] = kNoValue;
      continue;
    }
    double difference = samples[last - 1] - samples[first];
    if (!resets_.empty()) difference = AddResets(samples, first, last, difference);
    values[step] =
        counter_ ? OfCounter(step, samples[first], difference) : difference * steps_.factor()[step];
  }
}

void ExtrapolatedRate::Begin(const RangeSeries& series) {
  steps_.Prepare(series);
  FindResets(series.values);
}

double ExtrapolatedRate::operator()(const Window& window) {
  const size_t last = window.size() - 1;
  if (last == 0) return kNoValue;
  double difference = window.values[last] - window.values[0];
  if (!resets_.empty()) {
    const std::span<const double> values(window.values.data() - window.first,
                                         window.first + window.size());
    difference = AddResets(values, window.first, window.first + window.size(), difference);
  }
  return counter_ ? OfCounter(window.step, window.values[0], difference)
                  : difference * steps_.factor()[window.step];
}

}  // namespace baro::promql
