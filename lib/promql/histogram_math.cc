#include "histogram_math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "float_math.h"

namespace baro::promql {
namespace {

using model::BucketRange;
using model::Histogram;
using Buckets = std::vector<Histogram::Bucket>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Of a coarser schema bucket i holds ((i - 1) >> shift) + 1 of the finer one.
void ReduceBuckets(int shift, Buckets* buckets) {
  Buckets reduced;
  for (const Histogram::Bucket& bucket : *buckets) {
    const auto index = static_cast<int32_t>(((int64_t{bucket.index} - 1) >> shift) + 1);
    if (!reduced.empty() && reduced.back().index == index) {
      reduced.back().count += bucket.count;
    } else {
      reduced.push_back({index, bucket.count});
    }
  }
  *buckets = std::move(reduced);
}

Buckets Merge(const Buckets& a, const Buckets& b, double sign) {
  Buckets merged;
  merged.reserve(a.size() + b.size());
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() || right != b.end()) {
    if (right == b.end() || (left != a.end() && left->index < right->index)) {
      merged.push_back(*left++);
    } else if (left == a.end() || right->index < left->index) {
      merged.push_back({right->index, sign * right->count});
      ++right;
    } else {
      merged.push_back({left->index, left->count + sign * right->count});
      ++left;
      ++right;
    }
  }
  std::erase_if(merged, [](const Histogram::Bucket& bucket) { return bucket.count == 0; });
  return merged;
}

// How many of the buckets from 0 on lie within the threshold. One that lies there in part and is
// filled widens it.
size_t BucketsWithin(const Histogram& histogram, const Buckets& buckets, double* threshold) {
  size_t within = 0;
  for (; within < buckets.size(); ++within) {
    const int64_t index = buckets[within].index;
    if (model::UpperBound(histogram, index - 1) >= *threshold) break;
    const double upper = model::UpperBound(histogram, index);
    if (upper > *threshold && buckets[within].count != 0) *threshold = upper;
  }
  return within;
}

// Widens the zero bucket to a threshold at least; what lies within goes into it.
void WidenZero(double threshold, Histogram* histogram) {
  if (threshold <= histogram->zero_threshold) return;
  size_t positive = 0;
  size_t negative = 0;
  for (double before = -1; before != threshold;) {
    before = threshold;
    positive = BucketsWithin(*histogram, histogram->positive, &threshold);
    negative = BucketsWithin(*histogram, histogram->negative, &threshold);
  }
  const auto take = [histogram](size_t count, Buckets* buckets) {
    for (size_t i = 0; i < count; ++i) histogram->zero_count += (*buckets)[i].count;
    buckets->erase(buckets->begin(), buckets->begin() + static_cast<ptrdiff_t>(count));
  };
  take(positive, &histogram->positive);
  take(negative, &histogram->negative);
  histogram->zero_threshold = threshold;
}

// Zero buckets of the same width: widening one may reach into a bucket, so the other follows.
void AlignZero(Histogram* a, Histogram* b) {
  while (a->zero_threshold != b->zero_threshold) {
    WidenZero(b->zero_threshold, a);
    WidenZero(a->zero_threshold, b);
  }
}

bool AnyLower(const Buckets& previous, const Buckets& current) {
  auto now = current.begin();
  for (const Histogram::Bucket& before : previous) {
    while (now != current.end() && now->index < before.index) ++now;
    const double count = now != current.end() && now->index == before.index ? now->count : 0;
    if (count < before.count) return true;
  }
  return false;
}

// A zero bucket with observations of one sign only begins or ends at 0.
void CutZeroBucket(const Histogram& histogram, BucketRange* range) {
  if (histogram.negative.empty() && !histogram.positive.empty()) range->lower = 0;
  if (histogram.positive.empty() && !histogram.negative.empty()) range->upper = 0;
}

// So does the lowest bucket of custom bounds.
bool HoldsZero(const BucketRange& range) { return range.lower <= 0 && range.upper >= 0; }

// Buckets are equally wide on a logarithmic scale.
double InterpolateExponentially(const BucketRange& range, double fraction) {
  const double lower = std::log2(std::abs(range.lower));
  const double upper = std::log2(std::abs(range.upper));
  if (range.lower > 0) return std::exp2(lower + (upper - lower) * fraction);
  return -std::exp2(upper + (lower - upper) * (1 - fraction));
}

// How many of the bucket's observations lie below a value inside it.
double CountBelow(const Histogram& histogram, const BucketRange& range, double value) {
  if (histogram.has_custom_bounds() || HoldsZero(range)) {
    return range.count * (value - range.lower) / (range.upper - range.lower);
  }
  const double lower = std::log2(std::abs(range.lower));
  const double upper = std::log2(std::abs(range.upper));
  const double at = std::log2(std::abs(value));
  return range.count *
         (value > 0 ? (at - lower) / (upper - lower) : 1 - (at - upper) / (lower - upper));
}

// How many observations lie below a value.
double RankOf(const Histogram& histogram, double value) {
  double rank = 0;
  for (BucketRange range : BucketRanges(histogram)) {
    if (HoldsZero(range)) CutZeroBucket(histogram, &range);
    if (range.lower >= value) return rank;
    if (range.upper > value) return rank + CountBelow(histogram, range, value);
    rank += range.count;
  }
  return rank;
}

template <typename Map>
void MapCounts(Map map, Histogram* histogram) {
  histogram->count = map(histogram->count);
  histogram->sum = map(histogram->sum);
  histogram->zero_count = map(histogram->zero_count);
  for (Histogram::Bucket& bucket : histogram->positive) bucket.count = map(bucket.count);
  for (Histogram::Bucket& bucket : histogram->negative) bucket.count = map(bucket.count);
}

}  // namespace

