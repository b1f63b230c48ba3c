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
  // Whether its chunks may be copied as they are: they are packed for long, and all their columns
  // stay beside one another.
  bool may_copy = true;
  // Rows that go whole: what is deleted of every column.
  std::vector<TimeRange> dropped;
};

// A chunk of the outcome.
struct PlannedChunk {
  static constexpr uint32_t kMixed = UINT32_MAX;
  uint32_t rows = 0;
  // It is just this chunk of this source; or kMixed.
  uint32_t source = 0;
  uint32_t copied_chunk = kMixed;
};

// Immutable.
class RowPlan {
 public:
  static constexpr uint32_t kNoRow = UINT32_MAX;

  // `may_copy` false: cells have to be looked at one by one even where the sources do not overlap.
  RowPlan(std::span<const SourceRows> sources, bool may_copy);

  const std::vector<int64_t>& times_ms() const { return times_ms_; }
  bool empty() const { return times_ms_.empty(); }
  const std::vector<PlannedChunk>& chunks() const { return chunks_; }
  // For each row of a source the row of the outcome, or kNoRow.
  const std::vector<uint32_t>& rows_of(size_t source) const { return rows_of_[source]; }

 private:
  void Mix(std::span<const SourceRows> sources);  // rows that do not simply follow one another
  void PlanChunks(std::span<const SourceRows> sources, const std::vector<uint32_t>& order);

  std::vector<int64_t> times_ms_;
  std::vector<PlannedChunk> chunks_;
  std::vector<std::vector<uint32_t>> rows_of_;
};

// Rows cut as evenly as may be, into chunks of about kChunkRows.
std::vector<PlannedChunk> EvenChunks(size_t rows);

}  // namespace baro::tsdb
