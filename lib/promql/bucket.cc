#include "bucket.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "baro/model/sample.h"

namespace baro::promql {
namespace {

// Differences below this share of the counts are rounding errors of their summation.
constexpr double kTolerance = 1e-12;

void Coalesce(std::vector<Bucket>* buckets) {
  size_t kept = 0;
  for (size_t i = 1; i < buckets->size(); ++i) {
    if ((*buckets)[i].upper == (*buckets)[kept].upper) {
      (*buckets)[kept].count += (*buckets)[i].count;
    } else {
      (*buckets)[++kept] = (*buckets)[i];
    }
  }
  buckets->resize(kept + 1);
}

// Prometheus' almost.Equal.
bool AlmostEqual(double a, double b) {
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double sum = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  constexpr double kSmallest = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < kSmallest) return difference < kTolerance * kSmallest;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// Counts must not fall with growing bounds, or the search below would find nonsense.
void MakeMonotonic(std::vector<Bucket>* buckets, BucketResult* result) {
  result->repaired_min = std::numeric_limits<double>::infinity();
  result->repaired_max = -std::numeric_limits<double>::infinity();
  double previous = (*buckets)[0].count;
  for (size_t i = 1; i < buckets->size(); ++i) {
    Bucket& bucket = (*buckets)[i];
    if (bucket.count == previous) continue;
    if (AlmostEqual(previous, bucket.count)) {
      bucket.count = previous;
    } else if (bucket.count < previous) {
      result->repaired = true;
      result->repaired_min = std::min(result->repaired_min, bucket.upper);
      result->repaired_max = std::max(result->repaired_max, bucket.upper);
      result->repaired_by = std::max(result->repaired_by, previous - bucket.count);
      bucket.count = previous;
    } else {
      previous = bucket.count;
    }
  }
}

double Interpolate(double quantile, const std::vector<Bucket>& buckets) {
  if (buckets.size() < 2) return model::kNormalNan;
  const double observations = buckets.back().count;
  if (observations == 0) return model::kNormalNan;
  double rank = quantile * observations;
  const auto last = buckets.end() - 1;
  const auto found = std::partition_point(
      buckets.begin(), last, [rank](const Bucket& bucket) { return !(bucket.count >= rank); });
  // In the bucket without an upper bound there is nothing to interpolate.
  if (found == last) return (last - 1)->upper;
  if (found == buckets.begin() && found->upper <= 0) return found->upper;
  double start = 0;
  double count = found->count;
  if (found != buckets.begin()) {
    start = (found - 1)->upper;
    count -= (found - 1)->count;
    rank -= (found - 1)->count;
  }
  return start + (found->upper - start) * (rank / count);
}

}  // namespace

BucketResult BucketQuantile(double quantile, std::vector<Bucket>* buckets) {
  BucketResult result;
  result.value = model::kNormalNan;
  if (std::isnan(quantile)) return result;
  if (quantile < 0 || quantile > 1) {
    result.value = quantile < 0 ? -INFINITY : INFINITY;
    return result;
  }
  if (buckets->back().upper != INFINITY) return result;
  Coalesce(buckets);
  MakeMonotonic(buckets, &result);
  result.value = Interpolate(quantile, *buckets);
  return result;
}

double BucketFraction(double lower, double upper, std::vector<Bucket>* buckets) {
  if (buckets->back().upper != INFINITY) return model::kNormalNan;
  Coalesce(buckets);
  const double count = buckets->back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return model::kNormalNan;
  if (lower >= upper) return 0;
  // Observations up to each of the two bounds; found once, in the order of the buckets.
  double rank = 0;
  double lower_rank = -1;
  double upper_rank = -1;
  double start = buckets->front().upper <= 0 ? -INFINITY : 0;
  for (const Bucket& bucket : *buckets) {
    const auto rank_of = [&](double bound) {
      if (start >= bound) return rank;
      if (!(bucket.upper > bound)) return -1.0;
      if (start == -INFINITY) return bucket.count;
      return rank + (bucket.count - rank) * (bound - start) / (bucket.upper - start);
    };
    if (lower_rank < 0) lower_rank = rank_of(lower);
    if (upper_rank < 0) upper_rank = rank_of(upper);
    rank = bucket.count;
    start = bucket.upper;
  }
  if (lower_rank < 0 || lower_rank > count) lower_rank = count;
  if (upper_rank < 0 || upper_rank > count) upper_rank = count;
  return (upper_rank - lower_rank) / count;
}

}  // namespace baro::promql
