// What plain and compensated arithmetic on the buckets of native histograms share.
#pragma once

#include <cstdint>
#include <vector>

#include "baro/model/histogram.h"

namespace baro::promql {

// The bucket of a schema coarser by `shift` that holds bucket `index`.
inline int32_t CoarserIndex(int32_t index, int shift) {
  return static_cast<int32_t>(((int64_t{index} - 1) >> shift) + 1);
}

// How many buckets from the one nearest 0 on lie within a threshold. One that lies there in part
// and is not empty widens it. `Bucket` has `index` and `count`.
template <typename Bucket>
size_t BucketsWithin(const model::Histogram& scale, const std::vector<Bucket>& buckets,
                     double* threshold) {
  size_t within = 0;
  for (; within < buckets.size(); ++within) {
    const int64_t index = buckets[within].index;
    if (model::UpperBound(scale, index - 1) >= *threshold) break;
    const double upper = model::UpperBound(scale, index);
    if (upper > *threshold && buckets[within].count != 0) *threshold = upper;
  }
  return within;
}

// The bounds that both have; both ascend.
std::vector<double> CommonBounds(const std::vector<double>& a, const std::vector<double>& b);

// For buckets visited by ascending index: which bucket of `to` a bucket of `from` falls into, when
// the bounds of `to` are some of those of `from`.
class BoundMapping {
 public:
  BoundMapping(const std::vector<double>& from, const std::vector<double>& to)
      : from_(from), to_(to) {}

  size_t operator()(int32_t index) {
    if (static_cast<size_t>(index) >= from_.size()) return to_.size();
    const double bound = from_[static_cast<size_t>(index)];
    while (next_ < to_.size() && to_[next_] < bound) ++next_;
    return next_;
  }

 private:
  const std::vector<double>& from_;
  const std::vector<double>& to_;
  size_t next_ = 0;
};

}  // namespace baro::promql
