// Samples of one series with floats and native histograms apart, as the functions of range vectors
// look at them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "baro/model/histogram.h"
#include "evaluator.h"

namespace baro::promql {

// The samples of one kind in a window. `starts_ms` is empty, or as long as the others.
template <typename Value>
struct Points {
  std::span<const int64_t> times_ms;
  std::span<const Value> values;
  std::span<const int64_t> starts_ms;

  size_t size() const { return values.size(); }
  bool empty() const { return values.empty(); }
  int64_t start_ms(size_t index) const { return starts_ms.empty() ? 0 : starts_ms[index]; }
};

// What one step sees of a series.
struct SplitWindow {
  Points<double> floats;
  Points<const model::Histogram*> histograms;
  size_t first_histogram = 0;  // which of the series' histograms histograms[0] is
  int64_t end_ms = 0;
  size_t step = 0;
};

// What a function makes of a window: a float, a histogram or nothing.
struct RangeValue {
  double value = kNoValue;
  std::optional<model::Histogram> histogram = {};
};

// Thread-compatible.
class SplitSeries {
 public:
  // Copies what lies in `series`, but not the histograms themselves.
  void Begin(const RangeSeries& series);

  // The floats alone, with windows of their own.
  const RangeSeries& floats() const { return floats_; }
  SplitWindow At(size_t step, int64_t end_ms) const;
  // Whether the series' histogram `index` tells of a reset since the one before it; looked for
  // once.
  bool IsReset(size_t index);

 private:
  struct Bounds {
    uint32_t first = 0;
    uint32_t last = 0;
  };
  enum class Reset : uint8_t { kUnknown, kYes, kNo };

  RangeSeries floats_;
  WindowBounds float_bounds_;
  std::vector<Bounds> histogram_bounds_;
  std::vector<int64_t> float_times_ms_;
  std::vector<double> float_values_;
  std::vector<int64_t> float_starts_ms_;
  std::vector<int64_t> times_ms_;
  std::vector<const model::Histogram*> histograms_;
  std::vector<int64_t> starts_ms_;
  std::vector<Reset> resets_;
  std::vector<uint32_t> histograms_before_;  // each sample of the series
};

}  // namespace baro::promql
