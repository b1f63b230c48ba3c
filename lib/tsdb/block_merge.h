// BlockMerge: one column-block of one target, from the values that several parts have of it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "row_plan.h"
#include "slot_value.h"

namespace baro::tsdb {

// What of a source's column stays out of the outcome.
struct CellsLeftOut {
  uint32_t source = 0;
  uint32_t column = 0;            // of the outgoing block
  std::vector<TimeRange> ranges;  // deleted
  std::vector<int64_t>
      other_times_ms;  // told by a part of higher rank in another layout, ascending
};

// Thread-compatible. Refers to the plan and to the sources' bytes.
class BlockMerge {
 public:
  // Where column `i` of the outgoing block lies in a source: the value and the column in it.
  struct Place {
    const SlotValues* value = nullptr;  // null: the source does not have it
    uint32_t column = 0;
  };

  BlockMerge(const RowPlan& plan, size_t column_count) : plan_(plan), column_count_(column_count) {}

  // Sources in the order of the plan: by priority, lowest first.
  void AddSource(std::vector<Place> columns) { sources_.push_back(std::move(columns)); }
  void LeaveOut(CellsLeftOut cells) { left_out_.push_back(std::move(cells)); }

  // Errors: DataLoss.
  absl::StatusOr<std::string> Run(std::span<const SourceRows> rows);

 private:
  absl::Status MergeInOrder(size_t column, ChunkedValues* out);
  absl::StatusOr<std::string> EncodeCuts(size_t column, const RowPlan::Chunk& chunk);
  absl::Status MergeCells(std::span<const SourceRows> rows, size_t column, ChunkedValues* out);
  void Overlay(const SourceRows& rows, size_t source, size_t column);
  // The whole column of a source, decoded once while it is asked for again and again.
  absl::StatusOr<std::span<const double>> Decoded(size_t source, size_t column);

  const RowPlan& plan_;
  const size_t column_count_;
  std::vector<std::vector<Place>> sources_;
  std::vector<CellsLeftOut> left_out_;
  std::vector<double> decoded_;
  std::pair<size_t, size_t> decoded_of_{SIZE_MAX, SIZE_MAX};
  std::vector<double> cells_;
};

}  // namespace baro::tsdb
