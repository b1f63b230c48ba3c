#include "bucket_stats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/column.h"
#include "baro/model/sample.h"
#include "bytes.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

// How much of a column's statistics is written; the rest follows.
enum Kind : uint8_t {
  kNoSamples = 0,
  kConstant = 1,  // first of the first bucket: all the others are the same
  kRising = 2,    // first, last, sum: min is first, max is last, the increase their difference
  kGeneral = 3,   // and min, max, increase
};
constexpr uint8_t kKindMask = 0x03;
// Else a column has a sample in every row.
constexpr uint8_t kCountsFollow = 0x04;

// In the order in which they are written.
constexpr std::array kFields = {&ColumnStats::first, &ColumnStats::last, &ColumnStats::sum,
                                &ColumnStats::min,   &ColumnStats::max,  &ColumnStats::increase};
constexpr size_t kRisingFields = 3;

constexpr uint64_t kBucketsMax = codec::kColumnValuesMax;

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot decode statistics: ", what));
}

bool Same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

// What is not written, from what is.
void Complete(Kind kind, ColumnStats* stats) {
  if (kind == kConstant) {
    stats->last = stats->first;
    stats->sum = static_cast<double>(stats->count) * stats->first;
  }
  if (kind == kGeneral) return;
  stats->min = stats->first;
  stats->max = stats->last;
  stats->increase = stats->last - stats->first;
}

bool Follows(Kind kind, const ColumnStats& stats) {
  ColumnStats guess = stats;
  Complete(kind, &guess);
  return std::all_of(kFields.begin(), kFields.end(),
                     [&](auto field) { return Same(guess.*field, stats.*field); });
}

Kind KindOf(std::span<const ColumnStats> stats) {
  const ColumnStats* first = nullptr;
  Kind kind = kNoSamples;
  for (const ColumnStats& one : stats) {
    if (one.count == 0) continue;
    if (first == nullptr) {
      first = &one;
      kind = kConstant;
    }
    if (kind == kConstant && !(Same(one.first, first->first) && Follows(kConstant, one))) {
      kind = kRising;
    }
    if (kind == kRising && !Follows(kRising, one)) return kGeneral;
  }
  return kind;
}

struct Header {
  std::vector<int64_t> buckets;
  std::vector<uint64_t> rows;
};

bool TakeHeader(std::string_view* bytes, uint64_t* columns, Header* header) {
  uint64_t count = 0;
  if (!TakeVarint(bytes, columns) || *columns > kBlockColumns || !TakeVarint(bytes, &count) ||
      count > kBucketsMax) {
    return false;
  }
  uint64_t bucket = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t step = 0;
    uint64_t rows = 0;
    if (!TakeVarint(bytes, &step) || !TakeVarint(bytes, &rows)) return false;
    bucket += static_cast<uint64_t>(UnZigZag(step));
    header->buckets.push_back(static_cast<int64_t>(bucket));
    header->rows.push_back(rows);
  }
  return true;
}

