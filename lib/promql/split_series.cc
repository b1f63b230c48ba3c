#include "split_series.h"

#include "histogram_math.h"

namespace baro::promql {

void SplitSeries::Begin(const RangeSeries& series) {
  float_times_ms_.clear();
  float_values_.clear();
  float_starts_ms_.clear();
  times_ms_.clear();
  histograms_.clear();
  starts_ms_.clear();
  histograms_before_.clear();
  const bool starts = !series.starts_ms.empty();
  for (size_t i = 0; i < series.values.size(); ++i) {
    histograms_before_.push_back(static_cast<uint32_t>(histograms_.size()));
    const bool histogram = !series.histograms.empty() && series.histograms[i] != nullptr;
    if (histogram) {
      times_ms_.push_back(series.times_ms[i]);
      histograms_.push_back(series.histograms[i]);
      if (starts) starts_ms_.push_back(series.starts_ms[i]);
    } else {
      float_times_ms_.push_back(series.times_ms[i]);
      float_values_.push_back(series.values[i]);
      if (starts) float_starts_ms_.push_back(series.starts_ms[i]);
    }
  }
  histograms_before_.push_back(static_cast<uint32_t>(histograms_.size()));
  resets_.assign(histograms_.size(), Reset::kUnknown);
  const size_t steps = series.bounds->first.size();
  histogram_bounds_.resize(steps);
  float_bounds_.first.resize(steps);
  float_bounds_.last.resize(steps);
  float_bounds_.samples = 0;
  for (size_t step = 0; step < steps; ++step) {
    const uint32_t first = series.bounds->first[step];
    const uint32_t last = series.bounds->last[step];
    histogram_bounds_[step] = {histograms_before_[first], histograms_before_[last]};
    float_bounds_.first[step] = first - histograms_before_[first];
    float_bounds_.last[step] = last - histograms_before_[last];
    float_bounds_.samples += float_bounds_.last[step] - float_bounds_.first[step];
  }
  floats_ = {
      series.labels, series.drop_name, float_times_ms_, float_values_, &float_bounds_, {}, {}};
}

SplitWindow SplitSeries::At(size_t step, int64_t end_ms) const {
  SplitWindow window;
  const size_t first = float_bounds_.first[step];
  const size_t count = float_bounds_.last[step] - first;
  window.floats.times_ms = std::span(float_times_ms_).subspan(first, count);
  window.floats.values = std::span(float_values_).subspan(first, count);
  if (!float_starts_ms_.empty()) {
    window.floats.starts_ms = std::span(float_starts_ms_).subspan(first, count);
  }
  const size_t begin = histogram_bounds_[step].first;
  const size_t size = histogram_bounds_[step].last - begin;
  window.histograms.times_ms = std::span(times_ms_).subspan(begin, size);
  window.histograms.values = std::span(histograms_).subspan(begin, size);
  if (!starts_ms_.empty()) {
    window.histograms.starts_ms = std::span(starts_ms_).subspan(begin, size);
  }
  window.first_histogram = begin;
  window.end_ms = end_ms;
  window.step = step;
  return window;
}

bool SplitSeries::IsReset(size_t index) {
  Reset& reset = resets_[index];
  if (reset == Reset::kUnknown) {
    reset = DetectReset(*histograms_[index - 1], *histograms_[index]) ? Reset::kYes : Reset::kNo;
  }
  return reset == Reset::kYes;
}

}  // namespace baro::promql
