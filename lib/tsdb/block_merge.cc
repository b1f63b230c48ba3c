#include "block_merge.h"

#include <algorithm>

#include "baro/base/status.h"
#include "baro/model/sample.h"

namespace baro::tsdb {

absl::StatusOr<std::span<const double>> BlockMerge::Cells(size_t column) {
  cells_.assign(plan_.times_ms().size(), model::kNoSample);
  for (size_t source = 0; source < sources_.size(); ++source) {
    const Place place = sources_[source][column];
    if (place.value == nullptr) continue;
    BARO_TRY_ASSIGN(
        std::span<const double> decoded,
        place.value->Decode(place.column, 0, place.value->chunk_rows().size(), place.referred));
    if (!left_out_.empty()) {
      // A copy, as other columns may refer to what is left out of this one.
      masked_.assign(decoded.begin(), decoded.end());
      MaskLeftOut(source, column);
      decoded = masked_;
    }
    const std::vector<uint32_t>& rows = plan_.rows_of(source);
    for (size_t row = 0; row < decoded.size(); ++row) {
      if (rows[row] == RowPlan::kNoRow || model::IsNoSample(decoded[row])) continue;
      cells_[rows[row]] = decoded[row];
    }
  }
  return std::span<const double>(cells_);
}

void BlockMerge::LeaveOutTimesOf(uint32_t source, const PartFragment& other,
                                 std::span<const uint32_t> columns) {
  const size_t rows = other.times_ms.size();
  for (size_t i = 0; i < columns.size(); ++i) {
    CellsLeftOut cells{source, columns[i], {}, {}};
    for (size_t row = 0; row < rows; ++row) {
      if (!model::IsNoSample(other.values[i * rows + row])) {
        cells.other_times_ms.push_back(other.times_ms[row]);
      }
    }
    if (!cells.other_times_ms.empty()) LeaveOut(std::move(cells));
  }
}

void BlockMerge::MaskLeftOut(size_t source, size_t column) {
  for (const CellsLeftOut& cells : left_out_) {
    if (cells.source != source || cells.column != column) continue;
    for (size_t row = 0; row < masked_.size(); ++row) {
      const int64_t time_ms = rows_[source].times_ms[row];
      const bool deleted =
          std::any_of(cells.ranges.begin(), cells.ranges.end(),
                      [&](const TimeRange& range) { return range.Covers(time_ms, time_ms); });
      const auto& others = cells.other_times_ms;
      if (deleted || std::binary_search(others.begin(), others.end(), time_ms)) {
        masked_[row] = model::kNoSample;
      }
    }
  }
}

absl::StatusOr<std::string_view> BlockMerge::Copied(size_t column, const PlannedChunk& chunk) {
  const Place place = sources_[chunk.source][column];
  pieces_.resize(place.value->chunk_rows().size());
  BARO_TRY(place.value->Pieces(place.column, pieces_));
  return pieces_[chunk.copied_chunk];
}

}  // namespace baro::tsdb
