#include "otlp/exponential.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "baro/base/strings.h"

namespace baro::collector {
namespace {

using Buckets = std::vector<model::Histogram::Bucket>;

// OTLP's bucket i is (base^i, base^(i+1)], the native one's (base^(i-1), base^i]; each step down
// halves the resolution, which is a shift of OTLP's index.
bool TakeBuckets(const wire::OtlpBuckets& from, int32_t scale_down, Buckets* to) {
  const int shift = std::min(scale_down, 63);
  for (size_t i = 0; i < from.counts.size(); ++i) {
    if (from.counts[i] == 0) continue;
    const int64_t index = ((int64_t{from.offset} + static_cast<int64_t>(i)) >> shift) + 1;
    if (index < INT32_MIN || index > INT32_MAX) return false;
    const auto count = static_cast<double>(from.counts[i]);
    if (!to->empty() && to->back().index == index) {
      to->back().count += count;
    } else {
      to->push_back({static_cast<int32_t>(index), count});
    }
  }
  return true;
}

// Of integer counts, as the sender has them: doubles would hide a difference of one beyond 2^53.
uint64_t SumOf(std::span<const uint64_t> counts) {
  uint64_t sum = 0;
  for (const uint64_t count : counts) sum += count;
  return sum;
}

// Observations that are NaN are in the count and in no bucket.
bool CountFits(uint64_t count, uint64_t in_buckets, double sum) {
  return std::isnan(sum) ? count >= in_buckets : count == in_buckets;
}

void ReduceResolution(int32_t steps, Buckets* buckets) {
  Buckets reduced;
  for (const auto& bucket : *buckets) {
    // From the native index to OTLP's, which shifts, and back.
    const auto index = static_cast<int32_t>(((int64_t{bucket.index} - 1) >> steps) + 1);
    if (!reduced.empty() && reduced.back().index == index) {
      reduced.back().count += bucket.count;
    } else {
      reduced.push_back({index, bucket.count});
    }
  }
  *buckets = std::move(reduced);
}

void ReduceTo(int32_t schema, model::Histogram* histogram) {
  const int32_t steps = histogram->schema - schema;
  if (steps <= 0) return;
  ReduceResolution(steps, &histogram->positive);
  ReduceResolution(steps, &histogram->negative);
  histogram->schema = schema;
}

void LimitBuckets(model::Histogram* histogram) {
  while (histogram->positive.size() + histogram->negative.size() > kStoredBucketsMax &&
         histogram->schema > kNativeSchemaMin) {
    ReduceTo(histogram->schema - 1, histogram);
  }
}

double UpperBound(int32_t index, int32_t schema) {
  return std::exp2(std::ldexp(static_cast<double>(index), -schema));
}

// Buckets whose whole range is inside the zero bucket become part of it. One that is cut by the
// threshold goes in as well: its observations cannot be told apart.
void MoveIntoZero(double threshold, int32_t schema, Buckets* buckets, double* zero_count) {
  size_t inside = 0;
  while (inside < buckets->size() && UpperBound((*buckets)[inside].index - 1, schema) < threshold) {
    *zero_count += (*buckets)[inside].count;
    ++inside;
  }
  buckets->erase(buckets->begin(), buckets->begin() + static_cast<std::ptrdiff_t>(inside));
}

void WidenZero(double threshold, model::Histogram* histogram) {
  if (threshold <= histogram->zero_threshold) return;
  MoveIntoZero(threshold, histogram->schema, &histogram->positive, &histogram->zero_count);
  MoveIntoZero(threshold, histogram->schema, &histogram->negative, &histogram->zero_count);
  histogram->zero_threshold = threshold;
}

void AddBuckets(const Buckets& delta, Buckets* total) {
  Buckets sum;
  sum.reserve(total->size() + delta.size());
  auto a = total->begin();
  auto b = delta.begin();
  while (a != total->end() || b != delta.end()) {
    if (b == delta.end() || (a != total->end() && a->index < b->index)) {
      sum.push_back(*a++);
    } else if (a == total->end() || b->index < a->index) {
      sum.push_back(*b++);
    } else {
      sum.push_back({a->index, a->count + b->count});
      ++a;
      ++b;
    }
  }
  *total = std::move(sum);
}

absl::Status Refused(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("cannot accept histogram: ", what));
}

}  // namespace

