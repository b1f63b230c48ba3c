// Bounds of buckets.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "baro/model/histogram.h"

namespace baro::model {
namespace {

// Bounds in [0.5, 1) at schema 8; coarser schemas have every second, fourth, … of them.
constexpr size_t kFractions = 256;

// Everybody's bounds are those of one published table, which is not rounded exactly: a digit each
// tells how many units in the last place its value lies below 2^(i/256 - 1), and 1 more.
constexpr char kUnitsBelow[] =
    "1111112111211111112311222222222211211121122211221122102211221122"
    "1111112222332132112111211112111111121011213311221222112121332222"
    "2121223322322122222222323233323311221121223321332233212232332232"
    "2243223233433343333333444455435422322333324422333243223333543344";
static_assert(sizeof(kUnitsBelow) == kFractions + 1);

std::array<double, kFractions> MakeFractions() {
  std::array<double, kFractions> fractions;
  for (size_t i = 0; i < kFractions; ++i) {
    const long double exact = std::exp2(static_cast<long double>(i) / kFractions - 1);
    const auto bits = std::bit_cast<uint64_t>(static_cast<double>(exact));
    fractions[i] = std::bit_cast<double>(bits + 1 - static_cast<uint64_t>(kUnitsBelow[i] - '0'));
  }
  return fractions;
}

double ExponentialBound(int32_t schema, int64_t index) {
  static const std::array<double, kFractions> fractions = MakeFractions();
  // Beyond all doubles either way; ldexp() takes an int.
  constexpr int64_t kExponentMax = 1'100;
  int64_t exponent = 0;
  double fraction = 0.5;
  if (schema <= 0) {
    exponent = index * (int64_t{1} << -schema) + 1;
  } else {
    const auto within = static_cast<size_t>(index & ((int64_t{1} << schema) - 1));
    fraction = fractions[within << (kExponentialSchemaMax - schema)];
    exponent = (index >> schema) + 1;
  }
  // The last bucket of finite values ends with the largest of them; the one behind it is for the
  // infinite ones.
  if (fraction == 0.5 && exponent == 1'025) return std::numeric_limits<double>::max();
  return std::ldexp(fraction, static_cast<int>(std::clamp(exponent, -kExponentMax, kExponentMax)));
}

}  // namespace

double UpperBound(const Histogram& histogram, int64_t index) {
  if (!histogram.has_custom_bounds()) return ExponentialBound(histogram.schema, index);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (index < 0) return -kInfinity;
  const auto at = static_cast<size_t>(index);
  return at < histogram.custom_bounds.size() ? histogram.custom_bounds[at] : kInfinity;
}

std::vector<BucketRange> BucketRanges(const Histogram& histogram) {
  std::vector<BucketRange> ranges;
  ranges.reserve(histogram.negative.size() + histogram.positive.size() + 1);
  for (size_t i = histogram.negative.size(); i-- > 0;) {
    const Histogram::Bucket& bucket = histogram.negative[i];
    if (bucket.count == 0) continue;
    const double upper = -UpperBound(histogram, int64_t{bucket.index} - 1);
    ranges.push_back({-UpperBound(histogram, bucket.index),
                      std::min(upper, -histogram.zero_threshold), true, false, bucket.count});
  }
  if (histogram.zero_count > 0) {
    ranges.push_back(
        {-histogram.zero_threshold, histogram.zero_threshold, true, true, histogram.zero_count});
  }
  for (const Histogram::Bucket& bucket : histogram.positive) {
    if (bucket.count == 0) continue;
    const bool lowest = histogram.has_custom_bounds() && bucket.index == 0;
    const double lower = UpperBound(histogram, int64_t{bucket.index} - 1);
    ranges.push_back(
        {histogram.has_custom_bounds() ? lower : std::max(lower, histogram.zero_threshold),
         UpperBound(histogram, bucket.index), lowest, true, bucket.count});
  }
  return ranges;
}

}  // namespace baro::model
