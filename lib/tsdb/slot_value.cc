#include "slot_value.h"

#include <algorithm>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/column.h"
#include "bytes.h"

namespace baro::tsdb {
namespace {

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot decode slot value: ", what));
}

// Values and times that are cut into chunks begin with a row count of 0, which is none.
constexpr char kChunked = 0;
// A bound for the table of chunks; rows are bounded by the codec.
constexpr uint64_t kChunksMax = 4'096;

bool TakeChunkedMark(std::string_view* bytes) {
  if (bytes->empty() || bytes->front() != kChunked) return false;
  bytes->remove_prefix(1);
  return true;
}

void PutChunkRows(std::span<const uint32_t> chunk_rows, std::string* bytes) {
  PutVarint(chunk_rows.size(), bytes);
  for (const uint32_t rows : chunk_rows) PutVarint(rows, bytes);
}

// Without chunks all rows are one.
bool TakeChunkRows(bool chunked, std::string_view* bytes, std::vector<uint32_t>* chunk_rows,
                   size_t* row_count) {
  uint64_t chunks = 1;
  if (chunked && (!TakeVarint(bytes, &chunks) || chunks == 0 || chunks > kChunksMax)) return false;
  *row_count = 0;
  for (uint64_t i = 0; i < chunks; ++i) {
    uint32_t rows = 0;
    if (!TakeVarint32(bytes, &rows) || rows == 0 || rows > codec::kColumnValuesMax - *row_count) {
      return false;
    }
    chunk_rows->push_back(rows);
    *row_count += rows;
  }
  return true;
}

// Times may be as far apart as their type goes; arithmetic wraps.
int64_t Difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t Sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

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

ChunkedValues::ChunkedValues(std::span<const uint32_t> chunk_rows)
    : chunk_rows_(chunk_rows.begin(), chunk_rows.end()) {
  BARO_CHECK(!chunk_rows.empty());
}

void ChunkedValues::Add(std::span<const std::string_view> pieces) {
  BARO_CHECK_EQ(pieces.size(), chunk_rows_.size());
  ++column_count_;
  BARO_CHECK(column_count_ <= kBlockColumns);
  const bool whole =
      pieces.size() == 1 ||
      (codec::IsConstantColumn(pieces[0]) &&
       std::all_of(pieces.begin(), pieces.end(), [&](auto one) { return one == pieces[0]; }));
  const size_t before = payload_.size();
  if (whole) {
    payload_ += pieces[0];
  } else {
    for (const std::string_view piece : pieces) PutVarint(piece.size(), &payload_);
    for (const std::string_view piece : pieces) payload_ += piece;
  }
  PutVarint((payload_.size() - before) << 1 | (whole ? 0 : 1), &sizes_);
}

std::string ChunkedValues::Finish() && {
  std::string bytes(1, kChunked);
  PutChunkRows(chunk_rows_, &bytes);
  PutVarint(column_count_, &bytes);
  return bytes + sizes_ + payload_;
}

absl::StatusOr<SlotValues> SlotValues::Parse(std::string_view bytes) {
  SlotValues result;
  const bool chunked = TakeChunkedMark(&bytes);
  if (!TakeChunkRows(chunked, &bytes, &result.chunk_rows_, &result.row_count_)) {
    return Damaged("row count");
  }
  uint64_t columns = 0;
  if (!TakeVarint(&bytes, &columns) || columns == 0 || columns > kBlockColumns) {
    return Damaged("column count");
  }
  result.column_count_ = columns;
  std::array<uint64_t, kBlockColumns> sizes;
  for (size_t i = 0; i < columns; ++i) {
    if (!TakeVarint(&bytes, &sizes[i])) return Damaged("column sizes");
    if (!chunked) continue;
    result.columns_[i].whole = (sizes[i] & 1) == 0;
    sizes[i] >>= 1;
  }
  for (size_t i = 0; i < columns; ++i) {
    if (sizes[i] > bytes.size()) return Damaged(base::StrCat("column ", i, " ends early"));
    result.columns_[i].bytes = bytes.substr(0, sizes[i]);
    bytes.remove_prefix(sizes[i]);
  }
  if (!bytes.empty()) return Damaged(base::StrCat(bytes.size(), " bytes too many"));
  return result;
}

absl::Status SlotValues::Pieces(size_t column, std::span<std::string_view> pieces) const {
  const Column& one = columns_[column];
  std::string_view bytes = one.bytes;
  if (one.whole) {
    if (pieces.size() > 1 && !codec::IsConstantColumn(bytes)) {
      return Damaged(base::StrCat("column ", column, " has one piece for all chunks"));
    }
    std::fill(pieces.begin(), pieces.end(), bytes);
    return absl::OkStatus();
  }
  std::vector<uint64_t> sizes(pieces.size());
  for (uint64_t& size : sizes) {
    if (!TakeVarint(&bytes, &size)) return Damaged(base::StrCat("chunk sizes of column ", column));
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (sizes[i] > bytes.size()) return Damaged(base::StrCat("column ", column, " ends early"));
    pieces[i] = bytes.substr(0, sizes[i]);
    bytes.remove_prefix(sizes[i]);
  }
  if (!bytes.empty()) return Damaged(base::StrCat("column ", column, " has bytes left over"));
  return absl::OkStatus();
}

absl::Status SlotValues::Decode(size_t column, size_t first, size_t end, std::span<double> values,
                                Referred* referred) const {
  if (chunk_rows_.size() == 1) {
    return DecodeChunks(column, first, {&columns_[column].bytes, 1}, values, referred);
  }
  if (columns_[column].whole) {
    // A constant's encoding does not depend on how many values it stands for.
    std::string_view bytes = columns_[column].bytes;
    if (!codec::IsConstantColumn(bytes)) {
      return Damaged(base::StrCat("column ", column, " has one piece for all chunks"));
    }
    BARO_TRY(codec::DecodeColumn(&bytes, values));
    return bytes.empty() ? absl::OkStatus()
                         : Damaged(base::StrCat("column ", column, " has bytes left over"));
  }
  std::vector<std::string_view> pieces(chunk_rows_.size());
  BARO_TRY(Pieces(column, pieces));
  return DecodeChunks(column, first, std::span(pieces).subspan(first, end - first), values,
                      referred);
}

size_t SlotValues::row_count(size_t first, size_t end) const {
  size_t rows = 0;
  for (size_t i = first; i < end; ++i) rows += chunk_rows_[i];
  return rows;
}

absl::StatusOr<std::span<const double>> SlotValues::Decode(size_t column, size_t first, size_t end,
                                                           Referred* referred) const {
  std::span<const double>& known = referred->known_[column];
  if (known.empty()) {
    std::vector<double>& own = referred->own_[column];
    own.resize(row_count(first, end));
    BARO_TRY(Decode(column, first, end, own, referred));
    known = own;
  }
  return known;
}

// A column refers to one before it, so this comes to an end.
absl::Status SlotValues::DecodeChunks(size_t column, size_t first,
                                      std::span<const std::string_view> pieces,
                                      std::span<double> values, Referred* referred) const {
  size_t row = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const size_t rows = chunk_rows_[first + i];
    std::string_view bytes = pieces[i];
    std::span<const double> reference;
    if (const size_t back = codec::ColumnsBack(bytes); back != 0) {
      if (back > column) return Damaged(base::StrCat("column ", column, " refers to none"));
      BARO_TRY_ASSIGN(const auto other,
                      Decode(column - back, first, first + pieces.size(), referred));
      reference = other.subspan(row, rows);
    }
    BARO_TRY(codec::DecodeColumn(&bytes, values.subspan(row, rows), reference));
    if (!bytes.empty()) return Damaged(base::StrCat("column ", column, " has bytes left over"));
    row += rows;
  }
  return absl::OkStatus();
}