absl::Status TakeColumn(const Header& header, std::string_view* bytes,
                        std::vector<ColumnStats>* stats) {
  stats->resize(header.buckets.size());
  if (bytes->empty()) return Damaged("they end early");
  const auto head = static_cast<uint8_t>(bytes->front());
  bytes->remove_prefix(1);
  const auto kind = static_cast<Kind>(head & kKindMask);
  if (kind == kNoSamples) return absl::OkStatus();
  std::vector<int64_t> counts(header.rows.begin(), header.rows.end());
  if ((head & kCountsFollow) != 0) BARO_TRY(codec::DecodeTimes(bytes, counts));
  for (size_t i = 0; i < counts.size(); ++i) {
    (*stats)[i].count = static_cast<uint64_t>(counts[i]);
  }
  const size_t fields = kind == kConstant ? 1 : kind == kRising ? kRisingFields : kFields.size();
  std::vector<double> doubles(kind == kConstant ? 1 : counts.size());
  for (size_t f = 0; f < fields; ++f) {
    BARO_TRY(codec::DecodeColumn(bytes, doubles));
    for (size_t i = 0; i < counts.size(); ++i) {
      (*stats)[i].*kFields[f] = doubles[kind == kConstant ? 0 : i];
    }
  }
  for (ColumnStats& one : *stats) Complete(kind, &one);
  return absl::OkStatus();
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

int64_t BucketOf(int64_t time_ms, int64_t interval_ms) {
  return int64_t{SlotOf(time_ms, interval_ms)} - (int64_t{1} << 31);
}

Buckets BucketsOf(std::span<const int64_t> times_ms, int64_t interval_ms) {
  Buckets buckets;
  for (uint32_t row = 0; row < times_ms.size(); ++row) {
    const int64_t number = BucketOf(times_ms[row], interval_ms);
    if (buckets.numbers.empty() || buckets.numbers.back() != number) {
      buckets.numbers.push_back(number);
      buckets.end_row.push_back(row);
    }
    buckets.end_row.back() = row + 1;
  }
  return buckets;
}

BucketStatsWriter::BucketStatsWriter(const Buckets& buckets) : buckets_(buckets) {}

void BucketStatsWriter::Add(std::span<const double> values) {
  ++column_count_;
  stats_.clear();
  counts_.clear();
  bool full = true;
  for (size_t i = 0, row = 0; i < buckets_.numbers.size(); ++i) {
    const size_t rows = buckets_.end_row[i] - row;
    stats_.push_back(StatsOf(values.subspan(row, rows)));
    counts_.push_back(static_cast<int64_t>(stats_.back().count));
    full = full && stats_.back().count == rows;
    row += rows;
  }
  const Kind kind = KindOf(stats_);
  payload_.push_back(static_cast<char>(kind | (full || kind == kNoSamples ? 0 : kCountsFollow)));
  if (kind == kNoSamples) return;
  if (!full) codec::EncodeTimes(counts_, &payload_);
  const auto any = std::find_if(stats_.begin(), stats_.end(),
                                [](const ColumnStats& one) { return one.count > 0; });
  if (kind == kConstant) {
    codec::EncodeColumn({&any->first, 1}, &payload_);
    return;
  }
  const size_t fields = kind == kRising ? kRisingFields : kFields.size();
  for (size_t f = 0; f < fields; ++f) {
    doubles_.clear();
    for (const ColumnStats& one : stats_) {
      doubles_.push_back(one.count > 0 ? one.*kFields[f] : model::kNoSample);
    }
    codec::EncodeColumn(doubles_, &payload_);
  }
}

std::string BucketStatsWriter::Finish() && {
  BARO_CHECK(column_count_ <= kBlockColumns && buckets_.numbers.size() <= kBucketsMax);
  std::string bytes;
  PutVarint(column_count_, &bytes);
  PutVarint(buckets_.numbers.size(), &bytes);
  uint64_t before = 0;
  uint32_t row = 0;
  for (size_t i = 0; i < buckets_.numbers.size(); ++i) {
    const auto number = static_cast<uint64_t>(buckets_.numbers[i]);
    PutVarint(ZigZag(static_cast<int64_t>(number - before)), &bytes);
    PutVarint(buckets_.end_row[i] - row, &bytes);
    before = number;
    row = buckets_.end_row[i];
  }
  return bytes + payload_;
}

absl::StatusOr<BucketStats> DecodeBucketStats(std::string_view bytes) {
  BucketStats result;
  Header header;
  uint64_t columns = 0;
  if (!TakeHeader(&bytes, &columns, &header)) return Damaged("their buckets");
  result.columns.resize(columns);
  for (std::vector<ColumnStats>& column : result.columns) {
    BARO_TRY(TakeColumn(header, &bytes, &column));
  }
  if (!bytes.empty()) return Damaged("they have bytes left over");
  result.buckets = std::move(header.buckets);
  return result;
}

}  // namespace baro::tsdb
