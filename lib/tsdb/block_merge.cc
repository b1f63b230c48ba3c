#include "block_merge.h"

#include <algorithm>
#include <span>

#include "baro/base/status.h"
#include "baro/codec/column.h"
#include "baro/model/sample.h"

namespace baro::tsdb {

absl::StatusOr<std::string> BlockMerge::Run(std::span<const SourceRows> rows) {
  ChunkedValues out(plan_.chunk_rows());
  for (size_t column = 0; column < column_count_; ++column) {
    BARO_TRY(plan_.in_order() ? MergeInOrder(column, &out) : MergeCells(rows, column, &out));
  }
  return std::move(out).Finish();
}

absl::Status BlockMerge::MergeInOrder(size_t column, ChunkedValues* out) {
  std::vector<std::string> encoded(plan_.chunks().size());
  std::vector<std::string_view> pieces(plan_.chunks().size());
  std::vector<std::string_view> copied;
  size_t copied_source = SIZE_MAX;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const RowPlan::Chunk& chunk = plan_.chunks()[i];
    const size_t source = chunk.cuts.front().source;
    const Place place = sources_[source][column];
    if (chunk.copied_chunk == RowPlan::kMixed || place.value == nullptr) {
      BARO_TRY_ASSIGN(encoded[i], EncodeCuts(column, chunk));
      pieces[i] = encoded[i];
      continue;
    }
    if (copied_source != source) {
      copied.resize(place.value->chunk_rows().size());
      BARO_TRY(place.value->Pieces(place.column, copied));
      copied_source = source;
    }
    pieces[i] = copied[chunk.copied_chunk];
  }
  out->Add(pieces);
  return absl::OkStatus();
}

absl::StatusOr<std::string> BlockMerge::EncodeCuts(size_t column, const RowPlan::Chunk& chunk) {
  cells_.clear();
  for (const RowPlan::Cut& cut : chunk.cuts) {
    BARO_TRY_ASSIGN(const std::span<const double> values, Decoded(cut.source, column));
    if (values.empty()) {
      cells_.insert(cells_.end(), cut.end_row - cut.first_row, model::kNoSample);
    } else {
      const auto part = values.subspan(cut.first_row, cut.end_row - cut.first_row);
      cells_.insert(cells_.end(), part.begin(), part.end());
    }
  }
  std::string bytes;
  codec::EncodeColumn(cells_, &bytes);
  return bytes;
}

absl::StatusOr<std::span<const double>> BlockMerge::Decoded(size_t source, size_t column) {
  const Place place = sources_[source][column];
  if (place.value == nullptr) return std::span<const double>();
  if (decoded_of_ != std::pair(source, column)) {
    decoded_.resize(place.value->row_count());
    BARO_TRY(place.value->Decode(place.column, decoded_));
    decoded_of_ = {source, column};
  }
  return std::span<const double>(decoded_);
}

absl::Status BlockMerge::MergeCells(std::span<const SourceRows> rows, size_t column,
                                    ChunkedValues* out) {
  cells_.assign(plan_.times_ms().size(), model::kNoSample);
  for (size_t source = 0; source < sources_.size(); ++source) {
    if (sources_[source][column].value == nullptr) continue;
    BARO_TRY(Decoded(source, column).status());
    Overlay(rows[source], source, column);
  }
  std::vector<std::string> encoded;
  size_t row = 0;
  for (const uint32_t count : plan_.chunk_rows()) {
    codec::EncodeColumn(std::span(cells_).subspan(row, count), &encoded.emplace_back());
    row += count;
  }
  out->Add(std::vector<std::string_view>(encoded.begin(), encoded.end()));
  return absl::OkStatus();
}

// The cells of decoded_ over those of lower rank.
void BlockMerge::Overlay(const SourceRows& rows, size_t source, size_t column) {
  for (const CellsLeftOut& cells : left_out_) {
    if (cells.source != source || cells.column != column) continue;
    for (size_t row = 0; row < decoded_.size(); ++row) {
      const int64_t time_ms = rows.times_ms[row];
      const auto& others = cells.other_times_ms;
      const bool out =
          std::any_of(cells.ranges.begin(), cells.ranges.end(),
                      [&](const TimeRange& range) { return range.Covers(time_ms, time_ms); }) ||
          std::binary_search(others.begin(), others.end(), time_ms);
      if (out) decoded_[row] = model::kNoSample;
    }
    decoded_of_ = {SIZE_MAX, SIZE_MAX};  // no longer as it lies there
  }
  const std::vector<uint32_t>& places = plan_.rows_of(source);
  for (size_t row = 0; row < decoded_.size(); ++row) {
    if (places[row] == RowPlan::kNoRow || model::IsNoSample(decoded_[row])) continue;
    cells_[places[row]] = decoded_[row];
  }
}

}  // namespace baro::tsdb
