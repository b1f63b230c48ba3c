// Values of the `slots` column family: up to 32 columns of one target in one part, the statistics
// of those columns, and the target's times. Bytes: docs/formats/slot.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "keys.h"

namespace baro::tsdb {

// Of one column's samples in one part; stale markers do not count. All but `count` are unspecified
// when it is 0.
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

// `values`: column_count columns of row_count values, one behind the other.
std::string EncodeSlotValues(size_t row_count, std::span<const double> values);
std::string EncodeSlotStats(std::span<const ColumnStats> stats);
std::string EncodeSlotTimes(std::span<const int64_t> times_ms);

// Decodes single columns of a value. Refers to the bytes it was made from. All errors are DataLoss.
class SlotValues {
 public:
  static absl::StatusOr<SlotValues> Parse(std::string_view bytes);
  size_t row_count() const { return row_count_; }
  size_t column_count() const { return column_count_; }
  // Requires column < column_count() and values.size() == row_count().
  absl::Status Decode(size_t column, std::span<double> values) const;

 private:
  size_t row_count_ = 0;
  size_t column_count_ = 0;
  std::array<std::string_view, kBlockColumns> columns_;
};

absl::StatusOr<std::vector<ColumnStats>> DecodeSlotStats(std::string_view bytes);
absl::StatusOr<std::vector<int64_t>> DecodeSlotTimes(std::string_view bytes);

}  // namespace baro::tsdb
