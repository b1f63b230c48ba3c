#include "row_plan.h"

#include <algorithm>
#include <numeric>

#include "slot_value.h"

namespace baro::tsdb {
namespace {

// A chunk of these sizes is copied as it is; smaller ones are joined, larger ones cut.
constexpr uint32_t kCopiedRowsMin = kChunkRows / 2;
constexpr uint32_t kCopiedRowsMax = kChunkRows * 3 / 2;

bool IsIn(const std::vector<TimeRange>& ranges, int64_t time_ms) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const TimeRange& range) { return range.Covers(time_ms, time_ms); });
}

// Chunks as equal as may be, none longer than kChunkRows.
std::vector<uint32_t> EvenChunks(size_t rows) {
  const size_t count = (rows + kChunkRows - 1) / kChunkRows;
  std::vector<uint32_t> chunks;
  for (size_t i = 0; i < count; ++i) {
    chunks.push_back(static_cast<uint32_t>(rows * (i + 1) / count - rows * i / count));
  }
  return chunks;
}

}  // namespace

RowPlan::RowPlan(std::span<const SourceRows> sources, bool in_order) {
  std::vector<uint32_t> order;
  bool drops = false;
  for (uint32_t i = 0; i < sources.size(); ++i) {
    if (!sources[i].times_ms.empty()) order.push_back(i);
    drops = drops || !sources[i].dropped.empty();
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return sources[a].times_ms.front() < sources[b].times_ms.front();
  });
  in_order_ = in_order && !drops;
  for (size_t i = 1; i < order.size() && in_order_; ++i) {
    in_order_ = sources[order[i - 1]].times_ms.back() < sources[order[i]].times_ms.front();
  }
  if (in_order_) {
    PlanChunks(sources, order);
  } else {
    PlanRows(sources);
  }
}

void RowPlan::PlanChunks(std::span<const SourceRows> sources, const std::vector<uint32_t>& order) {
  Chunk open;
  const auto close = [&] {
    if (open.rows == 0) return;
    chunk_rows_.push_back(open.rows);
    chunks_.push_back(std::move(open));
    open = {};
  };
  for (const uint32_t source : order) {
    const SourceRows& rows = sources[source];
    times_ms_.insert(times_ms_.end(), rows.times_ms.begin(), rows.times_ms.end());
    uint32_t row = 0;
    for (uint32_t chunk = 0; chunk < rows.chunk_rows.size(); ++chunk) {
      const uint32_t count = rows.chunk_rows[chunk];
      const bool copied = count >= kCopiedRowsMin && count <= kCopiedRowsMax;
      // A short beginning is rather joined to what follows than left alone.
      const bool joined =
          open.rows > 0 && open.rows < kCopiedRowsMin && open.rows + count <= kCopiedRowsMax;
      if (copied && !joined) {
        close();
        open = {{{source, row, row + count}}, chunk, count};
        close();
        row += count;
        continue;
      }
      for (const uint32_t end = row + count; row < end;) {
        const uint32_t room = joined ? count : static_cast<uint32_t>(kChunkRows) - open.rows;
        const uint32_t taken = std::min(room, end - row);
        open.cuts.push_back({source, row, row + taken});
        open.rows += taken;
        row += taken;
        if (open.rows >= kChunkRows) close();
      }
    }
  }
  close();
}

void RowPlan::PlanRows(std::span<const SourceRows> sources) {
  for (const SourceRows& rows : sources) {
    for (const int64_t time_ms : rows.times_ms) {
      if (!IsIn(rows.dropped, time_ms)) times_ms_.push_back(time_ms);
    }
  }
  std::sort(times_ms_.begin(), times_ms_.end());
  times_ms_.erase(std::unique(times_ms_.begin(), times_ms_.end()), times_ms_.end());
  for (const SourceRows& rows : sources) {
    std::vector<uint32_t>& places = rows_of_.emplace_back();
    auto next = times_ms_.begin();
    for (const int64_t time_ms : rows.times_ms) {
      next = std::lower_bound(next, times_ms_.end(), time_ms);
      const bool found =
          next != times_ms_.end() && *next == time_ms && !IsIn(rows.dropped, time_ms);
      places.push_back(found ? static_cast<uint32_t>(next - times_ms_.begin()) : kNoRow);
    }
  }
  chunk_rows_ = EvenChunks(times_ms_.size());
}

}  // namespace baro::tsdb