absl::StatusOr<model::Histogram> NativeHistogram(const wire::OtlpExponential& point) {
  if (point.scale < kNativeSchemaMin) {
    return Refused(base::StrCat("its scale of ", point.scale, " is below ", kNativeSchemaMin));
  }
  const size_t buckets = point.positive.counts.size() + point.negative.counts.size();
  if (buckets > kHistogramBucketsMax) {
    return Refused(
        base::StrCat(buckets, " buckets are more than the ", kHistogramBucketsMax, " allowed"));
  }
  model::Histogram histogram;
  histogram.schema = std::min(point.scale, kNativeSchemaMax);
  histogram.zero_threshold =
      point.zero_threshold > kZeroThreshold ? point.zero_threshold : kZeroThreshold;
  histogram.zero_count = static_cast<double>(point.zero_count);
  histogram.count = static_cast<double>(point.count);
  histogram.sum = point.sum.value_or(0);
  const int32_t scale_down = point.scale - histogram.schema;
  if (!TakeBuckets(point.positive, scale_down, &histogram.positive) ||
      !TakeBuckets(point.negative, scale_down, &histogram.negative)) {
    return Refused("a bucket's index is beyond 32 bits");
  }
  LimitBuckets(&histogram);
  const uint64_t in_buckets =
      point.zero_count + SumOf(point.positive.counts) + SumOf(point.negative.counts);
  if (!CountFits(point.count, in_buckets, histogram.sum)) {
    return Refused(base::StrCat("its count is ", point.count, ", its buckets hold ", in_buckets));
  }
  return histogram;
}

absl::StatusOr<model::Histogram> CustomBucketsHistogram(const wire::OtlpHistogram& point) {
  model::Histogram histogram;
  histogram.schema = model::kCustomBoundsSchema;
  histogram.count = static_cast<double>(point.count);
  histogram.sum = point.sum.value_or(0);
  histogram.custom_bounds.assign(point.bounds.begin(), point.bounds.end());
  for (size_t i = 0; i < point.bounds.size(); ++i) {
    const bool rises = i == 0 || point.bounds[i] > point.bounds[i - 1];
    if (!std::isfinite(point.bounds[i]) || !rises) return Refused("its bounds do not rise");
  }
  if (point.bucket_counts.size() > point.bounds.size() + 1) {
    return Refused(base::StrCat(point.bucket_counts.size(), " buckets do not fit ",
                                point.bounds.size(), " bounds"));
  }
  for (size_t i = 0; i < point.bucket_counts.size(); ++i) {
    if (point.bucket_counts[i] == 0) continue;
    histogram.positive.push_back(
        {static_cast<int32_t>(i), static_cast<double>(point.bucket_counts[i])});
  }
  const uint64_t in_buckets = SumOf(point.bucket_counts);
  if (!CountFits(point.count, in_buckets, histogram.sum)) {
    return Refused(base::StrCat("its count is ", point.count, ", its buckets hold ", in_buckets));
  }
  return histogram;
}

bool AddHistogram(const model::Histogram& delta, model::Histogram* total) {
  const bool custom = delta.schema == model::kCustomBoundsSchema;
  if (custom != (total->schema == model::kCustomBoundsSchema)) return false;
  if (custom && delta.custom_bounds != total->custom_bounds) return false;
  model::Histogram add = delta;
  if (!custom) {
    const int32_t schema = std::min(add.schema, total->schema);
    ReduceTo(schema, &add);
    ReduceTo(schema, total);
    // Moving a bucket that the threshold cuts may ask for a wider one still; both get the same.
    const double threshold = std::max(add.zero_threshold, total->zero_threshold);
    WidenZero(threshold, &add);
    WidenZero(threshold, total);
  }
  total->zero_count += add.zero_count;
  total->count += add.count;
  total->sum += add.sum;
  AddBuckets(add.positive, &total->positive);
  AddBuckets(add.negative, &total->negative);
  if (!custom) LimitBuckets(total);
  return true;
}

}  // namespace baro::collector
