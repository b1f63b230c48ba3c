// rate, increase, delta, irate, idelta, changes, resets.

#include <algorithm>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "float_math.h"
#include "range_call.h"

namespace baro::promql {
namespace {

// Extrapolates to the ends of the range as Prometheus does: all the way when the samples come
// within 1.1 average gaps of an end, else by half a gap; a counter never to below zero.
class ExtrapolatedRate {
 public:
  ExtrapolatedRate(int64_t range_ms, bool counter, bool per_second)
      : range_ms_(range_ms),
        range_seconds_(SecondsOf(range_ms)),
        counter_(counter),
        per_second_(per_second) {}

  // Finds the counter's resets once; a window then adds those inside it.
  void Begin(const RangeSeries& series) {
    resets_.clear();
    if (!counter_) return;
    const std::span<const double> values = series.values;
    for (size_t i = 1; i < values.size(); ++i) {
      if (values[i] < values[i - 1]) resets_.push_back(i);
    }
    next_reset_ = 0;
  }

  double operator()(const Window& window) {
    const size_t last = window.size() - 1;
    if (last == 0) return kNoValue;
    double result = window.values[last] - window.values[0];
    if (!resets_.empty()) result = AddResets(window, result);
    const int64_t first_ms = window.times_ms[0];
    const int64_t last_ms = window.times_ms[last];
    double to_start = SecondsOf(first_ms - (window.end_ms - range_ms_));
    double to_end = SecondsOf(window.end_ms - last_ms);
    const double sampled = SecondsOf(last_ms - first_ms);
    const double gap = sampled / static_cast<double>(last);
    const double threshold = gap * 1.1;
    if (to_start >= threshold) to_start = gap / 2;
    if (counter_) {
      double to_zero = to_start;
      if (result > 0 && window.values[0] >= 0) to_zero = sampled * (window.values[0] / result);
      to_start = to_zero < to_start ? to_zero : to_start;
    }
    if (to_end >= threshold) to_end = gap / 2;
    double factor = (sampled + to_start + to_end) / sampled;
    if (per_second_) factor /= range_seconds_;
    return result * factor;
  }

 private:
  double AddResets(const Window& window, double result) {
    // Windows only move forward, but for a fixed time all are the same one.
    while (next_reset_ < resets_.size() && resets_[next_reset_] <= window.first) ++next_reset_;
    const size_t end = window.first + window.size();
    for (size_t i = next_reset_; i < resets_.size() && resets_[i] < end; ++i) {
      result += window.values[resets_[i] - 1 - window.first];
    }
    return result;
  }

  const int64_t range_ms_;
  const double range_seconds_;
  const bool counter_;
  const bool per_second_;
  std::vector<size_t> resets_;  // indices of the samples lower than the one before
  size_t next_reset_ = 0;
};

// The same, and an info when the name of the metric does not look like a counter's.
class CheckedRate : public ExtrapolatedRate {
 public:
  CheckedRate(Query* query, Place place, int64_t range_ms, bool per_second)
      : ExtrapolatedRate(range_ms, true, per_second), query_(query), place_(place) {}

  void Finish(const RangeSeries& series) {
    if (!seen_.insert(series.labels.column).second) return;
    const std::string_view name = series.labels.Get(model::kMetricName);
    static constexpr std::string_view kSuffixes[] = {"_total", "_sum", "_count", "_bucket"};
    const bool counter =
        name.empty() || std::any_of(std::begin(kSuffixes), std::end(kSuffixes),
                                    [name](std::string_view end) { return name.ends_with(end); });
    if (!counter) query_->annotations().PossibleNonCounter(name, place_);
  }

 private:
  Query* const query_;
  const Place place_;
  absl::flat_hash_set<const model::Labels*> seen_;
};

double InstantDelta(const Window& window, bool rate) {
  if (window.size() < 2) return kNoValue;
  const double previous = window.values[window.size() - 2];
  const double last = window.values[window.size() - 1];
  const int64_t gap_ms = window.times_ms[window.size() - 1] - window.times_ms[window.size() - 2];
  if (gap_ms == 0) return kNoValue;
  // After a reset the counter's value is what it has counted since.
  double result = rate && last < previous ? last : last - previous;
  if (rate) result /= SecondsOf(gap_ms);
  return result;
}

// Counts neighbours that fulfil a condition; a prefix sum makes each window two look-ups.
template <typename Condition>
class PairCount {
 public:
  void Begin(const RangeSeries& series) {
    prefix_.resize(series.values.size());
    uint32_t count = 0;
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (i > 0 && Condition()(series.values[i - 1], series.values[i])) ++count;
      prefix_[i] = count;
    }
  }
  double operator()(const Window& window) const {
    return prefix_[window.first + window.size() - 1] - prefix_[window.first];
  }

 private:
  std::vector<uint32_t> prefix_;  // pairs up to and including this sample
};

struct IsReset {
  bool operator()(double before, double now) const { return now < before; }
};
struct IsChange {
  bool operator()(double before, double now) const {
    return now != before && !(std::isnan(now) && std::isnan(before));
  }
};

}  // namespace

absl::Status RateRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const int64_t range_ms = evaluator->SpecOf(*call.args[0]).range_ms;
  const Place place = call.args[0]->place;
  Query* const query = &evaluator->query();
  switch (call.function->id) {
    case FunctionId::kRate:
      return RunWindows(evaluator, call, true, CheckedRate(query, place, range_ms, true), sink);
    case FunctionId::kIncrease:
      return RunWindows(evaluator, call, true, CheckedRate(query, place, range_ms, false), sink);
    case FunctionId::kDelta:
      return RunWindows(evaluator, call, true, ExtrapolatedRate(range_ms, false, false), sink);
    case FunctionId::kIrate:
      return RunWindows(
          evaluator, call, true, [](const Window& window) { return InstantDelta(window, true); },
          sink);
    case FunctionId::kIdelta:
      return RunWindows(
          evaluator, call, true, [](const Window& window) { return InstantDelta(window, false); },
          sink);
    case FunctionId::kResets:
      return RunWindows(evaluator, call, true, PairCount<IsReset>(), sink);
    default:
      return RunWindows(evaluator, call, true, PairCount<IsChange>(), sink);
  }
}

}  // namespace baro::promql