void ReduceSchema(int32_t schema, Histogram* histogram) {
  if (histogram->has_custom_bounds() || schema >= histogram->schema) return;
  const int shift = histogram->schema - schema;
  ReduceBuckets(shift, &histogram->positive);
  ReduceBuckets(shift, &histogram->negative);
  histogram->schema = schema;
}

bool AddHistogram(const Histogram& other, double sign, Histogram* sum) {
  if (other.has_custom_bounds() != sum->has_custom_bounds()) return false;
  if (other.custom_bounds != sum->custom_bounds) return false;
  Histogram aligned = other;
  if (!sum->has_custom_bounds()) AlignZero(sum, &aligned);
  ReduceSchema(sum->schema, &aligned);
  ReduceSchema(other.schema, sum);
  sum->count += sign * aligned.count;
  sum->sum += sign * aligned.sum;
  sum->zero_count += sign * aligned.zero_count;
  sum->positive = Merge(sum->positive, aligned.positive, sign);
  sum->negative = Merge(sum->negative, aligned.negative, sign);
  return true;
}

void ScaleHistogram(double factor, Histogram* histogram) {
  MapCounts([factor](double count) { return count * factor; }, histogram);
}

void DivideHistogram(double divisor, Histogram* histogram) {
  MapCounts([divisor](double count) { return count / divisor; }, histogram);
}

bool DetectReset(const Histogram& previous, const Histogram& current) {
  if (current.reset_hint == model::ResetHint::kReset) return true;
  if (current.reset_hint == model::ResetHint::kNotReset) return false;
  if (current.schema > previous.schema || current.count < previous.count) return true;
  if (current.has_custom_bounds() != previous.has_custom_bounds() ||
      current.custom_bounds != previous.custom_bounds ||
      current.zero_threshold < previous.zero_threshold) {
    return true;
  }
  Histogram before = previous;
  if (!current.has_custom_bounds()) {
    WidenZero(current.zero_threshold, &before);
    if (before.zero_threshold != current.zero_threshold) return true;
  }
  ReduceSchema(current.schema, &before);
  return current.zero_count < before.zero_count || AnyLower(before.positive, current.positive) ||
         AnyLower(before.negative, current.negative);
}

double HistogramQuantile(double quantile, const Histogram& histogram) {
  if (quantile < 0) return -kInfinity;
  if (quantile > 1) return kInfinity;
  if (histogram.count == 0 || std::isnan(quantile)) return kNan;
  // NaN observations are in the count and in no bucket, so that only counting from below works.
  const bool forward = std::isnan(histogram.sum) || quantile < 0.5;
  const double wanted = (forward ? quantile : 1 - quantile) * histogram.count;
  std::vector<BucketRange> ranges = BucketRanges(histogram);
  if (ranges.empty()) return kNan;
  if (!forward) std::reverse(ranges.begin(), ranges.end());
  BucketRange range;
  double count = 0;
  for (const BucketRange& next : ranges) {
    range = next;
    count += range.count;
    if (count >= wanted) break;
  }
  if (!histogram.has_custom_bounds()) {
    if (range.lower < 0 && range.upper > 0) CutZeroBucket(histogram, &range);
  } else if (range.lower == -kInfinity) {
    if (range.upper <= 0) return range.upper;
    range.lower = 0;
  } else if (range.upper == kInfinity) {
    return range.lower;
  }
  count = std::min(count, histogram.count);
  if (count < wanted) return std::isnan(histogram.sum) ? kNan : range.upper;
  const double rank = forward ? wanted - (count - range.count) : count - wanted;
  const double fraction = rank / range.count;
  if (histogram.has_custom_bounds() || (range.lower <= 0 && range.upper >= 0)) {
    return range.lower + (range.upper - range.lower) * fraction;
  }
  return InterpolateExponentially(range, fraction);
}

double HistogramFraction(double lower, double upper, const Histogram& histogram) {
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  double count = histogram.count;
  if (std::isnan(histogram.sum)) {
    count = 0;
    for (const BucketRange& range : BucketRanges(histogram)) count += range.count;
  }
  const double below_lower = std::min(RankOf(histogram, lower), count);
  const double below_upper = std::min(RankOf(histogram, upper), count);
  return (below_upper - below_lower) / histogram.count;
}

double HistogramVariance(const Histogram& histogram) {
  const double mean = histogram.sum / histogram.count;
  KahanSum squares;
  for (const BucketRange& range : BucketRanges(histogram)) {
    double value = 0;
    if (histogram.has_custom_bounds()) {
      value = (range.upper + range.lower) / 2;
    } else if (range.lower > 0 || range.upper < 0) {
      value = std::sqrt(range.upper * range.lower);
      if (range.upper < 0) value = -value;
    }
    const double delta = value - mean;
    squares.Add(range.count * delta * delta);
  }
  return squares.Total() / histogram.count;
}

}  // namespace baro::promql
