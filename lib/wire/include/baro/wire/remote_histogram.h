// Native histograms as remote write and remote read tell them: spans of buckets, with counts as
// deltas (integers) or as they are (floats). Remote write 1.0 and 2.0 share the message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/histogram.h"

namespace baro::wire {

// Of one histogram, zero buckets included; client libraries stay below 200, a schema of 8 over the
// whole range of doubles would need half a million.
inline constexpr size_t kHistogramBucketsMax = 10'000;
inline constexpr size_t kCustomBoundsMax = 10'000;

struct BucketSpan {
  int32_t offset = 0;   // to the end of the span before; of the first, its first bucket's index
  uint32_t length = 0;  // buckets
  bool operator==(const BucketSpan&) const = default;
};

// One sign's buckets.
struct WireBuckets {
  std::vector<BucketSpan> spans;
  std::vector<int64_t> deltas;
  std::vector<double> counts;
};

// A number that is told as an integer or as a float; the last one told counts.
struct WireCount {
  enum class Kind : uint8_t { kNone, kInteger, kFloat };
  Kind kind = Kind::kNone;
  uint64_t integer = 0;
  double number = 0;
};

// A Histogram message, read and not yet judged.
struct WireHistogram {
  int64_t time_ms = 0;
  int64_t start_ms = 0;  // 2.0 only; 0: not told
  int32_t schema = 0;
  int32_t reset_hint = 0;
  double zero_threshold = 0;
  double sum = 0;
  WireCount count;
  WireCount zero_count;
  WireBuckets positive;
  WireBuckets negative;
  std::vector<double> custom_bounds;

  bool has_float_counts() const { return count.kind == WireCount::Kind::kFloat; }
  // The series has ended: what a stale marker is among floats.
  bool IsStale() const;
  // As new, with the memory it has.
  void Clear();
};

// Reads one Histogram message into `histogram`, as protobuf would. False: damaged, or longer than
// kHistogramBucketsMax and kCustomBoundsMax allow.
bool ReadHistogram(std::string_view message, WireHistogram* histogram);

// Judges and turns deltas into absolute counts. Empty buckets are left out; schemas 9 … 52, finer
// than the store's, become schema 8. Errors: InvalidArgument, in the words of what is wrong:
// unknown schema, spans that do not fit the buckets, negative counts, a count that is not the sum
// of its buckets, bad custom bounds.
absl::StatusOr<model::Histogram> HistogramFromWire(const WireHistogram& wire);

}  // namespace baro::wire
