#include "histogram_sum.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "histogram_buckets.h"

namespace baro::promql {

using model::Histogram;

HistogramSum::HistogramSum(const Histogram& first)
    : positive_(ToBuckets(first.positive)), negative_(ToBuckets(first.negative)) {
  head_.schema = first.schema;
  head_.reset_hint = first.reset_hint;
  head_.float_counts = true;
  head_.zero_threshold = first.zero_threshold;
  head_.custom_bounds = first.custom_bounds;
  count_.sum = first.count;
  sum_.sum = first.sum;
  zero_.sum = first.zero_count;
}

HistogramSum::Buckets HistogramSum::ToBuckets(const std::vector<Histogram::Bucket>& buckets) {
  Buckets result;
  result.reserve(buckets.size());
  for (const Histogram::Bucket& bucket : buckets) result.push_back({bucket.index, bucket.count, 0});
  return result;
}

std::vector<Histogram::Bucket> HistogramSum::FromBuckets(const Buckets& buckets) {
  std::vector<Histogram::Bucket> result;
  result.reserve(buckets.size());
  for (const Bucket& bucket : buckets) {
    const double count = bucket.count + bucket.compensation;
    if (count != 0) result.push_back({bucket.index, count});
  }
  return result;
}

void HistogramSum::ReduceBuckets(int shift, Buckets* buckets) {
  Buckets reduced;
  for (const Bucket& bucket : *buckets) {
    const int32_t index = CoarserIndex(bucket.index, shift);
    if (reduced.empty() || reduced.back().index != index) {
      reduced.push_back({index, bucket.count, bucket.compensation});
      continue;
    }
    KahanSum sum{reduced.back().count, reduced.back().compensation};
    sum.Add(bucket.count);
    sum.Add(bucket.compensation);
    reduced.back() = {index, sum.sum, sum.compensation};
  }
  *buckets = std::move(reduced);
}

void HistogramSum::Merge(const Buckets& other, Buckets* buckets) {
  Buckets merged;
  merged.reserve(buckets->size() + other.size());
  auto left = buckets->begin();
  auto right = other.begin();
  while (left != buckets->end() || right != other.end()) {
    if (right == other.end() || (left != buckets->end() && left->index < right->index)) {
      merged.push_back(*left++);
    } else if (left == buckets->end() || right->index < left->index) {
      merged.push_back(*right++);
    } else {
      KahanSum sum{left->count, left->compensation};
      sum.Add(right->count);
      if (right->compensation != 0) sum.Add(right->compensation);
      merged.push_back({left->index, sum.sum, sum.compensation});
      ++left;
      ++right;
    }
  }
  *buckets = std::move(merged);
}

void HistogramSum::WidenZero(double threshold) {
  if (threshold <= head_.zero_threshold) return;
  size_t positive = 0;
  size_t negative = 0;
  for (double before = -1; before != threshold;) {
    before = threshold;
    positive = BucketsWithin(head_, positive_, &threshold);
    negative = BucketsWithin(head_, negative_, &threshold);
  }
  const auto take = [this](size_t count, Buckets* buckets) {
    for (size_t i = 0; i < count; ++i) {
      zero_.Add((*buckets)[i].count);
      zero_.Add((*buckets)[i].compensation);
    }
    buckets->erase(buckets->begin(), buckets->begin() + static_cast<ptrdiff_t>(count));
  };
  take(positive, &positive_);
  take(negative, &negative_);
  head_.zero_threshold = threshold;
}

void HistogramSum::ReduceTo(int32_t schema) {
  if (schema >= head_.schema) return;
  ReduceBuckets(head_.schema - schema, &positive_);
  ReduceBuckets(head_.schema - schema, &negative_);
  head_.schema = schema;
}

HistogramOutcome HistogramSum::Add(const Histogram& histogram) {
  HistogramOutcome outcome;
  outcome.compatible = histogram.has_custom_bounds() == head_.has_custom_bounds();
  if (!outcome.compatible) return outcome;
  head_.reset_hint = CombineHints(head_.reset_hint, histogram.reset_hint, &outcome.collision);
  outcome.reconciled = head_.has_custom_bounds() && head_.custom_bounds != histogram.custom_bounds;
  HistogramSum other(histogram);
  if (!head_.has_custom_bounds()) {
    AddExponential(std::move(other));
  } else if (outcome.reconciled) {
    AddReconciled(other);
  } else {
    Merge(other.positive_, &positive_);
  }
  count_.Add(histogram.count);
  sum_.Add(histogram.sum);
  return outcome;
}

void HistogramSum::AddExponential(HistogramSum other) {
  // Widening one zero bucket may reach into a bucket, so the other follows.
  while (head_.zero_threshold != other.head_.zero_threshold) {
    other.WidenZero(head_.zero_threshold);
    WidenZero(other.head_.zero_threshold);
  }
  zero_.Add(other.zero_.sum);
  zero_.Add(other.zero_.compensation);
  const int32_t schema = std::min(head_.schema, other.head_.schema);
  ReduceTo(schema);
  other.ReduceTo(schema);
  Merge(other.positive_, &positive_);
  Merge(other.negative_, &negative_);
}

// Only the bounds that both have are left.
void HistogramSum::AddReconciled(const HistogramSum& other) {
  std::vector<double> common = CommonBounds(head_.custom_bounds, other.head_.custom_bounds);
  std::vector<KahanSum> target(common.size() + 1);
  BoundMapping of_this(head_.custom_bounds, common);
  for (const Bucket& bucket : positive_) {
    KahanSum& sum = target[of_this(bucket.index)];
    sum.Add(bucket.count);
    sum.Add(bucket.compensation);
  }
  BoundMapping of_other(other.head_.custom_bounds, common);
  for (const Bucket& bucket : other.positive_) target[of_other(bucket.index)].Add(bucket.count);
  positive_.clear();
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i].sum == 0 && target[i].compensation == 0) continue;
    positive_.push_back({static_cast<int32_t>(i), target[i].sum, target[i].compensation});
  }
  head_.custom_bounds = std::move(common);
}

