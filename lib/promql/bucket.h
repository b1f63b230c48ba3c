// Classic histograms: quantiles and fractions over cumulative buckets.
#pragma once

#include <span>
#include <vector>

#include "annotations.h"

namespace baro::promql {

struct Bucket {
  double upper = 0;
  double count = 0;  // cumulative
};

struct BucketResult {
  double value = 0;
  bool repaired = false;  // counts went down with growing bounds and were lifted
  double repaired_min = 0;
  double repaired_max = 0;
  double repaired_by = 0;
};

// Both change the buckets, which are sorted by bound and not empty.
BucketResult BucketQuantile(double quantile, std::vector<Bucket>* buckets);
double BucketFraction(double lower, double upper, std::vector<Bucket>* buckets);

}  // namespace baro::promql
