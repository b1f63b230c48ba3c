// Histogram: one sample of a native histogram, and how it lies beside floats in a series.
//
// Exponential schemas -4 … 8 and custom bounds (schema -53), as the native histogram specification
// of Prometheus 3 names them. Buckets are sparse and absolute (not told against each other), which
// is what evaluators add and subtract; spans of the wire formats are made from the indexes.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "baro/model/sample.h"

namespace baro::model {

// In SeriesView::values where the sample is a histogram. The store keeps it in the series' own
// column; what the histogram consists of lies in columns of its own.
inline constexpr uint64_t kHistogramBits = 0x7ff4ba60ba60ba62;
inline const double kHistogramMark = std::bit_cast<double>(kHistogramBits);
inline bool IsHistogramMark(double value) {
  return std::bit_cast<uint64_t>(value) == kHistogramBits;
}

// NaNs with a meaning inside the store only: a sender's own value never keeps such bits.
inline bool IsReserved(double value) { return IsHistogramMark(value) || IsNoSample(value); }

inline constexpr int32_t kCustomBoundsSchema = -53;
inline constexpr int32_t kExponentialSchemaMin = -4;
inline constexpr int32_t kExponentialSchemaMax = 8;

// What the sender knows about a reset before this sample.
enum class ResetHint : uint8_t { kUnknown = 0, kReset = 1, kNotReset = 2, kGauge = 3 };

struct Histogram {
  // Of an exponential schema: (base^(index-1), base^index], base = 2^(2^-schema). Of custom bounds:
  // index counts from 0, the upper bound is custom_bounds[index], +Inf behind the last.
  struct Bucket {
    int32_t index = 0;
    double count = 0;
    bool operator==(const Bucket&) const = default;
  };

  int32_t schema = 0;
  ResetHint reset_hint = ResetHint::kUnknown;
  bool float_counts = false;  // the sender's counts were floats: matters to wire formats only
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<Bucket> positive;  // by index, each once; a count of 0 may be left out
  std::vector<Bucket> negative;  // of |value|
  std::vector<double> custom_bounds;

  bool has_custom_bounds() const { return schema == kCustomBoundsSchema; }
  // Prometheus' convention: a histogram with this sum ends its series.
  bool is_stale() const { return IsStaleNan(sum); }

  bool operator==(const Histogram&) const = default;
};

// The upper bound of a positive bucket; that of index - 1 is its lower one. Negative buckets mirror
// it. To the bit what Prometheus and its clients say.
double UpperBound(const Histogram& histogram, int64_t index);

struct BucketRange {
  double lower = 0;
  double upper = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = false;
  double count = 0;
};
// The filled buckets from the lowest to the highest, the zero bucket among them. What a wide zero
// bucket covers of its neighbours counts as its own.
std::vector<BucketRange> BucketRanges(const Histogram& histogram);

// Whether two histograms are the same to the bit, NaNs included; buckets of a count of 0 left out
// or not.
bool SameHistogram(const Histogram& a, const Histogram& b);

// Whether a histogram makes sense: a known schema, buckets by index and each once, finite ascending
// bounds with a schema for them, no bucket beyond them, no negative ones beside them, counts that
// are not negative. That the buckets add up to the count is the sender's business.
// Errors: InvalidArgument, naming what is wrong.
absl::Status CheckHistogram(const Histogram& histogram);

}  // namespace baro::model
