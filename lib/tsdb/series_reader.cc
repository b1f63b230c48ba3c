#include "series_reader.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <tuple>

#include "baro/base/status.h"
#include "baro/model/sample.h"
#include "slot_value.h"

namespace baro::tsdb {
namespace {

// Values decoded at a time: 8 MB.
constexpr size_t kBatchValuesMax = size_t{1} << 20;
constexpr size_t kBatchSeriesMax = 4'096;
// Priorities: parts by rank, then heads by age, in each first the groups, then the side map.
constexpr uint64_t kHeadPriority = uint64_t{1} << 40;
constexpr uint64_t kSidePriority = uint64_t{1} << 20;

// Whether some values must not be seen: cells without a sample, and marks of histograms where
// nobody asked for them.
bool AnyHidden(const double* values, size_t count, bool histograms) {
  static_assert(model::kHistogramBits == model::kNoSampleBits + 1);
  const uint64_t hidden_max = histograms ? 0 : 1;
  bool found = false;
  for (size_t i = 0; i < count; ++i) {
    found |= std::bit_cast<uint64_t>(values[i]) - model::kNoSampleBits <= hidden_max;
  }
  return found;
}

// Of one target: about as much of them as the range has of the part's time, and a chunk's rest.
size_t RowsWithin(const Part& part, const StoredSeriesSet& set) {
  const double span = static_cast<double>(part.time_ms_max) - static_cast<double>(part.time_ms_min);
  const double inside = static_cast<double>(std::min(set.end_ms(), part.time_ms_max)) -
                        static_cast<double>(std::max(set.start_ms(), part.time_ms_min));
  if (span <= 0 || inside >= span) return part.rows_max;
  const double rows = static_cast<double>(part.rows_max) * std::max(inside, 0.0) / span;
  return std::min<size_t>(part.rows_max, static_cast<size_t>(rows) + kChunkRows);
}

// Calls visit(column, position) for those of `places` that are among `wanted`; both by column.
template <typename Visit>
void ForEachWanted(const std::vector<ColumnId>& wanted, const ColumnPlaces& places, Visit visit) {
  if (wanted.size() * 8 < places.size()) {
    for (const ColumnId column : wanted) {
      const auto it =
          std::lower_bound(places.begin(), places.end(), ColumnPlaces::value_type{column, 0});
      if (it != places.end() && it->first == column) visit(column, it->second);
    }
    return;
  }
  auto next = wanted.begin();
  for (const auto& [column, position] : places) {
    while (next != wanted.end() && *next < column) ++next;
    if (next == wanted.end()) return;
    if (*next == column) visit(column, position);
  }
}

void SortByPosition(std::vector<ColumnId>* columns, std::vector<uint32_t>* positions) {
  if (std::is_sorted(positions->begin(), positions->end())) return;
  std::vector<std::pair<uint32_t, ColumnId>> places;
  for (size_t i = 0; i < columns->size(); ++i) places.emplace_back((*positions)[i], (*columns)[i]);
  std::sort(places.begin(), places.end());
  for (size_t i = 0; i < places.size(); ++i) std::tie((*positions)[i], (*columns)[i]) = places[i];
}

bool AllStale(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), model::IsStaleNan);
}

}  // namespace

std::unique_ptr<model::SeriesReader> StoredSeriesSet::Read(size_t begin, size_t end) const {
  return std::make_unique<StoredSeriesReader>(*this, begin, end);
}

// Of parts by their size, of heads by their times.
std::optional<uint64_t> StoredSeriesSet::EstimateSamples() const {
  std::vector<uint64_t> rows_of_run;
  for (const PartRun& run : selection_->runs) {
    uint64_t& rows = rows_of_run.emplace_back(0);
    for (const auto& part : run.parts) rows += RowsWithin(*part, *this);
  }
  uint64_t samples = 0;
  for (const SelectedTarget& target : selection_->targets) {
    for (const auto& [run, layout] : target.parts) {
      samples += rows_of_run[run] * layout->columns.size();
    }
    for (const SelectedGroup& group : target.groups) {
      size_t first_row = 0;
      const auto times_ms = group.head->ReadTimes(group.rows, start_ms_, end_ms_, &first_row);
      samples += times_ms.size() * group.columns->size();
    }
    samples += target.side.size();
  }
  return samples;
}

StoredSeriesReader::StoredSeriesReader(const StoredSeriesSet& set, size_t begin, size_t end)
    : set_(set),
      next_(begin),
      end_(std::min(end, set.size())),
      batch_end_(begin),
      part_reader_(*set.keep().database, set.keep().damaged_total.get(),
                   {set.start_ms(), set.end_ms()}),
      assembly_(set.keep().dictionary.get()),
      newest_only_(set.newest_only() && set.selection().components().empty() &&
                   set.selection().view->tombstones->empty()) {
  part_reader_.SetAside(set.keep().quarantine.get());
  for (const PartRun& run : set.selection().runs) {
    for (const auto& part : run.parts) rows_estimate_ += RowsWithin(*part, set);
  }
}

