// How functions of a range vector run: one pass over each series, the function inlined into the
// loop over the steps.
#pragma once

#include <span>
#include <vector>

#include "baro/base/status.h"
#include "evaluator.h"
#include "mixed_range.h"

namespace baro::promql {

// A few milliseconds of the slowest function.
inline constexpr size_t kWindowSamplesPerCheck = 512 * 1024;

// The samples of one series that one step sees; never empty.
struct Window {
  std::span<const int64_t> times_ms;
  std::span<const double> values;
  size_t first = 0;    // index of values[0] in the series
  int64_t end_ms = 0;  // the range is (end_ms - range, end_ms]
  size_t step = 0;

  size_t size() const { return values.size(); }
};

// The scalar arguments of a call, one value per step each; empty for the range vector's place.
using ScalarArgs = std::vector<std::vector<double>>;

// Index of the range vector among the arguments.
size_t RangeArg(const Call& call);
absl::StatusOr<ScalarArgs> EvaluateScalarArgs(Evaluator* evaluator, const Call& call);

// `function` turns a Window into a value, or kNoValue. When it has a method Begin(series), that is
// called before the windows of each series; Finish(series) after a series of which something came.
template <typename Function>
absl::Status RunWindows(Evaluator* evaluator, const Call& call, bool drop_name, Function function,
                        RowSink sink) {
  const Expr& range = *call.args[RangeArg(call)];
  const WindowSpec spec = evaluator->SpecOf(range);
  std::vector<double> values(evaluator->grid().count);
  MixedRange mixed(evaluator, call, spec);
  const auto compute = [&](const RangeSeries& series) {
    if constexpr (requires { function.Begin(series); }) function.Begin(series);
    const WindowBounds& bounds = *series.bounds;
    size_t unchecked = 0;
    for (size_t step = 0; step < values.size(); ++step) {
      const size_t first = bounds.first[step];
      const size_t count = bounds.last[step] - first;
      // Long windows make one series long work.
      unchecked += count;
      if (unchecked >= kWindowSamplesPerCheck) {
        unchecked = 0;
        BARO_TRY(evaluator->query().CheckAlive());
      }
      values[step] =
          count == 0
              ? kNoValue
              : function(Window{series.times_ms.subspan(first, count),
                                series.values.subspan(first, count), first, spec.End(step), step});
    }
    return absl::OkStatus();
  };
  return evaluator->Ranges(range, spec, [&](const RangeSeries& series) {
    if (mixed.Wants(series)) [[unlikely]] {
      BARO_TRY(compute(mixed.Begin(series)));
      BARO_TRY_ASSIGN(const Row row, mixed.Finish(values, drop_name));
      if constexpr (requires { function.Finish(series); }) {
        if (mixed.any_float()) function.Finish(series);
      }
      return HasValues(row.values) ? sink(row) : absl::OkStatus();
    }
    BARO_TRY(compute(series));
    if (!HasValues(values)) return absl::OkStatus();
    if constexpr (requires { function.Finish(series); }) function.Finish(series);
    return sink({series.labels, series.drop_name || drop_name, values});
  });
}

absl::Status RateRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status OverTimeRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status IntegralRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status TrendRows(Evaluator* evaluator, const Call& call, RowSink sink);

// The values' quantile, which sorts them; NaN first. As Prometheus: outside 0…1 an infinity.
double Quantile(double quantile, std::vector<double>* values);

}  // namespace baro::promql