std::string JoinSlotValues(size_t row_count, std::span<const std::string_view> columns) {
  BARO_CHECK(row_count > 0 && !columns.empty() && columns.size() <= kBlockColumns);
  std::string bytes;
  PutVarint(row_count, &bytes);
  PutVarint(columns.size(), &bytes);
  for (const std::string_view column : columns) PutVarint(column.size(), &bytes);
  for (const std::string_view column : columns) bytes += column;
  return bytes;
}

std::string EncodeSlotTimes(std::span<const int64_t> times_ms) {
  std::string bytes;
  PutVarint(times_ms.size(), &bytes);
  codec::EncodeTimes(times_ms, &bytes);
  return bytes;
}

std::string EncodeChunkedTimes(std::span<const uint32_t> chunk_rows,
                               std::span<const int64_t> times_ms) {
  std::string bytes(1, kChunked);
  PutChunkRows(chunk_rows, &bytes);
  std::string payload;
  int64_t before_ms = 0;
  size_t row = 0;
  for (const uint32_t rows : chunk_rows) {
    const size_t begin = payload.size();
    codec::EncodeTimes(times_ms.subspan(row, rows), &payload);
    PutVarint(ZigZag(Difference(times_ms[row], before_ms)), &bytes);
    PutVarint(payload.size() - begin, &bytes);
    before_ms = times_ms[row];
    row += rows;
  }
  BARO_CHECK_EQ(row, times_ms.size());
  return bytes + payload;
}