size_t StoredSeriesReader::BatchSize() const {
  size_t rows = rows_estimate_ + 1;
  const SelectedSeries first = set_.selection().series[next_];
  for (const SelectedGroup& group : set_.selection().targets[first.target].groups) {
    rows += group.rows.row_count;
  }
  if (set_.selection().components().empty()) {
    return std::clamp<size_t>(kBatchValuesMax / rows, 1, kBatchSeriesMax);
  }
  size_t size = 0;
  for (size_t values = 0; values < kBatchValuesMax && next_ + size < end_; ++size) {
    values += rows * (1 + ComponentCount(next_ + size));
  }
  return std::clamp<size_t>(size, 1, kBatchSeriesMax);
}

absl::StatusOr<bool> StoredSeriesReader::Next(model::SeriesView* view) {
  while (next_ < end_) {
    if (next_ == batch_end_) {
      if (absl::Status status = LoadBatch(); !status.ok()) {
        next_ = batch_end_;  // whoever goes on reading gets the rest
        return status;
      }
    }
    const Selection& selection = set_.selection();
    const SelectedSeries series = selection.series[next_];
    pieces_.clear();
    Gather(series, &pieces_);
    const auto twins = selection.twins.find(next_);
    if (twins != selection.twins.end()) {
      for (const SelectedSeries& twin : twins->second) Gather(twin, &pieces_);
      AssembleMerged(pieces_, view);
    } else if (!AssembleShared(series, pieces_, view)) {
      AssembleMerged(pieces_, view);
    }
    view->histograms = {};
    if (!selection.components().empty()) AttachHistograms(next_, view);
    view->index = next_++;
    // Columns that were absent all the time have no samples to speak of.
    if (!view->values.empty() && !AllStale(view->values)) return true;
  }
  return false;
}

absl::Status StoredSeriesReader::LoadBatch() {
  batch_.clear();
  last_target_ = UINT32_MAX;
  batch_end_ = std::min(end_, next_ + BatchSize());
  absl::flat_hash_map<uint32_t, std::vector<ColumnId>> wanted;
  CollectWanted(&wanted);
  for (auto& [index, columns] : wanted) {
    std::sort(columns.begin(), columns.end());
    auto& target = batch_[index];
    target = std::make_unique<BatchTarget>();
    WantParts(index, columns, target.get());
  }
  BARO_TRY(part_reader_.Fetch());
  for (const auto& [index, columns] : wanted) {
    BatchTarget* target = batch_[index].get();
    BARO_TRY(LoadGroups(index, columns, target));
    LoadSide(index, columns, target);
    LeaveOutDeleted(index, target);
    Arrange(target);
  }
  return absl::OkStatus();
}

void StoredSeriesReader::CollectWanted(
    absl::flat_hash_map<uint32_t, std::vector<ColumnId>>* wanted) const {
  const Selection& selection = set_.selection();
  uint32_t last = UINT32_MAX;
  std::vector<ColumnId>* columns = nullptr;
  const auto want = [&](const SelectedSeries& series) {
    if (series.target != last) columns = &(*wanted)[series.target];
    last = series.target;
    columns->push_back(ColumnOf(series));
    if (selection.components().empty()) return;
    const ComponentList* components = ComponentsOf(columns->back());
    if (components == nullptr) return;
    for (const Component& component : *components) columns->push_back(component.column);
  };
  for (size_t i = next_; i < batch_end_; ++i) {
    want(selection.series[i]);
    const auto twins = selection.twins.find(i);
    if (twins == selection.twins.end()) continue;
    for (const SelectedSeries& twin : twins->second) want(twin);
  }
}

void StoredSeriesReader::WantParts(uint32_t index, const std::vector<ColumnId>& columns,
                                   BatchTarget* target) {
  const Selection& selection = set_.selection();
  for (const auto& [run, layout] : selection.targets[index].parts) {
    std::vector<std::pair<uint32_t, ColumnId>> chosen;  // by position, as the values lie
    ForEachWanted(columns, layout->columns, [&](ColumnId column, uint32_t position) {
      chosen.emplace_back(position, column);
    });
    if (chosen.empty()) continue;
    std::sort(chosen.begin(), chosen.end());
    for (const auto& part : selection.runs[run].parts) {
      Fragment& fragment = target->fragments.emplace_back();
      fragment.priority = part->rank;
      fragment.written = part->written;
      for (const auto& [position, column] : chosen) {
        fragment.rows.positions.push_back(position);
        fragment.columns.push_back(column);
      }
      part_reader_.Want(*part, layout->layout->id, selection.targets[index].id, &fragment.rows);
    }
  }
}

