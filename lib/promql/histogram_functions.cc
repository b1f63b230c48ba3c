// Functions that make floats of native histograms: histogram_count, _sum, _avg, _stddev, _stdvar.

#include <cmath>
#include <vector>

#include "baro/base/status.h"
#include "evaluator.h"
#include "histogram_math.h"
#include "histogram_row.h"

namespace baro::promql {
namespace {

double ValueOf(FunctionId id, const model::Histogram& histogram) {
  switch (id) {
    case FunctionId::kHistogramCount:
      return histogram.count;
    case FunctionId::kHistogramSum:
      return histogram.sum;
    case FunctionId::kHistogramAvg:
      return histogram.sum / histogram.count;
    case FunctionId::kHistogramStddev:
      return std::sqrt(HistogramVariance(histogram));
    default:
      return HistogramVariance(histogram);
  }
}

}  // namespace

// Floats are left out.
absl::Status HistogramValueRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  return evaluator->Rows(*call.args[0], [&](const Row& row) {
    if (row.histograms.empty()) return absl::OkStatus();
    for (size_t step = 0; step < row.values.size(); ++step) {
      const HistogramPtr* const histogram = HistogramAt(row, step);
      row.values[step] = histogram == nullptr ? kNoValue : ValueOf(call.function->id, **histogram);
    }
    return HasValues(row.values) ? sink({row.labels, true, row.values}) : absl::OkStatus();
  });
}

}  // namespace baro::promql
