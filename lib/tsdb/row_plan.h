// RowPlan: how the rows that several parts have of one target become one run of rows, cut into
// chunks; the same for each of its column-blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "time_range.h"

namespace baro::tsdb {

// What one part has of the target.
struct SourceRows {
  std::vector<int64_t> times_ms;
  std::vector<uint32_t> chunk_rows;
  // Rows that go whole: what is dropped of every column.
  std::vector<TimeRange> dropped;
};

// Immutable.
class RowPlan {
 public:
  // Rows of a source that follow one another in a chunk: chunks [first_chunk, end_chunk) are needed
  // to get at them.
  struct Cut {
    uint32_t source = 0;
    uint32_t first_row = 0;
    uint32_t end_row = 0;
  };
  // A chunk of the outcome when the sources follow one another in time.
  struct Chunk {
    std::vector<Cut> cuts;
    // It is just this chunk of the only cut's source; or kMixed.
    uint32_t copied_chunk = kMixed;
    uint32_t rows = 0;
  };
  static constexpr uint32_t kMixed = UINT32_MAX;
  static constexpr uint32_t kNoRow = UINT32_MAX;

  // `in_order` false: cells have to be looked at one by one even where the sources do not overlap.
  RowPlan(std::span<const SourceRows> sources, bool in_order);

  const std::vector<int64_t>& times_ms() const { return times_ms_; }
  const std::vector<uint32_t>& chunk_rows() const { return chunk_rows_; }
  bool empty() const { return times_ms_.empty(); }
  // The sources follow one another: chunks() say how. Else rows_of() do.
  bool in_order() const { return in_order_; }
  const std::vector<Chunk>& chunks() const { return chunks_; }
  // For each row of a source the row of the outcome, or kNoRow.
  const std::vector<uint32_t>& rows_of(size_t source) const { return rows_of_[source]; }

 private:
  void PlanChunks(std::span<const SourceRows> sources, const std::vector<uint32_t>& order);
  void PlanRows(std::span<const SourceRows> sources);

  bool in_order_ = false;
  std::vector<int64_t> times_ms_;
  std::vector<uint32_t> chunk_rows_;
  std::vector<Chunk> chunks_;
  std::vector<std::vector<uint32_t>> rows_of_;
};

}  // namespace baro::tsdb
