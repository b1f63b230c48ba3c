// Sums and means of native histograms, compensated as those of floats are (float_math.h).
#pragma once

#include <cstdint>
#include <vector>

#include "baro/model/histogram.h"
#include "float_math.h"
#include "histogram_math.h"

namespace baro::promql {

// A histogram in which every number has its compensation. Thread-compatible.
class HistogramSum {
 public:
  explicit HistogramSum(const model::Histogram& first);

  HistogramOutcome Add(const model::Histogram& histogram);
  void Scale(double factor);
  void Divide(double divisor);
  // Whether any number is infinite.
  bool HasOverflow() const;
  // Without empty buckets.
  model::Histogram Total() const;

 private:
  struct Bucket {
    int32_t index = 0;
    double count = 0;
    double compensation = 0;
  };
  using Buckets = std::vector<Bucket>;

  static Buckets ToBuckets(const std::vector<model::Histogram::Bucket>& buckets);
  static std::vector<model::Histogram::Bucket> FromBuckets(const Buckets& buckets);
  static void ReduceBuckets(int shift, Buckets* buckets);
  static void Merge(const Buckets& other, Buckets* buckets);

  void WidenZero(double threshold);
  void ReduceTo(int32_t schema);
  void AddExponential(HistogramSum other);
  void AddReconciled(const HistogramSum& other);
  template <typename Map>
  void MapAll(Map map);

  model::Histogram head_;  // schema, hint, zero threshold and bounds; no counts
  KahanSum count_;
  KahanSum sum_;
  KahanSum zero_;
  Buckets positive_;
  Buckets negative_;
};

// A plain sum as long as it fits, then an incremental mean (as KahanMean).
class HistogramMean {
 public:
  explicit HistogramMean(const model::Histogram& first) : sum_(first) {}

  HistogramOutcome Add(const model::Histogram& histogram);
  model::Histogram Mean() const;

 private:
  HistogramSum sum_;
  double count_ = 1;
  bool incremental_ = false;
};

}  // namespace baro::promql
