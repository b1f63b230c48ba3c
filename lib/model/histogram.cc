#include "baro/model/histogram.h"

#include <cmath>
#include <span>
#include <string_view>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::model {
namespace {

using Buckets = std::span<const Histogram::Bucket>;

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

Buckets::iterator NextFilled(Buckets buckets, Buckets::iterator it) {
  while (it != buckets.end() && it->count == 0) ++it;
  return it;
}

bool SameBuckets(Buckets a, Buckets b) {
  auto left = NextFilled(a, a.begin());
  auto right = NextFilled(b, b.begin());
  while (left != a.end() && right != b.end()) {
    if (left->index != right->index || !SameBits(left->count, right->count)) return false;
    left = NextFilled(a, left + 1);
    right = NextFilled(b, right + 1);
  }
  return left == a.end() && right == b.end();
}

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("cannot take histogram: ", what));
}

absl::Status CheckBuckets(std::string_view sign, Buckets buckets) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i].count < 0) {
      return Wrong(base::StrCat(sign, " bucket ", buckets[i].index, " has the negative count ",
                                buckets[i].count));
    }
    if (i > 0 && buckets[i].index <= buckets[i - 1].index) {
      return Wrong(base::StrCat(sign, " bucket ", buckets[i].index, " comes after bucket ",
                                buckets[i - 1].index));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCustomBounds(const Histogram& histogram) {
  const std::vector<double>& bounds = histogram.custom_bounds;
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (!std::isfinite(bounds[i]))
      return Wrong(base::StrCat("bound ", bounds[i], " is not finite"));
    if (i > 0 && bounds[i] <= bounds[i - 1]) {
      return Wrong(base::StrCat("bound ", bounds[i], " comes after ", bounds[i - 1]));
    }
  }
  if (!histogram.negative.empty()) return Wrong("negative buckets beside custom bounds");
  if (histogram.zero_count != 0 || histogram.zero_threshold != 0) {
    return Wrong("a zero bucket beside custom bounds");
  }
  if (histogram.positive.empty()) return absl::OkStatus();
  const int64_t first = histogram.positive.front().index;
  const int64_t last = histogram.positive.back().index;
  if (first >= 0 && last <= static_cast<int64_t>(bounds.size())) return absl::OkStatus();
  return Wrong(base::StrCat("buckets ", first, " to ", last, " with ", bounds.size(), " bounds"));
}

}  // namespace

bool SameHistogram(const Histogram& a, const Histogram& b) {
  if (a.schema != b.schema || a.reset_hint != b.reset_hint || a.float_counts != b.float_counts ||
      !SameBits(a.zero_threshold, b.zero_threshold) || !SameBits(a.zero_count, b.zero_count) ||
      !SameBits(a.count, b.count) || !SameBits(a.sum, b.sum) ||
      a.custom_bounds.size() != b.custom_bounds.size()) {
    return false;
  }
  for (size_t i = 0; i < a.custom_bounds.size(); ++i) {
    if (!SameBits(a.custom_bounds[i], b.custom_bounds[i])) return false;
  }
  return SameBuckets(a.positive, b.positive) && SameBuckets(a.negative, b.negative);
}

absl::Status CheckHistogram(const Histogram& histogram) {
  const bool exponential =
      histogram.schema >= kExponentialSchemaMin && histogram.schema <= kExponentialSchemaMax;
  if (!exponential && !histogram.has_custom_bounds()) {
    return Wrong(base::StrCat("unknown schema ", histogram.schema));
  }
  if (histogram.count < 0) return Wrong(base::StrCat("the negative count ", histogram.count));
  if (histogram.zero_count < 0) {
    return Wrong(base::StrCat("the negative zero count ", histogram.zero_count));
  }
  if (!(histogram.zero_threshold >= 0)) {
    return Wrong(base::StrCat("the zero threshold ", histogram.zero_threshold));
  }
  BARO_TRY(CheckBuckets("positive", histogram.positive));
  BARO_TRY(CheckBuckets("negative", histogram.negative));
  if (histogram.has_custom_bounds()) return CheckCustomBounds(histogram);
  return histogram.custom_bounds.empty() ? absl::OkStatus()
                                         : Wrong("custom bounds with an exponential schema");
}

}  // namespace baro::model
