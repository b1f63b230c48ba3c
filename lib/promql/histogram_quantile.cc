#include "histogram_quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace baro::promql {
namespace {

using model::BucketRange;
using model::Histogram;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double CountOf(const std::vector<BucketRange>& ranges) {
  double count = 0;
  for (const BucketRange& range : ranges) count += range.count;
  return count;
}

// A zero bucket with observations of one sign only begins or ends at 0.
void CutZeroBucket(const Histogram& histogram, BucketRange* range) {
  if (histogram.negative.empty() && !histogram.positive.empty()) range->lower = 0;
  if (histogram.positive.empty() && !histogram.negative.empty()) range->upper = 0;
}

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
  // Custom bounds say nothing of where their lowest bucket begins.
  if (range.lower == -kInfinity) return range.count;
  return range.count *
         FractionBelow(range, value, histogram.has_custom_bounds() || HoldsZero(range));
}

// How many observations lie below a value.
double RankOf(const Histogram& histogram, double value) {
  double rank = 0;
  for (BucketRange range : BucketRanges(histogram)) {
    if (histogram.has_custom_bounds()) {
      if (range.lower == -kInfinity && range.upper > 0) range.lower = 0;
    } else if (HoldsZero(range)) {
      CutZeroBucket(histogram, &range);
    }
    if (range.lower >= value) return rank;
    if (range.upper > value) return rank + CountBelow(histogram, range, value);
    rank += range.count;
  }
  return rank;
}

}  // namespace

double FractionBelow(const BucketRange& range, double value, bool linear) {
  if (linear) return (value - range.lower) / (range.upper - range.lower);
  const double lower = std::log2(std::abs(range.lower));
  const double upper = std::log2(std::abs(range.upper));
  const double at = std::log2(std::abs(value));
  return value > 0 ? (at - lower) / (upper - lower) : 1 - (at - upper) / (lower - upper);
}

HistogramResult HistogramQuantile(double quantile, const Histogram& histogram) {
  if (quantile < 0) return {-kInfinity};
  if (quantile > 1) return {kInfinity};
  if (histogram.count == 0 || std::isnan(quantile)) return {kNan};
  // NaN observations are in the count and in no bucket, so that only counting from below works.
  const bool forward = std::isnan(histogram.sum) || quantile < 0.5;
  const double wanted = (forward ? quantile : 1 - quantile) * histogram.count;
  std::vector<BucketRange> ranges = BucketRanges(histogram);
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
    if (range.upper <= 0) return {range.upper};
    range.lower = 0;
  } else if (range.upper == kInfinity) {
    return {range.lower};
  }
  count = std::min(count, histogram.count);
  const bool has_nans = std::isnan(histogram.sum);
  if (count < wanted) {
    return has_nans ? HistogramResult{kNan, NanNote::kResultIsNan} : HistogramResult{range.upper};
  }
  const double rank = forward ? wanted - (count - range.count) : count - wanted;
  const double fraction = rank / range.count;
  const bool skewed = has_nans && CountOf(ranges) < histogram.count;
  const NanNote note = skewed ? NanNote::kSkewedHigher : NanNote::kNone;
  if (histogram.has_custom_bounds() || (range.lower <= 0 && range.upper >= 0)) {
    return {range.lower + (range.upper - range.lower) * fraction, note};
  }
  return {InterpolateExponentially(range, fraction), note};
}

HistogramResult HistogramFraction(double lower, double upper, const Histogram& histogram) {
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return {kNan};
  if (lower >= upper) return {0};
  double count = histogram.count;
  NanNote note = NanNote::kNone;
  if (std::isnan(histogram.sum)) {
    count = CountOf(BucketRanges(histogram));
    if (count < histogram.count) note = NanNote::kExcluded;
  }
  const double below_lower = std::min(RankOf(histogram, lower), count);
  const double below_upper = std::min(RankOf(histogram, upper), count);
  return {(below_upper - below_lower) / histogram.count, note};
}

}  // namespace baro::promql
