#include "extended_histogram.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "float_math.h"
#include "histogram_math.h"

namespace baro::promql {
namespace {

using model::Histogram;
using model::ResetHint;

class ExtendedRate {
 public:
  ExtendedRate(const RateCall& call, const ExtendedRange& range, const SplitWindow& window)
      : call_(call), range_(range), points_(window.histograms) {}

  RangeValue Compute() {
    FindEnds();
    if (TimeAt(last_) <= range_.start_ms) return {};
    if (range_.smoothed && TimeAt(first_) > range_.end_ms) return {};
    if (!IsUniform()) return {};
    const Histogram left = Left();
    const Histogram right = Right();
    const bool gauges =
        left.reset_hint == ResetHint::kGauge && right.reset_hint == ResetHint::kGauge;
    if (!call_.counter() && !gauges) call_.annotations->NotAGauge(call_.metric, call_.place);
    Histogram result = right;
    if (!SubtractNoting(call_, left, &result)) return {};
    if (call_.counter() && !AddLost(left, right, &result)) return {};
    if (call_.per_second()) DivideHistogram(SecondsOf(call_.range_ms), &result);
    result.reset_hint = ResetHint::kGauge;
    Compact(&result);
    return {kNoValue, std::move(result)};
  }

 private:
  int64_t TimeAt(size_t index) const { return points_.times_ms[index]; }
  const Histogram& At(size_t index) const { return *points_.values[index]; }

  // The last sample at or before the start of the range, and the first at or after its end (when
  // smoothed) or the last one there is.
  void FindEnds() {
    const auto begin = points_.times_ms.begin();
    const auto limit = points_.times_ms.end() - 1;
    const auto after = std::upper_bound(begin, limit, range_.start_ms);
    first_ = after == begin ? 0 : static_cast<size_t>(after - begin) - 1;
    last_ = points_.size() - 1;
    if (range_.smoothed) {
      last_ = static_cast<size_t>(std::lower_bound(begin, limit, range_.end_ms) - begin);
    }
  }

  bool IsUniform() const {
    for (size_t i = first_; i <= last_; ++i) {
      if (At(i).has_custom_bounds() != At(first_).has_custom_bounds()) {
        call_.annotations->MixedSchemas(call_.metric, call_.place);
        return false;
      }
      if (call_.counter() && At(i).reset_hint == ResetHint::kGauge) {
        call_.annotations->NotACounter(call_.metric, call_.place);
      }
    }
    return true;
  }

  Histogram Between(size_t before, int64_t time_ms) const {
    return InterpolateHistogram(call_, At(before), TimeAt(before), At(before + 1),
                                TimeAt(before + 1), time_ms, call_.counter());
  }
  Histogram Left() const {
    const bool between = range_.smoothed && TimeAt(first_) < range_.start_ms;
    return between ? Between(first_, range_.start_ms) : At(first_);
  }
  Histogram Right() const {
    const bool between = range_.smoothed && last_ > 0 && TimeAt(last_) > range_.end_ms;
    return between ? Between(last_ - 1, range_.end_ms) : At(last_);
  }

  // What resets between the ends have hidden. `left` stands for the first sample and `right` for
  // the last one.
  bool AddLost(const Histogram& left, const Histogram& right, Histogram* result) const {
    size_t next = first_ + 1;
    const Histogram* before = &left;
    const bool left_spans_reset = range_.smoothed && TimeAt(first_) < range_.start_ms &&
                                  DetectReset(At(first_), At(first_ + 1));
    // That reset is in `left` already.
    if (left_spans_reset) before = &At(next++);
    if (next > last_) return true;
    std::optional<Histogram> lost;
    const auto lose = [&](const Histogram& histogram) {
      if (lost) return AddNoting(call_, histogram, &*lost);
      lost = histogram;
      return true;
    };
    for (; next < last_; ++next) {
      if (DetectReset(*before, At(next)) && !lose(*before)) return false;
      before = &At(next);
    }
    if (DetectReset(*before, right) && !lose(*before)) return false;
    return !lost || AddNoting(call_, *lost, result);
  }

  const RateCall& call_;
  const ExtendedRange& range_;
  const Points<const Histogram*>& points_;
  size_t first_ = 0;
  size_t last_ = 0;
};

}  // namespace

RangeValue ExtendedHistogramRate(const RateCall& call, const ExtendedRange& range,
                                 const SplitWindow& window) {
  return ExtendedRate(call, range, window).Compute();
}

Histogram InterpolateHistogram(const RateCall& call, const Histogram& before, int64_t before_ms,
                               const Histogram& after, int64_t after_ms, int64_t time_ms,
                               bool counter) {
  if (time_ms == before_ms) return before;
  if (time_ms == after_ms) return after;
  const double fraction =
      static_cast<double>(time_ms - before_ms) / static_cast<double>(after_ms - before_ms);
  Histogram result = after;
  if (counter && DetectReset(before, after)) {
    ScaleHistogram(fraction, &result);
    return result;
  }
  SubtractNoting(call, before, &result);
  ScaleHistogram(fraction, &result);
  AddNoting(call, before, &result);
  return result;
}

}  // namespace baro::promql
