// deriv, predict_linear and double_exponential_smoothing.

#include <cmath>
#include <vector>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "float_math.h"
#include "number_text.h"
#include "range_call.h"

namespace baro::promql {
namespace {

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares; times count from `origin_ms`, which is near them, to keep precision.
Line Regression(const Window& window, int64_t origin_ms) {
  double count = 0;
  KahanSum sum_x;
  KahanSum sum_y;
  KahanSum sum_xy;
  KahanSum sum_xx;
  const double first = window.values[0];
  bool constant = true;
  for (size_t i = 0; i < window.size(); ++i) {
    const double y = window.values[i];
    if (i > 0 && y != first) constant = false;
    count += 1;
    const double x = static_cast<double>(window.times_ms[i] - origin_ms) / 1e3;
    sum_x.Add(x);
    sum_y.Add(y);
    sum_xy.Add(x * y);
    sum_xx.Add(x * x);
  }
  if (constant) {
    if (std::isinf(first)) return {model::kNormalNan, model::kNormalNan};
    return {0, first};
  }
  const double x = sum_x.Total();
  const double y = sum_y.Total();
  const double covariance = sum_xy.Total() - x * y / count;
  const double variance = sum_xx.Total() - x * x / count;
  const double slope = covariance / variance;
  return {slope, y / count - slope * x / count};
}

class PredictLinear {
 public:
  PredictLinear(StepGrid grid, const std::vector<double>* seconds)
      : grid_(grid), seconds_(seconds) {}
  double operator()(const Window& window) const {
    if (window.size() < 2) return kNoValue;
    const Line line = Regression(window, grid_.Time(window.step));
    return line.slope * (*seconds_)[window.step] + line.intercept;
  }

 private:
  const StepGrid grid_;
  const std::vector<double>* const seconds_;
};

class DoubleSmoothing {
 public:
  DoubleSmoothing(const std::vector<double>* smoothing, const std::vector<double>* trend)
      : smoothing_(smoothing), trend_(trend) {}
  double operator()(const Window& window) const {
    const double smoothing = (*smoothing_)[window.step];
    const double trend = (*trend_)[window.step];
    if (window.size() < 2) return kNoValue;
    double before = 0;
    double now = window.values[0];
    double slope = window.values[1] - window.values[0];
    for (size_t i = 1; i < window.size(); ++i) {
      const double raw = smoothing * window.values[i];
      if (i > 1) {
        const double change = trend * (now - before);
        slope = change + (1 - trend) * slope;
      }
      const double carried = (1 - smoothing) * (now + slope);
      before = now;
      now = raw + carried;
    }
    return now;
  }

 private:
  const std::vector<double>* const smoothing_;
  const std::vector<double>* const trend_;
};

absl::Status CheckFactor(std::string_view what, std::string_view symbol, double factor) {
  if (factor > 0 && factor < 1) return absl::OkStatus();
  if (std::isnan(factor)) return absl::OkStatus();
  return absl::FailedPreconditionError(base::StrCat("invalid ", what, " factor. Expected: 0 < ",
                                                    symbol, " < 1, got: ", FormatSix(factor)));
}

absl::Status SmoothingRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  BARO_TRY_ASSIGN(const ScalarArgs args, EvaluateScalarArgs(evaluator, call));
  std::vector<absl::Status> steps;
  bool good = true;
  for (size_t step = 0; step < args[1].size(); ++step) {
    steps.push_back(CheckFactor("smoothing", "sf", args[1][step]));
    if (steps.back().ok()) steps.back() = CheckFactor("trend", "tf", args[2][step]);
    good &= steps.back().ok();
  }
  if (good) return RunWindows(evaluator, call, true, DoubleSmoothing(&args[1], &args[2]), sink);
  // A bad factor is an error only at a step with a sample, of whatever type.
  const Expr& range = *call.args[0];
  const auto check = [&steps](const RangeSeries& series) {
    for (size_t step = 0; step < steps.size(); ++step) {
      if (series.bounds->last[step] > series.bounds->first[step]) BARO_TRY(steps[step]);
    }
    return absl::OkStatus();
  };
  BARO_TRY(evaluator->Ranges(range, evaluator->SpecOf(range), check));
  return RunWindows(evaluator, call, true, DoubleSmoothing(&args[1], &args[2]), sink);
}

}  // namespace

absl::Status TrendRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  if (call.function->id == FunctionId::kDoubleExponentialSmoothing) {
    return SmoothingRows(evaluator, call, sink);
  }
  if (call.function->id == FunctionId::kDeriv) {
    return RunWindows(
        evaluator, call, true,
        [](const Window& window) {
          return window.size() < 2 ? kNoValue : Regression(window, window.times_ms[0]).slope;
        },
        sink);
  }
  BARO_TRY_ASSIGN(const ScalarArgs args, EvaluateScalarArgs(evaluator, call));
  return RunWindows(evaluator, call, true, PredictLinear(evaluator->grid(), &args[1]), sink);
}

}  // namespace baro::promql
