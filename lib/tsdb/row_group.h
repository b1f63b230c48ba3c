// RowGroup: the newest samples of some series of one target that share their times.
//
//   times      t0 … tn              one array for all columns
//   blocks     at most 128 rows each, of one slot; encoded, column by column
//   tail       rows not yet encoded changed bitmap + changed values, told against the row before
//   open row   dense, still filling remote write sends a row in several requests
//
// An unchanged value costs one bit until its block is cut, about a byte a run afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/tsdb/store.h"
#include "dictionary.h"
#include "time_range.h"

namespace baro::tsdb {

// Rows of an encoded block: half an hour at 15 s, and short enough to decode for one window.
inline constexpr size_t kBlockRows = 128;

// When a tail becomes a block. Owned by the head, shared by its groups; outlives them.
struct BlockRule {
  // No block spans two slots, so that a sealer can take it as it is; 0: there are none.
  int64_t slot_ms = 0;
  // A tail of more bytes a column is encoded early. Roomy: most blocks then hold a slot; the head
  // of a large fleet makes it tight, as its memory is worth more than a second encoding.
  size_t tail_bytes_per_column_max = 1'024;
};
inline constexpr BlockRule kLooseBlocks;

// Thread-compatible; TargetHead locks. Rows are only ever added at the end; the columns of a group
// without a layout too. model::kNoSample fills the cells that nobody wrote.
class RowGroup {
 public:
  // With a layout its columns are fixed and rows come whole; without one columns are added and
  // cells are set one by one.
  explicit RowGroup(const StoredLayout* layout, const BlockRule* rule = &kLooseBlocks);

  const StoredLayout* layout() const { return layout_; }
  size_t column_count() const {
    return layout_ != nullptr ? layout_->columns.size() : columns_.size();
  }
  // Columns that are series of their own: component_table.h.
  size_t series_count() const { return column_count() - component_count_; }
  ColumnId column(size_t position) const {
    return layout_ != nullptr ? layout_->columns[position] : columns_[position];
  }
  // Its first sample is the open row's; the next row's when none is open.
  uint32_t AddColumn(ColumnId column);

  const std::vector<int64_t>& times_ms() const { return times_ms_; }
  bool empty() const { return times_ms_.empty(); }
  int64_t last_time_ms() const { return times_ms_.back(); }
  // The last row can still be written to.
  bool open() const { return open_; }

  // Adds a row of a group with a layout; returns how many of its columns were absent before and
  // are absent now. Requires a time later than the last row's. `changed`, when not empty, has one
  // bit a column (64 a word), set at least for those that differ from the last row: the others are
  // not even looked at.
  size_t Append(int64_t time_ms, std::span<const double> values,
                std::span<const uint64_t> changed = {});
  // Opens a row of empty cells, closing the one before. Requires a later time.
  void Open(int64_t time_ms);
  // A cell of the open row.
  double cell(size_t position) const { return current_[position]; }
  void SetCell(size_t position, double value) {
    current_[position] = value;
    columns_seen_[position].last_row = static_cast<uint32_t>(times_ms_.size() - 1);
  }

  // Whether the group is there in the range, and whether a column of it is. Of a group with a
  // layout that is one question: its rows come whole.
  bool IsPresentIn(const TimeRange& range) const { return IsPresent(times_ms_, range); }
  bool IsColumnPresentIn(const TimeRange& range, size_t position) const {
    if (layout_ != nullptr) return true;
    const Seen seen = columns_seen_[position];
    return range.Meets(times_ms_[seen.first_row], times_ms_[seen.last_row]);
  }

  // The row at a time, if there is one.
  std::optional<size_t> FindRow(int64_t time_ms) const;
  // Values of one column in rows [begin, end). Errors: DataLoss (memory is damaged).
  absl::Status Read(size_t position, size_t begin, size_t end, double* values) const;

  // Values of some columns (ascending) in one row. Errors: DataLoss.
  absl::Status ReadRow(std::span<const uint32_t> positions, size_t row, double* values) const;

  // One column of rows [begin, end) as codec::EncodeColumn wrote it, when those rows are exactly
  // one block: a sealer whose part takes them all copies these bytes and need not encode again (the
  // rows of a slot, when they are at most kBlockRows and a row of the next slot has come). Valid
  // until the group changes. Thread-compatible: of a head that still grows only under its lock.
  std::optional<std::string_view> EncodedColumn(size_t position, size_t begin, size_t end) const;

  // No row comes any more: all rows become blocks, and what only a writer needs goes. Columns and
  // rows stay where they are.
  void Freeze();

  // Memory held, approximately.
  size_t bytes() const;

 private:
  struct Block {
    size_t first_row = 0;
    size_t row_count = 0;
    std::string bytes;
    std::vector<uint32_t> offsets;  // one a column
  };
  // The rows of a column's first and last sample.
  struct Seen {
    uint32_t first_row = 0;
    uint32_t last_row = 0;
  };
  struct TailRow {
    uint32_t first_word = 0;
    uint32_t column_count = 0;
  };

  void Close();
  // Before a row at this time: a block ends with its slot.
  void CutAtSlot(int64_t time_ms);
  void AddTailRow(std::span<const double> values);
  void AddTailRow(std::span<const double> values, std::span<const uint64_t> changed);
  size_t ReplaceRow(std::span<const double> values);
  size_t ReplaceRow(std::span<const double> values, std::span<const uint64_t> changed);
  void CutWhenFull(size_t columns);
  size_t TailValuesMost(size_t columns) const;
  void CutBlock();
  void EncodeWord(size_t word, Block* block) const;
  absl::Status ReadBlock(const Block& block, size_t position, size_t begin, size_t end,
                         double* values) const;
  void ReadTail(size_t position, size_t begin, size_t end, double* values) const;
  void ReadTailRow(std::span<const uint32_t> positions, size_t row, double* values) const;
  size_t tail_begin() const;

  const StoredLayout* const layout_;
  const BlockRule* const rule_;
  std::vector<ColumnId> columns_;
  size_t component_count_ = 0;
  std::vector<Seen> columns_seen_;  // only without a layout
  std::vector<int64_t> times_ms_;
  std::vector<Block> blocks_;
  size_t block_bytes_ = 0;
  std::vector<TailRow> tail_;
  std::vector<uint64_t> changed_;    // one bit a column and tail row
  std::vector<uint32_t> rank_;       // index in tail_values_ of each word's first changed value
  std::vector<double> tail_values_;  // the changed values, row by row
  std::vector<double> previous_;     // the last closed row
  size_t absent_ = 0;                // stale markers in it; only with a layout
  std::vector<double> current_;      // the open row
  bool open_ = false;
};

}  // namespace baro::tsdb
