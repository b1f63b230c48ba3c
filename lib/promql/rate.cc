// rate, increase, delta, irate, idelta, changes, resets.

#include <algorithm>
#include <string_view>

#include "counter_name.h"
#include "extrapolated_rate.h"
#include "float_math.h"
#include "range_call.h"

namespace baro::promql {
namespace {

// A counter's, and an info when the name of the metric does not look like a counter's.
class CheckedRate : public ExtrapolatedRate {
 public:
  CheckedRate(Query* query, NotePlace place, const WindowSpec& spec, bool per_second)
      : ExtrapolatedRate(spec, true, per_second), check_(query, place) {}

  void Finish(const RangeSeries& series) { check_(series); }

 private:
  CounterNameCheck check_;
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

void CounterNameCheck::operator()(const RangeSeries& series) {
  if (!seen_.insert(series.labels.column).second) return;
  const std::string_view name = series.labels.Get(model::kMetricName);
  static constexpr std::string_view kSuffixes[] = {"_total", "_sum", "_count", "_bucket"};
  const bool counter =
      name.empty() || std::any_of(std::begin(kSuffixes), std::end(kSuffixes),
                                  [name](std::string_view end) { return name.ends_with(end); });
  if (!counter) query_->annotations().PossibleNonCounter(name, place_);
}

absl::Status RateRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const WindowSpec spec = evaluator->SpecOf(*call.args[0]);
  const NotePlace place = NoteOn(*call.args[0], call.place);
  Query* const query = &evaluator->query();
  switch (call.function->id) {
    case FunctionId::kRate:
      return RunWindows(evaluator, call, true, CheckedRate(query, place, spec, true), sink);
    case FunctionId::kIncrease:
      return RunWindows(evaluator, call, true, CheckedRate(query, place, spec, false), sink);
    case FunctionId::kDelta:
      return RunWindows(evaluator, call, true, ExtrapolatedRate(spec, false, false), sink);
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
