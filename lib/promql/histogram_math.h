// Arithmetic on native histograms, as Prometheus does it.
#pragma once

#include <string>

#include "baro/model/histogram.h"

namespace baro::promql {

// What became of an addition or subtraction.
struct HistogramOutcome {
  // False when one has custom bounds and the other has not; nothing has been done then.
  bool compatible = true;
  // One says that its counter has been reset, the other that it has not.
  bool collision = false;
  // The custom bounds differed, and only those that both have are left.
  bool reconciled = false;
};

// Brings an exponential histogram to a coarser schema; its buckets merge.
void ReduceSchema(int32_t schema, model::Histogram* histogram);

// The coarser schema and the wider zero bucket count. Buckets that become empty stay; Compact()
// takes them out.
HistogramOutcome AddHistogram(const model::Histogram& other, model::Histogram* sum);
HistogramOutcome SubtractHistogram(const model::Histogram& other, model::Histogram* difference);

// A negative factor or divisor makes a gauge of it.
void ScaleHistogram(double factor, model::Histogram* histogram);
// Not the same as times the inverse, to the bit; by 0 no buckets are left.
void DivideHistogram(double divisor, model::Histogram* histogram);

// Takes empty buckets out.
void Compact(model::Histogram* histogram);

// What is known of resets in a sum of two.
model::ResetHint CombineHints(model::ResetHint a, model::ResetHint b, bool* collision);

// Whether a counter has begun anew between two samples.
bool DetectReset(const model::Histogram& previous, const model::Histogram& current);

// Equal as values: what the sender knows about resets does not count, nor do empty buckets.
bool EqualHistograms(const model::Histogram& a, const model::Histogram& b);

// The observations below (or above) a bound; count and sum are estimated anew when that takes
// something away.
void TrimHistogram(double bound, bool keep_below, model::Histogram* histogram);

double HistogramVariance(const model::Histogram& histogram);

// {count:3, sum:4, (0.5,1]:3}: how Prometheus writes one, say in the label that count_values makes.
std::string HistogramText(const model::Histogram& histogram);

}  // namespace baro::promql