template <typename Map>
void HistogramSum::MapAll(Map map) {
  for (KahanSum* sum : {&count_, &sum_, &zero_}) {
    *sum = {map(sum->sum), map(sum->compensation)};
  }
  for (Buckets* buckets : {&positive_, &negative_}) {
    for (Bucket& bucket : *buckets) {
      bucket.count = map(bucket.count);
      bucket.compensation = map(bucket.compensation);
    }
  }
}

void HistogramSum::Scale(double factor) {
  MapAll([factor](double value) { return value * factor; });
}

void HistogramSum::Divide(double divisor) {
  MapAll([divisor](double value) { return value / divisor; });
}

bool HistogramSum::HasOverflow() const {
  const auto infinite = [](const Bucket& bucket) { return std::isinf(bucket.count); };
  return std::isinf(count_.sum) || std::isinf(sum_.sum) || std::isinf(zero_.sum) ||
         std::any_of(positive_.begin(), positive_.end(), infinite) ||
         std::any_of(negative_.begin(), negative_.end(), infinite);
}

Histogram HistogramSum::Total() const {
  Histogram total = head_;
  total.count = count_.Total();
  total.sum = sum_.Total();
  total.zero_count = zero_.Total();
  total.positive = FromBuckets(positive_);
  total.negative = FromBuckets(negative_);
  return total;
}

HistogramOutcome HistogramMean::Add(const Histogram& histogram) {
  count_ += 1;
  if (!incremental_) {
    HistogramSum next = sum_;
    const HistogramOutcome outcome = next.Add(histogram);
    if (!outcome.compatible) return outcome;
    if (!next.HasOverflow()) {
      sum_ = std::move(next);
      return outcome;
    }
    incremental_ = true;
    sum_.Divide(count_ - 1);
  }
  sum_.Scale((count_ - 1) / count_);
  Histogram share = histogram;
  DivideHistogram(count_, &share);
  return sum_.Add(share);
}

Histogram HistogramMean::Mean() const {
  if (incremental_) return sum_.Total();
  HistogramSum mean = sum_;
  mean.Divide(count_);
  return mean.Total();
}

}  // namespace baro::promql
