#include "histogram_math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "baro/base/strings.h"
#include "float_math.h"
#include "histogram_buckets.h"
#include "number_text.h"

namespace baro::promql {
namespace {

using model::Histogram;
using model::ResetHint;
using Buckets = std::vector<Histogram::Bucket>;

void ReduceBuckets(int shift, Buckets* buckets) {
  Buckets reduced;
  for (const Histogram::Bucket& bucket : *buckets) {
    const int32_t index = CoarserIndex(bucket.index, shift);
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
  return merged;
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

// Buckets of different custom bounds, brought to those that both have. The sums are compensated
// and the compensation is dropped, as in Prometheus.
void CombineCustom(const Histogram& other, double sign, Histogram* sum) {
  std::vector<double> common = CommonBounds(sum->custom_bounds, other.custom_bounds);
  std::vector<KahanSum> target(common.size() + 1);
  BoundMapping of_sum(sum->custom_bounds, common);
  for (const auto& bucket : sum->positive) target[of_sum(bucket.index)].Add(bucket.count);
  BoundMapping of_other(other.custom_bounds, common);
  for (const auto& bucket : other.positive) target[of_other(bucket.index)].Add(sign * bucket.count);
  sum->positive.clear();
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i].sum == 0 && target[i].compensation == 0) continue;
    sum->positive.push_back({static_cast<int32_t>(i), target[i].sum});
  }
  sum->custom_bounds = std::move(common);
}

HistogramOutcome Combine(const Histogram& other, double sign, Histogram* sum) {
  HistogramOutcome outcome;
  outcome.compatible = other.has_custom_bounds() == sum->has_custom_bounds();
  if (!outcome.compatible) return outcome;
  sum->reset_hint = CombineHints(sum->reset_hint, other.reset_hint, &outcome.collision);
  if (sum->has_custom_bounds()) {
    sum->count += sign * other.count;
    sum->sum += sign * other.sum;
    outcome.reconciled = sum->custom_bounds != other.custom_bounds;
    if (outcome.reconciled) {
      CombineCustom(other, sign, sum);
    } else {
      sum->positive = Merge(sum->positive, other.positive, sign);
    }
    return outcome;
  }
  Histogram aligned = other;
  AlignZero(sum, &aligned);
  ReduceSchema(sum->schema, &aligned);
  ReduceSchema(other.schema, sum);
  sum->count += sign * aligned.count;
  sum->sum += sign * aligned.sum;
  sum->zero_count += sign * aligned.zero_count;
  sum->positive = Merge(sum->positive, aligned.positive, sign);
  sum->negative = Merge(sum->negative, aligned.negative, sign);
  return outcome;
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

// The same between histograms of different custom bounds: what lies between two bounds that both
// have.
bool AnyLowerBetweenBounds(const Histogram& previous, const Histogram& current) {
  const std::vector<double> common = CommonBounds(previous.custom_bounds, current.custom_bounds);
  std::vector<double> before(common.size() + 1, 0);
  std::vector<double> now(common.size() + 1, 0);
  BoundMapping of_previous(previous.custom_bounds, common);
  for (const auto& bucket : previous.positive) before[of_previous(bucket.index)] += bucket.count;
  BoundMapping of_current(current.custom_bounds, common);
  for (const auto& bucket : current.positive) now[of_current(bucket.index)] += bucket.count;
  for (size_t i = 0; i < before.size(); ++i) {
    if (now[i] < before[i]) return true;
  }
  return false;
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

std::vector<double> CommonBounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

void ReduceSchema(int32_t schema, Histogram* histogram) {
  if (histogram->has_custom_bounds() || schema >= histogram->schema) return;
  const int shift = histogram->schema - schema;
  ReduceBuckets(shift, &histogram->positive);
  ReduceBuckets(shift, &histogram->negative);
  histogram->schema = schema;
}

ResetHint CombineHints(ResetHint a, ResetHint b, bool* collision) {
  if (a == b) return a;
  if (a == ResetHint::kGauge || b == ResetHint::kGauge) return ResetHint::kGauge;
  *collision |= a != ResetHint::kUnknown && b != ResetHint::kUnknown;
  return ResetHint::kUnknown;
}

HistogramOutcome AddHistogram(const Histogram& other, Histogram* sum) {
  return Combine(other, 1, sum);
}

HistogramOutcome SubtractHistogram(const Histogram& other, Histogram* difference) {
  return Combine(other, -1, difference);
}

void ScaleHistogram(double factor, Histogram* histogram) {
  MapCounts([factor](double count) { return count * factor; }, histogram);
  if (factor < 0) histogram->reset_hint = ResetHint::kGauge;
}

void DivideHistogram(double divisor, Histogram* histogram) {
  if (divisor == 0) {
    histogram->positive.clear();
    histogram->negative.clear();
  }
  MapCounts([divisor](double count) { return count / divisor; }, histogram);
  if (divisor < 0) histogram->reset_hint = ResetHint::kGauge;
}

void Compact(Histogram* histogram) {
  const auto empty = [](const Histogram::Bucket& bucket) { return bucket.count == 0; };
  std::erase_if(histogram->positive, empty);
  std::erase_if(histogram->negative, empty);
}

bool DetectReset(const Histogram& previous, const Histogram& current) {
  if (current.reset_hint == ResetHint::kReset) return true;
  if (current.reset_hint == ResetHint::kNotReset) return false;
  if (current.count < previous.count) return true;
  if (current.has_custom_bounds()) {
    if (!previous.has_custom_bounds()) return true;
    if (current.custom_bounds != previous.custom_bounds) {
      return AnyLowerBetweenBounds(previous, current);
    }
  }
  if (current.schema > previous.schema ||
      previous.has_custom_bounds() != current.has_custom_bounds())
    return true;
  if (current.zero_threshold < previous.zero_threshold) return true;
  Histogram before = previous;
  if (!current.has_custom_bounds()) {
    WidenZero(current.zero_threshold, &before);
    if (before.zero_threshold != current.zero_threshold) return true;
  }
  ReduceSchema(current.schema, &before);
  return current.zero_count < before.zero_count || AnyLower(before.positive, current.positive) ||
         AnyLower(before.negative, current.negative);
}

bool EqualHistograms(const Histogram& a, const Histogram& b) {
  Histogram other = b;
  other.reset_hint = a.reset_hint;
  other.float_counts = a.float_counts;
  return SameHistogram(a, other);
}

double HistogramVariance(const Histogram& histogram) {
  const double mean = histogram.sum / histogram.count;
  KahanSum squares;
  for (const model::BucketRange& range : BucketRanges(histogram)) {
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

std::string HistogramText(const Histogram& histogram) {
  std::string text =
      base::StrCat("{count:", FormatShort(histogram.count), ", sum:", FormatShort(histogram.sum));
  const auto append = [&text](const model::BucketRange& range) {
    base::StrAppend(&text, ", ", range.lower_inclusive ? "[" : "(", FormatShort(range.lower), ",",
                    FormatShort(range.upper), range.upper_inclusive ? "]" : ")", ":",
                    FormatShort(range.count));
  };
  // Not cut at the zero bucket.
  Histogram uncut = histogram;
  uncut.zero_count = 0;
  uncut.zero_threshold = 0;
  bool zero_pending = histogram.zero_count != 0;
  const double threshold = histogram.zero_threshold;
  for (const model::BucketRange& range : BucketRanges(uncut)) {
    if (zero_pending && range.upper > 0) {
      append({-threshold, threshold, true, true, histogram.zero_count});
      zero_pending = false;
    }
    append(range);
  }
  if (zero_pending) append({-threshold, threshold, true, true, histogram.zero_count});
  return base::StrCat(text, "}");
}

}  // namespace baro::promql
