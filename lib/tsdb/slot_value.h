// Values of the `slots` column family: up to 32 columns of one target in one part, and the target's
// times. Merged parts have the same cut into chunks. Bytes:
// docs/formats/slot.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "keys.h"

namespace baro::tsdb {

// `values`: column_count columns of row_count values, one behind the other, in one chunk.
std::string EncodeSlotValues(size_t row_count, std::span<const double> values);
// The same from columns that are encoded already.
std::string JoinSlotValues(size_t row_count, std::span<const std::string_view> columns);
std::string EncodeSlotTimes(std::span<const int64_t> times_ms);

// Rows of a merged part are cut into chunks of about this many, each decoded alone: a short range
// of a day costs a chunk or two a column. Two hours at one row per 15 s.
inline constexpr size_t kChunkRows = 480;

// A merged value, told column by column. `Add` wants the columns in order, each either as the
// encoding of every chunk, or as one that stands for all rows (a constant).
class ChunkedValues {
 public:
  explicit ChunkedValues(std::span<const uint32_t> chunk_rows);
  // Encodings of codec::EncodeColumn() or of a codec::ColumnGroupEncoder for each chunk, one a
  // chunk. Equal constants become one piece.
  void Add(std::span<const std::string_view> pieces);
  std::string Finish() &&;

 private:
  const std::vector<uint32_t> chunk_rows_;
  uint64_t column_count_ = 0;
  std::string sizes_;
  std::string payload_;
};
std::string EncodeChunkedTimes(std::span<const uint32_t> chunk_rows,
                               std::span<const int64_t> times_ms);

// Decodes single columns and chunks of a value, merged or not. Refers to the bytes it was made
// from. All errors are DataLoss.
class SlotValues {
 public:
  static absl::StatusOr<SlotValues> Parse(std::string_view bytes);
  size_t row_count() const { return row_count_; }
  size_t row_count(size_t first, size_t end) const;  // of these chunks
  size_t column_count() const { return column_count_; }
  std::span<const uint32_t> chunk_rows() const { return chunk_rows_; }
  // Columns that are decoded and that others may refer to; of one range of chunks of one value. Who
  // decodes several columns of a value keeps one meanwhile, so that none is decoded twice.
  class Referred {
   public:
    // `values` are a column's, and stay until the last one is decoded.
    void Know(size_t column, std::span<const double> values) { known_[column] = values; }

   private:
    friend class SlotValues;
    std::array<std::span<const double>, kBlockColumns> known_;
    std::array<std::vector<double>, kBlockColumns> own_;
  };
  // Rows of chunks [first, end) of a column. Requires column < column_count(), first < end <=
  // chunk_rows().size(), and values.size() to be the sum of their rows.
  absl::Status Decode(size_t column, size_t first, size_t end, std::span<double> values,
                      Referred* referred) const;
  // The same, in `referred`'s memory.
  absl::StatusOr<std::span<const double>> Decode(size_t column, size_t first, size_t end,
                                                 Referred* referred) const;
  absl::Status Decode(size_t column, size_t first, size_t end, std::span<double> values) const {
    Referred referred;
    return Decode(column, first, end, values, &referred);
  }
  absl::Status Decode(size_t column, std::span<double> values) const {
    return Decode(column, 0, chunk_rows_.size(), values);
  }
  // The encodings of a column's chunks, for copying; where one piece stands for all it is given for
  // each. `pieces` is as long as chunk_rows().
  absl::Status Pieces(size_t column, std::span<std::string_view> pieces) const;

 private:
  absl::Status DecodeChunks(size_t column, size_t first, std::span<const std::string_view> pieces,
                            std::span<double> values, Referred* referred) const;

  struct Column {
    std::string_view bytes;
    bool whole = true;  // one piece for all rows
  };

  size_t row_count_ = 0;
  size_t column_count_ = 0;
  std::vector<uint32_t> chunk_rows_;
  std::array<Column, kBlockColumns> columns_;
};

// Times of one target in a part, chunk by chunk. Refers to the bytes it was made from. All errors
// are DataLoss.
class SlotTimes {
 public:
  static absl::StatusOr<SlotTimes> Parse(std::string_view bytes);
  std::span<const uint32_t> chunk_rows() const { return chunk_rows_; }
  size_t row_count() const { return row_count_; }
  // The chunks that may hold times within the range, [first, second); none: equal.
  std::pair<size_t, size_t> ChunksWithin(int64_t start_ms, int64_t end_ms) const;
  // Ascending strictly.
  absl::StatusOr<std::vector<int64_t>> Decode(size_t first, size_t end) const;

 private:
  size_t row_count_ = 0;
  std::vector<uint32_t> chunk_rows_;
  std::vector<int64_t> first_ms_;  // empty when there is one chunk
  std::vector<std::string_view> chunks_;
};

absl::StatusOr<std::vector<int64_t>> DecodeSlotTimes(std::string_view bytes);

}  // namespace baro::tsdb
