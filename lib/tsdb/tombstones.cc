#include "tombstones.h"

#include <algorithm>
#include <utility>

#include "baro/base/strings.h"
#include "bytes.h"

namespace baro::tsdb {
namespace {

// Ids as runs: gap to the end of the run before, length less one.
void PutIds(const Roaring& ids, std::string* bytes) {
  std::string runs;
  uint64_t count = 0;
  uint64_t next = 0;  // the first id behind the last run
  for (auto it = ids.begin(); it != ids.end();) {
    const uint64_t first = *it;
    uint64_t last = first;
    for (++it; it != ids.end() && *it == last + 1; ++it) ++last;
    PutVarint(first - next, &runs);
    PutVarint(last - first, &runs);
    next = last + 1;
    ++count;
  }
  PutVarint(count, bytes);
  bytes->append(runs);
}

bool TakeIds(std::string_view* bytes, Roaring* ids) {
  constexpr uint64_t kEnd = uint64_t{1} << 32;
  uint64_t count = 0;
  if (!TakeVarint(bytes, &count) || count > bytes->size()) return false;
  uint64_t next = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t gap = 0;
    uint64_t more = 0;
    if (!TakeVarint(bytes, &gap) || !TakeVarint(bytes, &more)) return false;
    if (gap >= kEnd - next || more >= kEnd - next - gap) return false;
    ids->addRange(next + gap, next + gap + more + 1);
    next += gap + more + 1;
    if (next == kEnd && i + 1 < count) return false;
  }
  return true;
}

}  // namespace

bool Tombstone::HasTarget(TargetId target) const {
  return std::any_of(series.begin(), series.end(),
                     [&](const Rectangle& one) { return one.targets.contains(target); });
}

bool Tombstone::Has(SeriesId id) const {
  return std::any_of(series.begin(), series.end(), [&](const Rectangle& one) {
    return one.columns.contains(id.column) && one.targets.contains(id.target);
  });
}

std::string EncodeTombstone(const Tombstone& tombstone) {
  std::string bytes;
  PutVarint(tombstone.epoch, &bytes);
  PutVarint(ZigZag(tombstone.range.start_ms), &bytes);
  PutVarint(ZigZag(tombstone.range.end_ms), &bytes);
  PutVarint(tombstone.series.size(), &bytes);
  for (const Rectangle& rectangle : tombstone.series) {
    PutIds(rectangle.targets, &bytes);
    PutIds(rectangle.columns, &bytes);
  }
  return bytes;
}

absl::StatusOr<Tombstone> DecodeTombstone(uint32_t number, std::string_view bytes) {
  const size_t size = bytes.size();
  const auto damaged = [&] {
    return absl::DataLossError(base::StrCat("cannot load tombstone ", number, ": byte ",
                                            size - bytes.size(), " of ", size));
  };
  Tombstone tombstone;
  tombstone.number = number;
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t count = 0;
  if (!TakeVarint(&bytes, &tombstone.epoch) || !TakeVarint(&bytes, &start) ||
      !TakeVarint(&bytes, &end) || !TakeVarint(&bytes, &count) || count > bytes.size()) {
    return damaged();
  }
  tombstone.range = {UnZigZag(start), UnZigZag(end)};
  for (uint64_t i = 0; i < count; ++i) {
    Rectangle rectangle;
    if (!TakeIds(&bytes, &rectangle.targets) || !TakeIds(&bytes, &rectangle.columns)) {
      return damaged();
    }
    tombstone.series.push_back(std::move(rectangle));
  }
  if (!bytes.empty()) return damaged();
  return tombstone;
}

Tombstones::Tombstones(List list) : list_(std::move(list)) {
  for (const auto& tombstone : list_) {
    epoch_max_ = std::max(epoch_max_, tombstone->epoch);
    for (const Rectangle& rectangle : tombstone->series) targets_ |= rectangle.targets;
  }
}

bool Tombstones::Touches(const Written& source, const TimeRange& range) const {
  if (list_.empty() || source.epoch > epoch_max_) return false;
  return std::any_of(list_.begin(), list_.end(), [&](const auto& one) {
    return one->Covers(source) && range.Meets(one->range.start_ms, one->range.end_ms);
  });
}

bool Tombstones::Touches(const Written& source, TargetId target, const TimeRange& range) const {
  if (list_.empty() || source.epoch > epoch_max_ || !targets_.contains(target)) return false;
  return std::any_of(list_.begin(), list_.end(), [&](const auto& one) {
    return one->Covers(source) && range.Meets(one->range.start_ms, one->range.end_ms) &&
           one->HasTarget(target);
  });
}

std::vector<TimeRange> Tombstones::Of(const Written& source, SeriesId id) const {
  std::vector<TimeRange> ranges;
  for (const auto& one : list_) {
    if (one->Covers(source) && !one->range.empty() && one->Has(id)) ranges.push_back(one->range);
  }
  if (ranges.size() < 2) return ranges;
  std::sort(ranges.begin(), ranges.end(),
            [](const TimeRange& a, const TimeRange& b) { return a.start_ms < b.start_ms; });
  size_t last = 0;
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].start_ms <= ranges[last].end_ms) {
      ranges[last].end_ms = std::max(ranges[last].end_ms, ranges[i].end_ms);
    } else {
      ranges[++last] = ranges[i];
    }
  }
  ranges.resize(last + 1);
  return ranges;
}

size_t MaskDeleted(std::span<const TimeRange> ranges, std::span<const int64_t> times_ms,
                   std::span<double> values) {
  size_t masked = 0;
  for (const TimeRange& range : ranges) {
    const auto from = std::lower_bound(times_ms.begin(), times_ms.end(), range.start_ms);
    const auto to = std::upper_bound(from, times_ms.end(), range.end_ms);
    for (auto row = from - times_ms.begin(); row < to - times_ms.begin(); ++row) {
      double& value = values[static_cast<size_t>(row)];
      masked += model::IsNoSample(value) ? 0 : 1;
      value = model::kNoSample;
    }
  }
  return masked;
}

}  // namespace baro::tsdb
