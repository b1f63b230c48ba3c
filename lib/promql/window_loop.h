// The loop over the windows of one series, with the function inlined into it.
#pragma once

#include <span>

#include "baro/base/status.h"
#include "evaluator.h"
#include "rows.h"

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

// `function` turns a Window into a value, or kNoValue. When it has a method Begin(series), that is
// called before the windows of each series. When it has a method Fill(series, values), that
// computes all windows at once, for series that are not so long that they should be cancelled
// amidst.
template <typename Function>
absl::Status ComputeWindows(Query* query, const WindowSpec& spec, const RangeSeries& series,
                            Function* function, std::span<double> values) {
  const WindowBounds& bounds = *series.bounds;
  if constexpr (requires { function->Fill(series, values); }) {
    if (bounds.samples < kWindowSamplesPerCheck) {
      function->Fill(series, values);
      return absl::OkStatus();
    }
  }
  if constexpr (requires { function->Begin(series); }) function->Begin(series);
  size_t unchecked = 0;
  for (size_t step = 0; step < values.size(); ++step) {
    const size_t first = bounds.first[step];
    const size_t count = bounds.last[step] - first;
    // Long windows make one series long work.
    unchecked += count;
    if (unchecked >= kWindowSamplesPerCheck) {
      unchecked = 0;
      BARO_TRY(query->CheckAlive());
    }
    values[step] =
        count == 0
            ? kNoValue
            : (*function)(Window{series.times_ms.subspan(first, count),
                                 series.values.subspan(first, count), first, spec.End(step), step});
  }
  return absl::OkStatus();
}

}  // namespace baro::promql