absl::StatusOr<SlotTimes> SlotTimes::Parse(std::string_view bytes) {
  SlotTimes result;
  const bool chunked = TakeChunkedMark(&bytes);
  if (!TakeChunkRows(chunked, &bytes, &result.chunk_rows_, &result.row_count_)) {
    return Damaged("time count");
  }
  if (!chunked) {
    result.chunks_.push_back(bytes);
    return result;
  }
  std::vector<uint64_t> sizes(result.chunk_rows_.size());
  int64_t first_ms = 0;
  for (uint64_t& size : sizes) {
    uint64_t step = 0;
    if (!TakeVarint(&bytes, &step) || !TakeVarint(&bytes, &size)) return Damaged("chunks of times");
    first_ms = Sum(first_ms, UnZigZag(step));
    result.first_ms_.push_back(first_ms);
  }
  for (const uint64_t size : sizes) {
    if (size > bytes.size()) return Damaged("times end early");
    result.chunks_.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  if (!bytes.empty()) return Damaged("times have bytes left over");
  return result;
}

std::pair<size_t, size_t> SlotTimes::ChunksWithin(int64_t start_ms, int64_t end_ms) const {
  if (first_ms_.empty()) return {0, chunks_.size()};
  // The last chunk that begins at the start or before it, to the last one that begins by the end.
  const auto after_start = std::upper_bound(first_ms_.begin(), first_ms_.end(), start_ms);
  const auto after_end = std::upper_bound(first_ms_.begin(), first_ms_.end(), end_ms);
  const auto first = static_cast<size_t>(after_start - first_ms_.begin());
  const auto end = static_cast<size_t>(after_end - first_ms_.begin());
  return {std::min(first == 0 ? 0 : first - 1, end), end};
}

absl::StatusOr<std::vector<int64_t>> SlotTimes::Decode(size_t first, size_t end) const {
  size_t rows = 0;
  for (size_t i = first; i < end; ++i) rows += chunk_rows_[i];
  std::vector<int64_t> times_ms(rows);
  size_t row = 0;
  for (size_t i = first; i < end; ++i) {
    std::string_view bytes = chunks_[i];
    BARO_TRY(codec::DecodeTimes(&bytes, std::span(times_ms).subspan(row, chunk_rows_[i])));
    if (!bytes.empty()) return Damaged("times have bytes left over");
    if (!first_ms_.empty() && times_ms[row] != first_ms_[i]) return Damaged("a chunk's first time");
    row += chunk_rows_[i];
  }
  if (!std::is_sorted(times_ms.begin(), times_ms.end(), std::less_equal<>())) {
    return Damaged("times do not ascend");
  }
  return times_ms;
}

absl::StatusOr<std::vector<int64_t>> DecodeSlotTimes(std::string_view bytes) {
  BARO_TRY_ASSIGN(const SlotTimes times, SlotTimes::Parse(bytes));
  return times.Decode(0, times.chunk_rows().size());
}

}  // namespace baro::tsdb
