// Functions that make floats of native histograms.

#include <algorithm>
#include <cmath>
#include <vector>

#include "baro/base/status.h"
#include "histogram_math.h"
#include "histogram_rows.h"

namespace baro::promql {
namespace {

// Each histogram mapped to a float, the metric name dropped.
template <typename Function>
absl::Status MapHistograms(const HistogramRow& row, std::vector<double>* values, Function function,
                           RowSink sink) {
  for (size_t step = 0; step < values->size(); ++step) {
    const model::Histogram* histogram = row.histograms[step];
    (*values)[step] = histogram == nullptr ? kNoValue : function(*histogram, step);
  }
  return HasValues(*values) ? sink({row.labels, true, *values}) : absl::OkStatus();
}

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

absl::Status HistogramValueRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const Expr& vector = *call.args[0];
  if (!MayBeHistograms(vector)) {
    return evaluator->Rows(vector, [](const Row&) { return absl::OkStatus(); });
  }
  std::vector<double> values(evaluator->grid().count);
  return HistogramRows(evaluator, vector, [&](const HistogramRow& row) {
    return MapHistograms(
        row, &values,
        [&](const model::Histogram& histogram, size_t) {
          return ValueOf(call.function->id, histogram);
        },
        sink);
  });
}

absl::Status HistogramQuantileRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  std::vector<double> values(evaluator->grid().count);
  BARO_TRY_ASSIGN(const std::vector<double> quantiles, evaluator->Scalars(*call.args[0]));
  return WithHistograms(
      evaluator, *call.args[1], [&] { return BucketQuantileRows(evaluator, call, sink); },
      [&](const HistogramRow& row) {
        return MapHistograms(
            row, &values,
            [&](const model::Histogram& histogram, size_t step) {
              return HistogramQuantile(quantiles[step], histogram);
            },
            sink);
      });
}

absl::Status HistogramFractionRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  std::vector<double> values(evaluator->grid().count);
  BARO_TRY_ASSIGN(const std::vector<double> lower, evaluator->Scalars(*call.args[0]));
  BARO_TRY_ASSIGN(const std::vector<double> upper, evaluator->Scalars(*call.args[1]));
  return WithHistograms(
      evaluator, *call.args[2], [&] { return BucketFractionRows(evaluator, call, sink); },
      [&](const HistogramRow& row) {
        return MapHistograms(
            row, &values,
            [&](const model::Histogram& histogram, size_t step) {
              return HistogramFraction(lower[step], upper[step], histogram);
            },
            sink);
      });
}

}  // namespace baro::promql