absl::Status StoredSeriesReader::LoadGroups(uint32_t index, const std::vector<ColumnId>& columns,
                                            BatchTarget* target) {
  uint64_t order = 0;
  for (const SelectedGroup& group : set_.selection().targets[index].groups) {
    Fragment fragment;
    // A younger head's samples came after all of an older one's, its side map among them.
    fragment.priority = kHeadPriority * (group.head_number + 1) + order++;
    fragment.written.epoch = set_.selection().view->heads[group.head_number]->epoch();
    ForEachWanted(columns, *group.columns, [&](ColumnId column, uint32_t position) {
      fragment.columns.push_back(column);
      fragment.rows.positions.push_back(position);
    });
    if (fragment.columns.empty()) continue;
    BARO_TRY(ReadGroup(group, &fragment));
    if (fragment.rows.times_ms.empty()) continue;
    target->fragments.push_back(std::move(fragment));
  }
  return absl::OkStatus();
}

// Where only the newest sample is wanted one row will do, unless some column has none in it.
absl::Status StoredSeriesReader::ReadGroup(const SelectedGroup& group, Fragment* fragment) const {
  size_t first_row = 0;
  PartFragment& read = fragment->rows;
  read.times_ms = group.head->ReadTimes(group.rows, set_.start_ms(), set_.end_ms(), &first_row);
  const size_t rows = read.times_ms.size();
  if (rows == 0) return absl::OkStatus();
  const size_t columns = fragment->columns.size();
  if (newest_only_ && rows > 1) {
    read.values.resize(columns);
    SortByPosition(&fragment->columns, &read.positions);
    BARO_TRY(
        group.head->ReadRow(group.rows, read.positions, first_row + rows - 1, read.values.data()));
    if (!AnyHidden(read.values.data(), columns, true)) {
      read.times_ms.erase(read.times_ms.begin(), read.times_ms.end() - 1);
      return absl::OkStatus();
    }
  }
  read.values.resize(rows * columns);
  return group.head->Read(group.rows, read.positions, first_row, first_row + rows,
                          read.values.data());
}

void StoredSeriesReader::LoadSide(uint32_t index, const std::vector<ColumnId>& columns,
                                  BatchTarget* target) const {
  const auto& side = set_.selection().targets[index].side;
  for (size_t begin = 0; begin < side.size();) {
    const auto [head, first] = side[begin];
    Fragment fragment;
    fragment.priority = kHeadPriority * (head + 1) + kSidePriority;
    fragment.written.epoch = set_.selection().view->heads[head]->epoch();
    fragment.columns.push_back(first.column);
    size_t end = begin;
    for (; end < side.size() && side[end].first == head && side[end].second.column == first.column;
         ++end) {
      fragment.rows.times_ms.push_back(side[end].second.time_ms);
      fragment.rows.values.push_back(side[end].second.value);
    }
    begin = end;
    if (std::binary_search(columns.begin(), columns.end(), first.column)) {
      target->fragments.push_back(std::move(fragment));
    }
  }
}

void StoredSeriesReader::LeaveOutDeleted(uint32_t index, BatchTarget* target) const {
  const Tombstones& tombstones = *set_.selection().view->tombstones;
  if (tombstones.empty()) return;
  const TargetId id = set_.selection().targets[index].id;
  for (Fragment& fragment : target->fragments) {
    const std::vector<int64_t>& times = fragment.rows.times_ms;
    if (times.empty()) continue;
    if (!tombstones.Touches(fragment.written, id, {times.front(), times.back()})) continue;
    for (size_t i = 0; i < fragment.columns.size(); ++i) {
      MaskDeleted(tombstones.Of(fragment.written, {id, fragment.columns[i]}), times,
                  {&fragment.rows.values[i * times.size()], times.size()});
    }
  }
}

