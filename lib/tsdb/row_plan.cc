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
  if (rows == 0) return {};
  const size_t count = std::max<size_t>(1, (rows + kChunkRows / 2) / kChunkRows);
  std::vector<PlannedChunk> chunks;
  for (size_t i = 0; i < count; ++i) {
    chunks.push_back({static_cast<uint32_t>(rows * (i + 1) / count - rows * i / count)});
  }
  return chunks;
}

RowPlan::RowPlan(std::span<const SourceRows> sources, bool may_copy) : rows_of_(sources.size()) {
  const std::vector<uint32_t> order = InOrder(sources);
  if (order.empty()) {
    Mix(sources);
  } else {
    for (const uint32_t source : order) {
      for (const int64_t time_ms : sources[source].times_ms) {
        rows_of_[source].push_back(static_cast<uint32_t>(times_ms_.size()));
        times_ms_.push_back(time_ms);
      }
    }
  }
  if (order.empty() || !may_copy) {
    chunks_ = EvenChunks(times_ms_.size());
  } else {
    PlanChunks(sources, order);
  }
}

void RowPlan::Mix(std::span<const SourceRows> sources) {
  for (const SourceRows& rows : sources) {
    for (const int64_t time_ms : rows.times_ms) {
      if (!IsIn(rows.dropped, time_ms)) times_ms_.push_back(time_ms);
    }
  }
  std::sort(times_ms_.begin(), times_ms_.end());
  times_ms_.erase(std::unique(times_ms_.begin(), times_ms_.end()), times_ms_.end());
  for (size_t source = 0; source < sources.size(); ++source) {
    const SourceRows& rows = sources[source];
    auto next = times_ms_.begin();
    for (const int64_t time_ms : rows.times_ms) {
      next = std::lower_bound(next, times_ms_.end(), time_ms);
      const bool found =
          next != times_ms_.end() && *next == time_ms && !IsIn(rows.dropped, time_ms);
      rows_of_[source].push_back(found ? static_cast<uint32_t>(next - times_ms_.begin()) : kNoRow);
    }
  }
}

void RowPlan::PlanChunks(std::span<const SourceRows> sources, const std::vector<uint32_t>& order) {
  uint32_t open = 0;
  // A short end goes with what is before it: a few rows cost a column as much as many.
  const auto close = [&] {
    const bool joined = open > 0 && open < kCopiedRowsMin && !chunks_.empty() &&
                        chunks_.back().copied_chunk == PlannedChunk::kMixed &&
                        chunks_.back().rows + open <= kCopiedRowsMax;
    if (joined) {
      chunks_.back().rows += open;
    } else if (open > 0) {
      chunks_.push_back({open});
    }
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
