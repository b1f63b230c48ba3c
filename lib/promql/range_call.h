// How functions of a range vector run: one pass over each series, the function inlined into the
// loop over the steps.
#pragma once

#include <span>
#include <vector>

#include "baro/base/status.h"
#include "evaluator.h"
#include "mixed_range.h"
#include "window_loop.h"

namespace baro::promql {

// The scalar arguments of a call, one value per step each; empty for the range vector's place.
using ScalarArgs = std::vector<std::vector<double>>;

// Index of the range vector among the arguments.
size_t RangeArg(const Call& call);
absl::StatusOr<ScalarArgs> EvaluateScalarArgs(Evaluator* evaluator, const Call& call);

// Calls `function` for all windows of each series: window_loop.h. When it has a method
// Finish(series), that is called after a series of which something came.
template <typename Function>
absl::Status RunWindows(Evaluator* evaluator, const Call& call, bool drop_name, Function function,
                        RowSink sink) {
  const Expr& range = *call.args[RangeArg(call)];
  const WindowSpec spec = evaluator->SpecOf(range);
  std::vector<double> values(evaluator->grid().count);
  MixedRange mixed(evaluator, call, spec);
  const auto compute = [&](const RangeSeries& series) {
    return ComputeWindows(&evaluator->query(), spec, series, &function, std::span(values));
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
