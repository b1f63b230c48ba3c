// The operators </ and >/: the observations of a histogram below or above a bound. A bucket that
// the bound cuts is thought to be filled as quantiles think it is; the sum is estimated from the
// middle of what stays of each bucket.

#include <cmath>
#include <limits>

#include "histogram_math.h"
#include "histogram_quantile.h"

namespace baro::promql {
namespace {

using model::BucketRange;
using model::Histogram;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double MiddleOf(double lower, double upper, bool positive, bool linear) {
  if (std::isinf(lower)) {
    if (std::isinf(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (std::isinf(upper)) return lower;
  if (linear) return (lower + upper) / 2;
  const double middle = std::sqrt(std::abs(lower * upper));
  return positive ? middle : -middle;
}

// What stays of a bucket, and the value that its observations are taken for.
struct Kept {
  double count = 0;
  double middle = 0;
};

double FiniteOr0(double value) { return std::isinf(value) ? 0 : value; }

class Trimmer {
 public:
  Trimmer(double bound, bool keep_below, Histogram* histogram)
      : bound_(bound),
        keep_below_(keep_below),
        histogram_(histogram),
        linear_(histogram->has_custom_bounds()) {}

  void Run() {
    const bool positive = TrimSide(true, &histogram_->positive);
    const bool negative = TrimSide(false, &histogram_->negative);
    if (histogram_->zero_count > 0) {
      const Kept kept = CutZeroBucket(positive, negative);
      Count(kept, &histogram_->zero_count);
    }
    if (!changed_) return;
    histogram_->count = count_;
    histogram_->sum = sum_;
    Compact(histogram_);
  }

 private:
  bool TrimSide(bool positive, std::vector<Histogram::Bucket>* buckets) {
    bool any = false;
    for (Histogram::Bucket& bucket : *buckets) {
      if (bucket.count == 0) continue;
      any = true;
      const double outer = model::UpperBound(*histogram_, bucket.index);
      const double inner = model::UpperBound(*histogram_, int64_t{bucket.index} - 1);
      BucketRange range;
      range.lower = positive ? inner : -outer;
      range.upper = positive ? outer : -inner;
      range.count = bucket.count;
      Count(Cut(range, positive), &bucket.count);
    }
    return any;
  }

  void Count(const Kept& kept, double* count) {
    count_ += kept.count;
    sum_ += kept.middle * kept.count;
    if (*count == kept.count) return;
    *count = kept.count;
    changed_ = true;
  }

  Kept Cut(const BucketRange& range, bool positive) const {
    const bool inside = keep_below_ ? range.upper <= bound_ : range.lower >= bound_;
    if (inside) return {range.count, MiddleOf(range.lower, range.upper, positive, linear_)};
    const bool cut = keep_below_ ? range.lower < bound_ : range.upper > bound_;
    if (!cut) return {};
    if (std::isinf(range.lower) || std::isinf(range.upper)) return CutOpenBucket(range);
    double below = 0;
    if (bound_ >= range.upper) below = range.count;
    if (bound_ > range.lower && bound_ < range.upper) {
      below = range.count * FractionBelow(range, bound_, linear_);
    }
    if (keep_below_) return {below, MiddleOf(range.lower, bound_, positive, linear_)};
    return {range.count - below, MiddleOf(bound_, range.upper, positive, linear_)};
  }

  // The lowest and the highest bucket of custom bounds have one bound only.
  Kept CutOpenBucket(const BucketRange& range) const {
    if (range.lower == -kInfinity) return keep_below_ ? KeepOpenBelow(range) : KeepOpenAbove(range);
    if (keep_below_) return {0, FiniteOr0(range.lower)};
    return bound_ >= range.lower ? Kept{range.count, bound_} : Kept{0, FiniteOr0(range.lower)};
  }
  Kept KeepOpenBelow(const BucketRange& range) const {
    if (bound_ >= range.upper) return {range.count, 0};
    if (bound_ > 0 && range.upper > 0 && !std::isinf(range.upper)) {
      return {range.count * bound_ / range.upper, bound_ / 2};
    }
    if (range.upper <= 0) return {range.count, bound_};
    return {0, FiniteOr0(range.upper)};
  }
  Kept KeepOpenAbove(const BucketRange& range) const {
    if (bound_ <= range.lower) return {range.count, 0};
    if (bound_ >= 0 && range.upper > bound_ && !std::isinf(range.upper)) {
      return {range.count * (1 - bound_ / range.upper), (bound_ + range.upper) / 2};
    }
    return {0, FiniteOr0(range.upper)};
  }

  Kept CutZeroBucket(bool positive, bool negative) const {
    const double lower = positive && !negative ? 0 : -histogram_->zero_threshold;
    const double upper = negative && !positive ? 0 : histogram_->zero_threshold;
    const double count = histogram_->zero_count;
    const bool all = keep_below_ ? bound_ >= upper : bound_ <= lower;
    if (keep_below_ ? bound_ <= lower : (bound_ >= upper && !all)) return {};
    if (all) return {count, (lower + upper) / 2};
    if (keep_below_) return {count * ((bound_ - lower) / (upper - lower)), (lower + bound_) / 2};
    return {count * ((upper - bound_) / (upper - lower)), (bound_ + upper) / 2};
  }

  const double bound_;
  const bool keep_below_;
  Histogram* const histogram_;
  const bool linear_;
  double count_ = 0;
  double sum_ = 0;
  bool changed_ = false;
};

}  // namespace

void TrimHistogram(double bound, bool keep_below, Histogram* histogram) {
  Trimmer(bound, keep_below, histogram).Run();
}

}  // namespace baro::promql
