// The *_over_time functions.

#include <algorithm>
#include <cmath>

#include "float_math.h"
#include "kahan_windows.h"
#include "range_call.h"

namespace baro::promql {
namespace {

struct SumOverTime {
  void Fill(const RangeSeries& series, std::span<double> values) const {
    WindowSums(series.values, *series.bounds, values);
  }
  double operator()(const Window& window) const {
    KahanSum sum;
    for (const double value : window.values) sum.Add(value);
    return std::isinf(sum.sum) ? sum.sum : sum.Total();
  }
};

struct AvgOverTime {
  void Fill(const RangeSeries& series, std::span<double> values) const {
    WindowMeans(series.values, *series.bounds, values);
  }
  double operator()(const Window& window) const {
    KahanMean mean;
    for (const double value : window.values) mean.Add(value);
    return mean.Mean();
  }
};

double Variance(const Window& window) {
  double count = 0;
  KahanSum mean;
  KahanSum squares;
  for (const double value : window.values) {
    count += 1;
    const double delta = value - mean.Total();
    mean.Add(delta / count);
    squares.Add(delta * (value - mean.Total()));
  }
  return squares.Total() / count;
}

// The greatest or least of the window and when it was; NaN only when there is nothing else.
template <typename Better>
struct Extreme {
  double value;
  int64_t time_ms;

  explicit Extreme(const Window& window) : value(window.values[0]), time_ms(window.times_ms[0]) {
    for (size_t i = 0; i < window.size(); ++i) {
      if (!Better()(window.values[i], value) && !std::isnan(value)) continue;
      value = window.values[i];
      time_ms = window.times_ms[i];
    }
  }
};

// The extreme of each window in amortised constant time: a queue of candidates, each better than
// those after it. Of equals the first stays, as in a plain scan.
template <typename Better>
class SlidingExtreme {
 public:
  void Begin(const RangeSeries& series) {
    values_ = series.values;
    candidates_.clear();
    head_ = 0;
    next_ = 0;
  }
  double operator()(const Window& window) {
    const size_t end = window.first + window.size();
    for (; next_ < end; ++next_) {
      const double value = values_[next_];
      if (std::isnan(value)) continue;
      while (candidates_.size() > head_ && Better()(value, values_[candidates_.back()])) {
        candidates_.pop_back();
      }
      candidates_.push_back(next_);
    }
    while (head_ < candidates_.size() && candidates_[head_] < window.first) ++head_;
    return head_ < candidates_.size() ? values_[candidates_[head_]] : window.values[0];
  }

 private:
  std::span<const double> values_;
  std::vector<size_t> candidates_;
  size_t head_ = 0;
  size_t next_ = 0;
};

class QuantileOverTime {
 public:
  explicit QuantileOverTime(const std::vector<double>* quantiles) : quantiles_(quantiles) {}
  double operator()(const Window& window) {
    buffer_.assign(window.values.begin(), window.values.end());
    return Quantile((*quantiles_)[window.step], &buffer_);
  }

 private:
  const std::vector<double>* const quantiles_;
  std::vector<double> buffer_;
};

double MedianDeviation(const Window& window) {
  std::vector<double> values(window.values.begin(), window.values.end());
  // Of values that are not known nothing is in the middle.
  for (const double value : values) {
    if (std::isnan(value)) return model::kNormalNan;
  }
  const double median = Quantile(0.5, &values);
  for (double& value : values) value = std::abs(value - median);
  return Quantile(0.5, &values);
}

absl::Status QuantileRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  BARO_TRY_ASSIGN(const ScalarArgs args, EvaluateScalarArgs(evaluator, call));
  bool any = false;
  BARO_TRY(RunWindows(evaluator, call, true, QuantileOverTime(&args[0]), [&](const Row& row) {
    any = true;
    return sink(row);
  }));
  if (!any) return absl::OkStatus();
  for (const double quantile : args[0]) {
    if (std::isnan(quantile) || quantile < 0 || quantile > 1) {
      evaluator->query().annotations().InvalidQuantile(quantile, NoteOn(*call.args[0], call.place));
    }
  }
  return absl::OkStatus();
}

}  // namespace

double Quantile(double quantile, std::vector<double>* values) {
  if (values->empty() || std::isnan(quantile)) return model::kNormalNan;
  if (quantile < 0) return -INFINITY;
  if (quantile > 1) return INFINITY;
  const double count = static_cast<double>(values->size());
  const double rank = quantile * (count - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(count - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  // NaN sorts first. Only the two ranks in question need to be in place.
  const auto less = [](double a, double b) {
    return std::isnan(a) ? !std::isnan(b) : (!std::isnan(b) && a < b);
  };
  const auto at = values->begin() + static_cast<std::ptrdiff_t>(lower);
  std::nth_element(values->begin(), at, values->end(), less);
  const double low = *at;
  // An infinity above is not to make NaN of 0 times it.
  if (weight == 0) return low;
  const double high = upper > lower ? *std::min_element(at + 1, values->end(), less) : low;
  return low * (1 - weight) + high * weight;
}

absl::Status OverTimeRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  using Greater = std::greater<>;
  using Less = std::less<>;
  const auto run = [&](auto function) {
    return RunWindows(evaluator, call, true, std::move(function), sink);
  };
  switch (call.function->id) {
    case FunctionId::kSumOverTime:
      return run(SumOverTime());
    case FunctionId::kAvgOverTime:
      return run(AvgOverTime());
    case FunctionId::kCountOverTime:
      return run([](const Window& window) { return static_cast<double>(window.size()); });
    case FunctionId::kPresentOverTime:
      return run([](const Window&) { return 1.0; });
    case FunctionId::kMaxOverTime:
      return run(SlidingExtreme<Greater>());
    case FunctionId::kMinOverTime:
      return run(SlidingExtreme<Less>());
    case FunctionId::kStddevOverTime:
      return run([](const Window& window) { return std::sqrt(Variance(window)); });
    case FunctionId::kStdvarOverTime:
      return run([](const Window& window) { return Variance(window); });
    case FunctionId::kMadOverTime:
      return run([](const Window& window) { return MedianDeviation(window); });
    case FunctionId::kQuantileOverTime:
      return QuantileRows(evaluator, call, sink);
    case FunctionId::kTsOfFirstOverTime:
      return run([](const Window& window) { return SecondsOf(window.times_ms.front()); });
    case FunctionId::kTsOfLastOverTime:
      return run([](const Window& window) { return SecondsOf(window.times_ms.back()); });
    case FunctionId::kTsOfMaxOverTime:
      return run([](const Window& window) {
        return SecondsOf(Extreme<std::greater_equal<>>(window).time_ms);
      });
    case FunctionId::kTsOfMinOverTime:
      return run([](const Window& window) {
        return SecondsOf(Extreme<std::less_equal<>>(window).time_ms);
      });
    case FunctionId::kFirstOverTime:
      return RunWindows(
          evaluator, call, false, [](const Window& window) { return window.values.front(); }, sink);
    default:
      // last_over_time: like an offset, so the name stays.
      return RunWindows(
          evaluator, call, false, [](const Window& window) { return window.values.back(); }, sink);
  }
}

}  // namespace baro::promql
