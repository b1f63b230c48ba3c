#include "target_head.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "baro/base/check.h"
#include "baro/model/sample.h"

namespace baro::tsdb {
namespace {

constexpr int kLevelsMax = 4;
constexpr int kSideLevel = kLevelsMax;
// Columns of a group without a layout. Series that part ways (each with times of its own) leave
// rows with a bitmap of this many bits for a single sample; more columns would make that costly.
constexpr size_t kGroupColumnsMax = 512;

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

}  // namespace

Applied& Applied::operator+=(const Applied& other) {
  stored += other.stored;
  duplicate += other.duplicate;
  overwritten += other.overwritten;
  out_of_order += other.out_of_order;
  histograms += other.histograms;
  return *this;
}

std::optional<size_t> TargetHead::FindGroup(const StoredLayout& layout, int level) const {
  for (size_t i = groups_.size(); i-- > 0;) {
    if (groups_[i].rows->layout() == &layout && groups_[i].level == level) return i;
  }
  return std::nullopt;
}

RowGroup* TargetHead::GroupOf(const StoredLayout& layout, int level) {
  if (const auto found = FindGroup(layout, level)) return groups_[*found].rows.get();
  groups_.push_back({std::make_unique<RowGroup>(&layout, rule_), level});
  ++shape_;
  return groups_.back().rows.get();
}

// A column that was absent before and is absent now has no sample.
void TargetHead::AppendRow(const StoredLayout& layout, const codec::Row& row,
                           std::span<const uint64_t> changed, RowHint* hint, Applied* applied) {
  RowGroup* group = GroupOf(layout, 0);
  if (!group->empty() && row.time_ms <= group->last_time_ms()) {
    hint->group = nullptr;
    AppendLateRow(layout, row.time_ms, row.values, applied);
    return;
  }
  if (hint->group != group || hint->rows != group->times_ms().size()) changed = {};
  const size_t absent = group->Append(row.time_ms, row.values, changed);
  applied->stored += row.values.size() - absent;
  hint->group = group;
  hint->rows = group->times_ms().size();
}

// The row at this time as readers see it; empty when there is none. `level` gets the highest level
// that has it.
std::vector<double> TargetHead::ExistingRow(const StoredLayout& layout, int64_t time_ms,
                                            int* level) const {
  std::vector<double> values;
  for (int at = kLevelsMax - 1; at >= 0 && values.empty(); --at) {
    const auto found = FindGroup(layout, at);
    if (!found) continue;
    const RowGroup& rows = *groups_[*found].rows;
    const auto row = rows.FindRow(time_ms);
    if (!row) continue;
    *level = at;
    values.resize(layout.columns.size());
    for (size_t i = 0; i < values.size(); ++i) {
      if (!rows.Read(i, *row, *row + 1, &values[i]).ok()) values[i] = model::kNoSample;
    }
  }
  if (side_.empty()) return values;
  for (size_t i = 0; i < layout.columns.size(); ++i) {
    const auto it = side_.find({layout.columns[i], time_ms});
    if (it == side_.end()) continue;
    if (values.empty()) values.assign(layout.columns.size(), model::kNoSample);
    values[i] = it->second;
    *level = kSideLevel;
  }
  return values;
}

void TargetHead::AppendLateRow(const StoredLayout& layout, int64_t time_ms,
                               std::span<const double> values, Applied* applied) {
  int level = 0;
  const std::vector<double> existing = ExistingRow(layout, time_ms, &level);
  uint64_t same = 0;
  uint64_t different = 0;
  for (size_t i = 0; i < existing.size(); ++i) {
    if (SameBits(existing[i], values[i])) {
      ++same;
    } else if (!model::IsNoSample(existing[i])) {
      ++different;
    }
  }
  applied->duplicate += same;
  applied->overwritten += different;
  if (same == values.size()) return;
  applied->stored += values.size() - same;
  applied->out_of_order += values.size() - same;
  for (int at = existing.empty() ? 1 : level + 1; at < kLevelsMax; ++at) {
    RowGroup* group = GroupOf(layout, at);
    if (!group->empty() && time_ms <= group->last_time_ms()) continue;
    group->Append(time_ms, values);
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) side_[{layout.columns[i], time_ms}] = values[i];
}

void TargetHead::AppendSample(ColumnId column, int64_t time_ms, double value, SeriesHint* hint,
                              Applied* applied) {
  if (levels_.empty()) levels_.resize(1);
  SeriesHint place{hint->group, hint->position + 1};
  const bool guessed = place.group < groups_.size() &&
                       groups_[place.group].rows->layout() == nullptr &&
                       groups_[place.group].level == 0 &&
                       place.position < groups_[place.group].rows->column_count() &&
                       groups_[place.group].rows->column(place.position) == column;
  if (!guessed) {
    const auto it = levels_[0].place_by_column.find(column);
    place = it != levels_[0].place_by_column.end() ? it->second
                                                   : AddSeries(&levels_[0], 0, column, time_ms);
  }
  *hint = place;
  RowGroup& rows = *groups_[place.group].rows;
  if (rows.empty() || time_ms > rows.last_time_ms()) {
    rows.Open(time_ms);
  } else if (time_ms < rows.last_time_ms()) {
    AppendLate(column, time_ms, value, applied);
    return;
  }
  const double before = rows.cell(place.position);
  if (!model::IsNoSample(before)) {
    if (SameBits(before, value)) {
      ++applied->duplicate;
      return;
    }
    ++applied->overwritten;
  }
  rows.SetCell(place.position, value);
  ++applied->stored;
}

// A new series joins the group that is just being written at its time; else it starts one.
SeriesHint TargetHead::AddSeries(Level* level, int number, ColumnId column, int64_t time_ms) {
  bool joins = false;
  if (level->newest_group) {
    const RowGroup& rows = *groups_[*level->newest_group].rows;
    joins = rows.column_count() < kGroupColumnsMax && rows.last_time_ms() == time_ms;
  }
  if (!joins) {
    groups_.push_back({std::make_unique<RowGroup>(nullptr, rule_), number});
    level->newest_group = static_cast<uint32_t>(groups_.size() - 1);
    groups_.back().rows->Open(time_ms);
  }
  ++shape_;
  const uint32_t group = *level->newest_group;
  const SeriesHint place{group, groups_[group].rows->AddColumn(column)};
  level->place_by_column.emplace(column, place);
  return place;
}

std::optional<TargetHead::Existing> TargetHead::FindExisting(ColumnId column,
                                                             int64_t time_ms) const {
  const auto side = side_.find({column, time_ms});
  if (side != side_.end()) return Existing{side->second, kSideLevel};
  for (size_t level = levels_.size(); level-- > 0;) {
    const auto it = levels_[level].place_by_column.find(column);
    if (it == levels_[level].place_by_column.end()) continue;
    const RowGroup& rows = *groups_[it->second.group].rows;
    const auto row = rows.FindRow(time_ms);
    double value = model::kNoSample;
    if (!row || !rows.Read(it->second.position, *row, *row + 1, &value).ok()) continue;
    if (!model::IsNoSample(value)) return Existing{value, static_cast<int>(level)};
  }
  return std::nullopt;
}

void TargetHead::AppendLate(ColumnId column, int64_t time_ms, double value, Applied* applied) {
  const auto existing = FindExisting(column, time_ms);
  if (existing && SameBits(existing->value, value)) {
    ++applied->duplicate;
    return;
  }
  ++applied->stored;
  ++applied->out_of_order;
  if (existing) ++applied->overwritten;
  SeriesHint place;
  for (int level = existing ? existing->level + 1 : 1; level < kLevelsMax; ++level) {
    if (TryLevel(level, column, time_ms, value, &place)) return;
  }
  side_[{column, time_ms}] = value;
}

bool TargetHead::TryLevel(int level, ColumnId column, int64_t time_ms, double value,
                          SeriesHint* place) {
  const auto number = static_cast<size_t>(level);
  if (levels_.size() <= number) levels_.resize(number + 1);
  const auto it = levels_[number].place_by_column.find(column);
  *place = it != levels_[number].place_by_column.end()
               ? it->second
               : AddSeries(&levels_[number], level, column, time_ms);
  RowGroup& rows = *groups_[place->group].rows;
  if (rows.empty() || time_ms > rows.last_time_ms()) {
    rows.Open(time_ms);
  } else if (time_ms < rows.last_time_ms() || !model::IsNoSample(rows.cell(place->position))) {
    return false;
  }
  rows.SetCell(place->position, value);
  return true;
}

void TargetHead::Freeze() {
  for (const Group& group : groups_) group.rows->Freeze();
  levels_ = {};
  groups_.shrink_to_fit();
  frozen_ = true;
}

bool TargetHead::FindEncoded(const GroupSnapshot& group, std::span<const uint32_t> positions,
                             size_t begin, size_t end,
                             std::vector<std::string_view>* columns) const {
  base::MutexLock lock(&mutex_);
  columns->clear();
  for (const uint32_t position : positions) {
    const auto bytes = frozen_ ? group.rows->EncodedColumn(position, begin, end) : std::nullopt;
    if (!bytes) return false;
    columns->push_back(*bytes);
  }
  return true;
}

size_t TargetHead::bytes() const {
  // A btree entry: key and value, nodes three quarters full.
  constexpr size_t kSideBytes = 32;
  size_t bytes = sizeof(*this) + side_.size() * kSideBytes + groups_.capacity() * sizeof(Group);
  for (const Group& group : groups_) bytes += group.rows->bytes();
  for (const Level& level : levels_) {
    bytes += sizeof(level) +
             level.place_by_column.capacity() * (sizeof(ColumnId) + sizeof(SeriesHint) + 1);
  }
  return bytes;
}

size_t TargetHead::series_count() const {
  size_t count = 0;
  for (const Group& group : groups_) {
    if (group.level == 0) count += group.rows->series_count();
  }
  return count;
}

TargetSnapshot TargetHead::Snapshot() const {
  base::MutexLock lock(&mutex_);
  TargetSnapshot snapshot;
  // Of a level in the order they were made: the younger group is above.
  for (int level = 0; level < kLevelsMax; ++level) {
    for (const Group& group : groups_) {
      if (group.level != level || group.rows->empty()) continue;
      snapshot.groups.push_back({group.rows.get(), level, group.rows->times_ms().size(), {}});
      const RowGroup& rows = *group.rows;
      for (uint32_t i = 0; rows.open() && i < rows.column_count(); ++i) {
        if (model::IsNoSample(rows.cell(i))) snapshot.groups.back().empty_cells.push_back(i);
      }
    }
  }
  for (const auto& [key, value] : side_) {
    snapshot.side.push_back({key.first, key.second, value});
  }
  return snapshot;
}

ColumnPlaces TargetHead::PlacesIn(size_t group, const Roaring& columns) const {
  const RowGroup& rows = *groups_[group].rows;
  ColumnPlaces places;
  if (!frozen_ && columns.cardinality() < rows.column_count() / 4) {
    const auto& known = levels_[static_cast<size_t>(groups_[group].level)].place_by_column;
    for (const ColumnId column : columns) {
      const auto it = known.find(column);
      if (it == known.end() || it->second.group != group) continue;
      places.emplace_back(column, it->second.position);
    }
    return places;
  }
  for (uint32_t i = 0; i < rows.column_count(); ++i) {
    if (columns.contains(rows.column(i))) places.emplace_back(rows.column(i), i);
  }
  std::sort(places.begin(), places.end());
  return places;
}

std::vector<GroupPlaces> TargetHead::Places(const Roaring& columns) const {
  base::MutexLock lock(&mutex_);
  std::vector<GroupPlaces> found;
  for (int level = 0; level < kLevelsMax; ++level) {
    for (size_t i = 0; i < groups_.size(); ++i) {
      const RowGroup* rows = groups_[i].rows.get();
      if (groups_[i].level != level) continue;
      if (rows->layout() != nullptr) {
        found.push_back({rows, level, nullptr});
        continue;
      }
      ColumnPlaces places = PlacesIn(i, columns);
      if (places.empty()) continue;
      found.push_back({rows, level, std::make_shared<const ColumnPlaces>(std::move(places))});
    }
  }
  return found;
}

void TargetHead::Look(std::span<const GroupPlaces> groups, const TimeRange& range,
                      std::vector<GroupLook>* looks, std::vector<SideSample>* side) const {
  base::MutexLock lock(&mutex_);
  for (const GroupPlaces& group : groups) {
    const RowGroup& rows = *group.rows;
    if (!rows.IsPresentIn(range)) continue;
    GroupLook look{&group, {&rows, group.level, rows.times_ms().size(), {}}, true, {}};
    const auto is_there = [&](const auto& place) {
      return rows.IsColumnPresentIn(range, place.second);
    };
    look.all_columns = std::all_of(group.columns->begin(), group.columns->end(), is_there);
    if (!look.all_columns) {
      std::copy_if(group.columns->begin(), group.columns->end(), std::back_inserter(look.columns),
                   is_there);
      if (look.columns.empty()) continue;
    }
    if (rows.open()) {
      for (const auto& [column, position] : *group.columns) {
        if (model::IsNoSample(rows.cell(position))) look.rows.empty_cells.push_back(position);
      }
      std::sort(look.rows.empty_cells.begin(), look.rows.empty_cells.end());
    }
    looks->push_back(std::move(look));
  }
  for (const auto& [key, value] : side_) {
    if (!range.Meets(key.second, key.second)) continue;
    const auto has = [column = key.first](const GroupPlaces& group) {
      const auto it = std::lower_bound(group.columns->begin(), group.columns->end(),
                                       std::pair<ColumnId, uint32_t>{column, 0});
      return it != group.columns->end() && it->first == column;
    };
    if (std::any_of(groups.begin(), groups.end(), has)) {
      side->push_back({key.first, key.second, value});
    }
  }
}

bool TargetHead::IsThere(std::span<const GroupPlaces> groups, const TimeRange& range) const {
  {
    base::MutexLock lock(&mutex_);
    for (const GroupPlaces& group : groups) {
      const RowGroup& rows = *group.rows;
      const auto is_there = [&](const auto& place) {
        return rows.IsColumnPresentIn(range, place.second);
      };
      if (rows.IsPresentIn(range) &&
          std::any_of(group.columns->begin(), group.columns->end(), is_there)) {
        return true;
      }
    }
    if (side_.empty()) return false;
  }
  std::vector<GroupLook> looks;
  std::vector<SideSample> side;
  Look(groups, range, &looks, &side);
  return !looks.empty() || !side.empty();
}

absl::Status TargetHead::Read(const GroupSnapshot& group, std::span<const uint32_t> positions,
                              size_t begin, size_t end, double* values) const {
  base::MutexLock lock(&mutex_);
  for (const uint32_t position : positions) {
    if (absl::Status status = group.rows->Read(position, begin, end, values); !status.ok()) {
      return status;
    }
    values += end - begin;
    // What was written to the open row after the snapshot is not in it.
    if (end == group.row_count && begin < end &&
        std::binary_search(group.empty_cells.begin(), group.empty_cells.end(), position)) {
      values[-1] = model::kNoSample;
    }
  }
  return absl::OkStatus();
}

absl::Status TargetHead::ReadRow(const GroupSnapshot& group, std::span<const uint32_t> positions,
                                 size_t row, double* values) const {
  base::MutexLock lock(&mutex_);
  if (absl::Status status = group.rows->ReadRow(positions, row, values); !status.ok()) {
    return status;
  }
  if (row + 1 != group.row_count || group.empty_cells.empty()) return absl::OkStatus();
  for (size_t i = 0; i < positions.size(); ++i) {
    if (std::binary_search(group.empty_cells.begin(), group.empty_cells.end(), positions[i])) {
      values[i] = model::kNoSample;
    }
  }
  return absl::OkStatus();
}

std::vector<int64_t> TargetHead::ReadTimes(const GroupSnapshot& group, int64_t start_ms,
                                           int64_t end_ms, size_t* first_row) const {
  base::MutexLock lock(&mutex_);
  const std::vector<int64_t>& times = group.rows->times_ms();
  const auto last = times.begin() + static_cast<ptrdiff_t>(group.row_count);
  const auto from = std::lower_bound(times.begin(), last, start_ms);
  const auto to = std::upper_bound(from, last, end_ms);
  *first_row = static_cast<size_t>(from - times.begin());
  return {from, to};
}

}  // namespace baro::tsdb
