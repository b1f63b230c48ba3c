// StoredSeriesReader: decodes a selection in batches, each in one pass over parts and heads, and
// puts every series together.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/model/series_source.h"
#include "histogram_assembly.h"
#include "part_reader.h"
#include "series_set.h"

namespace baro::tsdb {

// Thread-compatible. Refers to its set.
class StoredSeriesReader final : public model::SeriesReader {
 public:
  StoredSeriesReader(const StoredSeriesSet& set, size_t begin, size_t end);
  absl::StatusOr<bool> Next(model::SeriesView* view) override;

 private:
  // Samples of some columns of one target from one source, cut to the range.
  struct Fragment {
    uint64_t priority = 0;  // of two samples at the same time the higher one counts
    Written written;
    PartFragment rows;
    std::vector<ColumnId> columns;    // of rows.positions
    std::vector<uint32_t> by_column;  // indexes of `columns`, in its order
    mutable size_t next = 0;  // in by_column: where the series after the last one is looked for
    size_t begin = 0;         // rows in the range
    size_t end = 0;
  };
  struct BatchTarget {
    std::deque<Fragment> fragments;
    // When the fragments follow one another in time, one array for all columns that are in each.
    std::vector<int64_t> shared_times_ms;
    size_t series_fragments = 0;  // fragments that are not of components alone
    bool ordered = false;
  };
  struct Piece {
    const Fragment* fragment = nullptr;
    const double* values = nullptr;  // of rows [begin, end)
  };
  struct Merged {
    int64_t time_ms = 0;
    uint64_t priority = 0;
    double value = 0;
  };

  absl::Status LoadBatch();
  size_t BatchSize() const;
  // Wanted columns of each target of series [begin_, batch_end_), twins included.
  void CollectWanted(absl::flat_hash_map<uint32_t, std::vector<ColumnId>>* wanted) const;
  void WantParts(uint32_t index, const std::vector<ColumnId>& columns, BatchTarget* target);
  absl::Status LoadGroups(uint32_t index, const std::vector<ColumnId>& columns,
                          BatchTarget* target);
  absl::Status ReadGroup(const SelectedGroup& group, Fragment* fragment) const;
  void LoadSide(uint32_t index, const std::vector<ColumnId>& columns, BatchTarget* target) const;
  void LeaveOutDeleted(uint32_t index, BatchTarget* target) const;
  void Arrange(BatchTarget* target) const;
  ColumnId ColumnOf(const SelectedSeries& series) const {
    return set_.selection().targets[series.target].columns->ids[series.column];
  }
  void Gather(const SelectedSeries& series, std::vector<Piece>* pieces) const {
    Gather(series.target, ColumnOf(series), pieces);
  }
  void Gather(uint32_t target, ColumnId column, std::vector<Piece>* pieces) const;
  bool AssembleShared(const SelectedSeries& series, const std::vector<Piece>& pieces,
                      model::SeriesView* view);
  void AssembleMerged(const std::vector<Piece>& pieces, model::SeriesView* view);
  void DropMarks();

  // series_histograms.cc
  const ComponentList* ComponentsOf(ColumnId column) const;
  size_t ComponentCount(size_t series) const;
  void AttachHistograms(size_t index, model::SeriesView* view);
  void AddComponents(const SelectedSeries& series, std::span<const HistogramAssembly::Mark> marks);
  void AddTwinComponents(const SelectedSeries& series, const std::vector<SelectedSeries>& twins,
                         std::span<const HistogramAssembly::Mark> marks);
  void DropUnfinished(model::SeriesView* view);

  const StoredSeriesSet& set_;
  size_t next_;
  const size_t end_;
  size_t batch_end_;
  size_t rows_estimate_ = 0;
  PartReader part_reader_;
  // Null when nothing of the target is in the batch.
  const BatchTarget* InBatch(uint32_t target) const {
    if (target == last_target_) return last_in_batch_;
    const auto it = batch_.find(target);
    last_target_ = target;
    last_in_batch_ = it == batch_.end() ? nullptr : it->second.get();
    return last_in_batch_;
  }

  absl::flat_hash_map<uint32_t, std::unique_ptr<BatchTarget>> batch_;
  mutable uint32_t last_target_ = UINT32_MAX;  // series of a target come one behind the other
  mutable const BatchTarget* last_in_batch_ = nullptr;
  std::vector<Piece> pieces_;
  HistogramAssembly assembly_;
  const bool newest_only_;
  std::vector<HistogramAssembly::Mark> marks_;
  std::vector<ComponentRun> runs_;
  std::vector<const model::Histogram*> histograms_;
  std::vector<Merged> merged_;
  std::vector<int64_t> times_ms_;
  std::vector<double> values_;
};

}  // namespace baro::tsdb
