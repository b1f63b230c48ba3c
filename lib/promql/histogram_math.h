// Arithmetic on native histograms, as Prometheus does it.
#pragma once

#include "baro/model/histogram.h"

namespace baro::promql {

// Brings an exponential histogram to a coarser schema; its buckets merge.
void ReduceSchema(int32_t schema, model::Histogram* histogram);

// `sum` += sign * `other`; the coarser schema and the wider zero bucket count. False when the two
// have nothing in common: custom bounds that differ, or on one side only; `sum` is then as it was.
bool AddHistogram(const model::Histogram& other, double sign, model::Histogram* sum);
void ScaleHistogram(double factor, model::Histogram* histogram);
// Not the same as times the inverse, to the bit.
void DivideHistogram(double divisor, model::Histogram* histogram);

// Whether a counter has begun anew between two samples.
bool DetectReset(const model::Histogram& previous, const model::Histogram& current);

// The value below which a share of the observations lies; interpolated inside a bucket,
// exponentially where buckets are.
double HistogramQuantile(double quantile, const model::Histogram& histogram);
// The share of observations between two values.
double HistogramFraction(double lower, double upper, const model::Histogram& histogram);
double HistogramVariance(const model::Histogram& histogram);

}  // namespace baro::promql
