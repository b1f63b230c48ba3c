// Quantiles and fractions of native histograms: interpolated inside a bucket, exponentially where
// buckets are.
#pragma once

#include "baro/model/histogram.h"

namespace baro::promql {

// Observations that are NaN are counted and lie in no bucket.
enum class NanNote { kNone, kResultIsNan, kSkewedHigher, kExcluded };

struct HistogramResult {
  double value = 0;
  NanNote note = NanNote::kNone;
};

// The value below which a share of the observations lies.
HistogramResult HistogramQuantile(double quantile, const model::Histogram& histogram);
// The share of observations between two values.
HistogramResult HistogramFraction(double lower, double upper, const model::Histogram& histogram);

// Which share of a bucket's observations lies below a value inside it; a bucket that is not linear
// has its observations spread evenly over a logarithmic scale.
double FractionBelow(const model::BucketRange& range, double value, bool linear);

}  // namespace baro::promql