void StoredSeriesReader::Arrange(BatchTarget* target) const {
  for (Fragment& fragment : target->fragments) {
    const auto& times = fragment.rows.times_ms;
    const auto from = std::lower_bound(times.begin(), times.end(), set_.start_ms());
    const auto to = std::upper_bound(from, times.end(), set_.end_ms());
    fragment.begin = static_cast<size_t>(from - times.begin());
    fragment.end = static_cast<size_t>(to - times.begin());
    fragment.by_column.resize(fragment.columns.size());
    for (uint32_t i = 0; i < fragment.by_column.size(); ++i) fragment.by_column[i] = i;
    if (std::is_sorted(fragment.columns.begin(), fragment.columns.end())) continue;
    std::sort(fragment.by_column.begin(), fragment.by_column.end(),
              [&](uint32_t a, uint32_t b) { return fragment.columns[a] < fragment.columns[b]; });
  }
  std::erase_if(target->fragments,
                [](const Fragment& fragment) { return fragment.begin == fragment.end; });
  std::sort(target->fragments.begin(), target->fragments.end(),
            [](const Fragment& a, const Fragment& b) {
              return a.rows.times_ms[a.begin] < b.rows.times_ms[b.begin];
            });
  target->ordered = true;
  for (const Fragment& fragment : target->fragments) {
    if (IsComponent(fragment.columns[fragment.by_column.front()])) continue;
    ++target->series_fragments;
    auto& shared = target->shared_times_ms;
    const auto first = fragment.rows.times_ms.begin() + static_cast<ptrdiff_t>(fragment.begin);
    const auto last = fragment.rows.times_ms.begin() + static_cast<ptrdiff_t>(fragment.end);
    target->ordered = target->ordered && (shared.empty() || shared.back() < *first);
    shared.insert(shared.end(), first, last);
  }
}

void StoredSeriesReader::Gather(uint32_t target, ColumnId column,
                                std::vector<Piece>* pieces) const {
  const BatchTarget* const batch = InBatch(target);
  if (batch == nullptr) return;
  for (const Fragment& fragment : batch->fragments) {
    const std::vector<uint32_t>& by_column = fragment.by_column;
    // Series mostly come in the order of their columns.
    size_t at = fragment.next;
    if (at >= by_column.size() || fragment.columns[by_column[at]] != column) {
      const auto found = std::lower_bound(
          by_column.begin(), by_column.end(), column,
          [&](uint32_t i, ColumnId wanted) { return fragment.columns[i] < wanted; });
      if (found == by_column.end() || fragment.columns[*found] != column) continue;
      at = static_cast<size_t>(found - by_column.begin());
    }
    fragment.next = at + 1;
    const size_t rows = fragment.rows.times_ms.size();
    pieces->push_back({&fragment, &fragment.rows.values[by_column[at] * rows + fragment.begin]});
  }
}

// False when samples have to be dropped or merged, so that the times are the series' own.
bool StoredSeriesReader::AssembleShared(const SelectedSeries& series,
                                        const std::vector<Piece>& pieces, model::SeriesView* view) {
  if (pieces.size() == 1) {
    const Fragment& fragment = *pieces[0].fragment;
    const size_t rows = fragment.end - fragment.begin;
    if (AnyHidden(pieces[0].values, rows, set_.selection().histograms())) return false;
    view->times_ms = {&fragment.rows.times_ms[fragment.begin], rows};
    view->values = {pieces[0].values, rows};
    return true;
  }
  const BatchTarget& target = *InBatch(series.target);
  if (!target.ordered || pieces.size() != target.series_fragments) return false;
  for (const Piece& piece : pieces) {
    const size_t rows = piece.fragment->end - piece.fragment->begin;
    if (AnyHidden(piece.values, rows, set_.selection().histograms())) return false;
  }
  view->times_ms = target.shared_times_ms;
  values_.clear();
  for (const Piece& piece : pieces) {
    values_.insert(values_.end(), piece.values,
                   piece.values + (piece.fragment->end - piece.fragment->begin));
  }
  view->values = values_;
  return true;
}

void StoredSeriesReader::AssembleMerged(const std::vector<Piece>& pieces, model::SeriesView* view) {
  merged_.clear();
  for (const Piece& piece : pieces) {
    const Fragment& fragment = *piece.fragment;
    for (size_t row = fragment.begin; row < fragment.end; ++row) {
      const double value = piece.values[row - fragment.begin];
      if (model::IsNoSample(value)) continue;
      merged_.push_back({fragment.rows.times_ms[row], fragment.priority, value});
    }
  }
  const auto earlier = [](const Merged& a, const Merged& b) {
    return a.time_ms != b.time_ms ? a.time_ms < b.time_ms : a.priority < b.priority;
  };
  if (!std::is_sorted(merged_.begin(), merged_.end(), earlier)) {
    std::sort(merged_.begin(), merged_.end(), earlier);
  }
  times_ms_.clear();
  values_.clear();
  for (const Merged& sample : merged_) {
    if (!times_ms_.empty() && times_ms_.back() == sample.time_ms) {
      values_.back() = sample.value;
      continue;
    }
    times_ms_.push_back(sample.time_ms);
    values_.push_back(sample.value);
  }
  if (!set_.selection().histograms()) DropMarks();
  view->times_ms = times_ms_;
  view->values = values_;
}

void StoredSeriesReader::DropMarks() {
  size_t kept = 0;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (model::IsHistogramMark(values_[i])) continue;
    times_ms_[kept] = times_ms_[i];
    values_[kept++] = values_[i];
  }
  times_ms_.resize(kept);
  values_.resize(kept);
}

}  // namespace baro::tsdb
