// BlockMerge: one column-block of one target, from the values that several parts have of it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "part_reader.h"
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

// Thread-compatible. Refers to plan, rows and the sources' bytes.
class BlockMerge {
 public:
  // Where a column of the outgoing block lies in a source: the value and the column in it.
  struct Place {
    const SlotValues* value = nullptr;  // null: the source does not have it
    uint32_t column = 0;
    SlotValues::Referred* referred = nullptr;  // of the value
  };

  BlockMerge(const RowPlan& plan, std::span<const SourceRows> rows) : plan_(plan), rows_(rows) {}

  // Sources in the order of `rows`: by rank, lowest first; a place for each column.
  void AddSource(std::vector<Place> columns) { sources_.push_back(std::move(columns)); }
  void LeaveOut(CellsLeftOut cells) { left_out_.push_back(std::move(cells)); }
  // What a source has at the times at which `other` has samples; `columns` are its columns in the
  // outgoing block.
  void LeaveOutTimesOf(uint32_t source, const PartFragment& other,
                       std::span<const uint32_t> columns);

  // All rows of a column; kNoSample where there is none. Valid until the next call.
  // Errors of both: DataLoss.
  absl::StatusOr<std::span<const double>> Cells(size_t column);
  // The encoding of a chunk that the plan copies, as it lies there.
  absl::StatusOr<std::string_view> Copied(size_t column, const PlannedChunk& chunk);

 private:
  void MaskLeftOut(size_t source, size_t column);

  const RowPlan& plan_;
  const std::span<const SourceRows> rows_;
  std::vector<std::vector<Place>> sources_;
  std::vector<CellsLeftOut> left_out_;
  std::vector<double> masked_;
  std::vector<double> cells_;
  std::vector<std::string_view> pieces_;
};

}  // namespace baro::tsdb
