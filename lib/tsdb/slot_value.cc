#include "slot_value.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/column.h"
#include "baro/model/sample.h"
#include "bytes.h"

namespace baro::tsdb {
namespace {

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot decode slot value: ", what));
}

// How much of a column's statistics follows from the rest.
enum StatsKind : uint8_t {
  kNoSamples = 0,
  kConstant = 1,  // first
  kRising = 2,    // first, last, sum: min is first, max is last, the increase their difference
  kGeneral = 3,   // all
};

bool Same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

StatsKind KindOf(const ColumnStats& stats) {
  if (stats.count == 0) return kNoSamples;
  const bool rising = Same(stats.min, stats.first) && Same(stats.max, stats.last) &&
                      Same(stats.increase, stats.last - stats.first);
  if (!rising) return kGeneral;
  const bool constant = Same(stats.first, stats.last) &&
                        Same(stats.sum, static_cast<double>(stats.count) * stats.first);
  return constant ? kConstant : kRising;
}

bool TakeStats(std::string_view* bytes, ColumnStats* stats) {
  if (bytes->empty()) return false;
  const auto kind = static_cast<uint8_t>(bytes->front());
  bytes->remove_prefix(1);
  if (kind == kNoSamples) return true;
  if (kind > kGeneral || !TakeVarint(bytes, &stats->count) || !TakeDouble(bytes, &stats->first)) {
    return false;
  }
  stats->last = stats->min = stats->max = stats->first;
  stats->sum = static_cast<double>(stats->count) * stats->first;
  stats->increase = stats->last - stats->first;
  if (kind == kConstant) return true;
  if (!TakeDouble(bytes, &stats->last) || !TakeDouble(bytes, &stats->sum)) return false;
  stats->max = stats->last;
  stats->increase = stats->last - stats->first;
  return kind == kRising || (TakeDouble(bytes, &stats->min) && TakeDouble(bytes, &stats->max) &&
                             TakeDouble(bytes, &stats->increase));
}

}  // namespace

ColumnStats StatsOf(std::span<const double> values) {
  ColumnStats stats;
  for (const double value : values) {
    if (model::IsStaleNan(value) || model::IsNoSample(value)) continue;
    if (stats.count++ == 0) {
      stats.first = stats.last = stats.min = stats.max = stats.sum = value;
      stats.increase = value - value;  // 0, or NaN
      continue;
    }
    stats.increase += value < stats.last ? value : value - stats.last;
    stats.sum += value;
    // A NaN gives way to any number, as in PromQL's min and max.
    if (value < stats.min || std::isnan(stats.min)) stats.min = value;
    if (value > stats.max || std::isnan(stats.max)) stats.max = value;
    stats.last = value;
  }
  return stats;
}

std::string EncodeSlotValues(size_t row_count, std::span<const double> values) {
  BARO_CHECK(row_count > 0 && values.size() % row_count == 0);
  const size_t columns = values.size() / row_count;
  BARO_CHECK(columns > 0 && columns <= kBlockColumns);
  std::string bytes;
  std::string payload;
  PutVarint(row_count, &bytes);
  PutVarint(columns, &bytes);
  size_t before = 0;
  for (size_t i = 0; i < columns; ++i) {
    codec::EncodeColumn(values.subspan(i * row_count, row_count), &payload);
    PutVarint(payload.size() - before, &bytes);
    before = payload.size();
  }
  return bytes + payload;
}

absl::StatusOr<SlotValues> SlotValues::Parse(std::string_view bytes) {
  SlotValues result;
  uint64_t rows = 0;
  uint64_t columns = 0;
  if (!TakeVarint(&bytes, &rows) || rows == 0 || rows > codec::kColumnValuesMax) {
    return Damaged("row count");
  }
  if (!TakeVarint(&bytes, &columns) || columns == 0 || columns > kBlockColumns) {
    return Damaged("column count");
  }
  result.row_count_ = rows;
  result.column_count_ = columns;
  std::array<uint64_t, kBlockColumns> sizes;
  for (size_t i = 0; i < columns; ++i) {
    if (!TakeVarint(&bytes, &sizes[i])) return Damaged("column sizes");
  }
  for (size_t i = 0; i < columns; ++i) {
    if (sizes[i] > bytes.size()) return Damaged(base::StrCat("column ", i, " ends early"));
    result.columns_[i] = bytes.substr(0, sizes[i]);
    bytes.remove_prefix(sizes[i]);
  }
  if (!bytes.empty()) return Damaged(base::StrCat(bytes.size(), " bytes too many"));
  return result;
}

absl::Status SlotValues::Decode(size_t column, std::span<double> values) const {
  std::string_view bytes = columns_[column];
  BARO_TRY(codec::DecodeColumn(&bytes, values));
  if (!bytes.empty()) return Damaged(base::StrCat("column ", column, " has bytes left over"));
  return absl::OkStatus();
}

std::string EncodeSlotStats(std::span<const ColumnStats> stats) {
  std::string bytes;
  PutVarint(stats.size(), &bytes);
  for (const ColumnStats& one : stats) {
    const StatsKind kind = KindOf(one);
    bytes.push_back(static_cast<char>(kind));
    if (kind == kNoSamples) continue;
    PutVarint(one.count, &bytes);
    PutDouble(one.first, &bytes);
    if (kind == kConstant) continue;
    PutDouble(one.last, &bytes);
    PutDouble(one.sum, &bytes);
    if (kind == kRising) continue;
    PutDouble(one.min, &bytes);
    PutDouble(one.max, &bytes);
    PutDouble(one.increase, &bytes);
  }
  return bytes;
}

absl::StatusOr<std::vector<ColumnStats>> DecodeSlotStats(std::string_view bytes) {
  uint64_t count = 0;
  if (!TakeVarint(&bytes, &count) || count > kBlockColumns) return Damaged("statistics count");
  std::vector<ColumnStats> stats(count);
  for (ColumnStats& one : stats) {
    if (!TakeStats(&bytes, &one)) return Damaged("statistics");
  }
  if (!bytes.empty()) return Damaged("statistics have bytes left over");
  return stats;
}

std::string EncodeSlotTimes(std::span<const int64_t> times_ms) {
  std::string bytes;
  PutVarint(times_ms.size(), &bytes);
  codec::EncodeTimes(times_ms, &bytes);
  return bytes;
}

absl::StatusOr<std::vector<int64_t>> DecodeSlotTimes(std::string_view bytes) {
  uint64_t count = 0;
  if (!TakeVarint(&bytes, &count) || count == 0 || count > codec::kColumnValuesMax) {
    return Damaged("time count");
  }
  std::vector<int64_t> times_ms(count);
  BARO_TRY(codec::DecodeTimes(&bytes, times_ms));
  if (!bytes.empty()) return Damaged("times have bytes left over");
  if (!std::is_sorted(times_ms.begin(), times_ms.end(), std::less_equal<>())) {
    return Damaged("times do not ascend");
  }
  return times_ms;
}

}  // namespace baro::tsdb
