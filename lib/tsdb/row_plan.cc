#include "row_plan.h"

#include <algorithm>

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

// The sources that have rows, by time; empty when they do not follow one another.
std::vector<uint32_t> InOrder(std::span<const SourceRows> sources) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < sources.size(); ++i) {
    if (!sources[i].dropped.empty()) return {};
    if (!sources[i].times_ms.empty()) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return sources[a].times_ms.front() < sources[b].times_ms.front();
  });
  for (size_t i = 1; i < order.size(); ++i) {
    if (sources[order[i - 1]].times_ms.back() >= sources[order[i]].times_ms.front()) return {};
  }
  return order;
}

}  // namespace

std::vector<PlannedChunk> EvenChunks(size_t rows) {
  const size_t count = (rows + kChunkRows - 1) / kChunkRows;
  std::vector<PlannedChunk> chunks;
  for (size_t i = 0; i < count; ++i) {
    chunks.push_back({static_cast<uint32_t>(rows * (i + 1) / count - rows * i / count)});
  }
  return chunks;
}

RowPlan::RowPlan(std::span<const SourceRows> sources, bool may_copy) {
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
  const std::vector<uint32_t> order = may_copy ? InOrder(sources) : std::vector<uint32_t>();
  if (order.empty()) {
    chunks_ = EvenChunks(times_ms_.size());
  } else {
    PlanChunks(sources, order);
  }
}

void RowPlan::PlanChunks(std::span<const SourceRows> sources, const std::vector<uint32_t>& order) {
  uint32_t open = 0;
  const auto close = [&] {
    if (open > 0) chunks_.push_back({open});
    open = 0;
  };
  for (const uint32_t source : order) {
    const std::vector<uint32_t>& chunk_rows = sources[source].chunk_rows;
    for (uint32_t chunk = 0; chunk < chunk_rows.size(); ++chunk) {
      uint32_t rows = chunk_rows[chunk];
      // A short beginning is rather joined to what follows than left alone.
      const bool joined = open > 0 && open < kCopiedRowsMin && open + rows <= kCopiedRowsMax;
      if (joined) {
        open += rows;
      } else if (sources[source].may_copy && rows >= kCopiedRowsMin && rows <= kCopiedRowsMax) {
        close();
        chunks_.push_back({rows, source, chunk});
      } else {
        for (; rows > 0; open >= kChunkRows ? close() : void()) {
          const uint32_t taken = std::min(static_cast<uint32_t>(kChunkRows) - open, rows);
          open += taken;
          rows -= taken;
        }
      }
      if (open >= kChunkRows) close();
    }
  }
  close();
}

}  // namespace baro::tsdb
