// BucketStats: statistics of columns in the buckets of a downsampled tier. Bytes:
// docs/formats/slot.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace baro::tsdb {

// Of one column's samples in one bucket; stale markers do not count. All but `count` are
// unspecified when it is 0.
struct ColumnStats {
  uint64_t count = 0;
  double first = 0;
  double last = 0;
  double min = 0;
  double max = 0;
  double sum = 0;
  double increase = 0;  // of a counter: what it grew, a fall being a reset to 0
};
ColumnStats StatsOf(std::span<const double> values);

// The bucket of a time: floor(time / interval), clamped as SlotOf() is.
int64_t BucketOf(int64_t time_ms, int64_t interval_ms);

// Which rows are in which bucket.
struct Buckets {
  std::vector<int64_t> numbers;   // ascending
  std::vector<uint32_t> end_row;  // of each
};
Buckets BucketsOf(std::span<const int64_t> times_ms, int64_t interval_ms);

// Told column by column, as ChunkedValues.
class BucketStatsWriter {
 public:
  explicit BucketStatsWriter(const Buckets& buckets);
  // All rows of a column.
  void Add(std::span<const double> values);
  std::string Finish() &&;

 private:
  const Buckets& buckets_;
  uint64_t column_count_ = 0;
  std::vector<ColumnStats> stats_;
  std::vector<double> doubles_;
  std::vector<int64_t> counts_;
  std::string payload_;
};

struct BucketStats {
  std::vector<int64_t> buckets;
  std::vector<std::vector<ColumnStats>> columns;  // each as long as `buckets`
};
// Errors: DataLoss.
absl::StatusOr<BucketStats> DecodeBucketStats(std::string_view bytes);

}  // namespace baro::tsdb
