// TargetHead: all that the head holds of one target.
//
// Samples in time order go to groups of level 0. A sample older than its group's last row goes to
// level 1, where late samples that are in order among themselves (a backlog, a backfill) make rows
// again; and so on; what fits no level lands in the side map. Of two samples at the same time the
// one at the higher level is the newer, the side map is above all levels: that is how the last one
// wins without touching encoded rows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <roaring/roaring.hh>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "baro/base/mutex.h"
#include "baro/codec/frame.h"
#include "baro/tsdb/store.h"
#include "row_group.h"

namespace baro::tsdb {

// What became of samples applied to the head.
struct Applied {
  uint64_t stored = 0;
  uint64_t duplicate = 0;
  uint64_t overwritten = 0;
  uint64_t out_of_order = 0;
  uint64_t histograms = 0;  // of `stored`

  Applied& operator+=(const Applied& other);
};

struct SideSample {
  ColumnId column = 0;
  int64_t time_ms = 0;
  double value = 0;
};

// A group as it was when a reader came.
struct GroupSnapshot {
  const RowGroup* rows = nullptr;
  int level = 0;
  size_t row_count = 0;
  // Positions, ascending, of the selected columns whose cell of the open last row was empty then.
  std::vector<uint32_t> empty_cells;
};

// Columns and their positions in a layout or group, by column.
using ColumnPlaces = std::vector<std::pair<ColumnId, uint32_t>>;

// The columns a selector means in a group; of a group with a layout they are the layout's.
struct GroupPlaces {
  const RowGroup* rows = nullptr;
  int level = 0;
  std::shared_ptr<const ColumnPlaces> columns;
};

// What a reader finds of them: the group as it is now, and the columns that are there in its range.
struct GroupLook {
  const GroupPlaces* group = nullptr;
  GroupSnapshot rows;
  bool all_columns = true;
  ColumnPlaces columns;  // when they are not all
};

struct TargetSnapshot {
  std::vector<GroupSnapshot> groups;  // lowest priority first
  std::vector<SideSample> side;       // by column, then time
};

// Where a series is, found once and tried first the next time. Only its finder uses it.
struct SeriesHint {
  uint32_t group = 0;
  uint32_t position = UINT32_MAX;
};

// Where a chain's last row went. If it is still the last of its group, what the chain tells as
// unchanged is unchanged there, too. Only the chain's owner uses it.
struct RowHint {
  uint64_t epoch = 0;  // of the head; 0: none
  const RowGroup* group = nullptr;
  size_t rows = 0;
};

// Thread-safe: one writer, any number of readers, one lock a target.
class TargetHead {
 public:
  explicit TargetHead(const BlockRule* rule = &kLooseBlocks) : rule_(rule) {}

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_) { mutex_.Lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); }

  // The writer locks around runs of samples of one target, so a lock costs a row, not a sample.
  // `hint` is where the row before it in its chain went, in a head of this epoch; `changed` what
  // differs from that row: RowGroup::Append.
  void AppendRow(const StoredLayout& layout, const codec::Row& row,
                 std::span<const uint64_t> changed, RowHint* hint, Applied* applied)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // `hint` is where the sample before was found; it is moved on.
  void AppendSample(ColumnId column, int64_t time_ms, double value, SeriesHint* hint,
                    Applied* applied) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t bytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Columns at level 0, without those of histograms' insides.
  size_t series_count() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Moves when a group or a column came.
  uint64_t shape() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return shape_; }

  // All there is.
  TargetSnapshot Snapshot() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The groups that have some of the columns, lowest priority first, those of layouts without
  // `columns`. They stay where they are as long as the head lives.
  std::vector<GroupPlaces> Places(const Roaring& columns) const ABSL_LOCKS_EXCLUDED(mutex_);
  // What is there of them in the range, in their order; `side`: late samples of their columns.
  void Look(std::span<const GroupPlaces> groups, const TimeRange& range,
            std::vector<GroupLook>* looks, std::vector<SideSample>* side) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether any of their columns is there in the range.
  bool IsThere(std::span<const GroupPlaces> groups, const TimeRange& range) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // No sample comes any more: rows are encoded and what only the writer needs goes. What readers
  // hold stays valid.
  void Freeze() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool frozen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return frozen_; }
  // Some columns of rows [begin, end) as they are encoded, when those rows are one block; else
  // false. The bytes stay as long as the head, which is frozen.
  bool FindEncoded(const GroupSnapshot& group, std::span<const uint32_t> positions, size_t begin,
                   size_t end, std::vector<std::string_view>* columns) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Values of some columns of a snapshot's group in rows [begin, end), one column behind the other.
  absl::Status Read(const GroupSnapshot& group, std::span<const uint32_t> positions, size_t begin,
                    size_t end, double* values) const ABSL_LOCKS_EXCLUDED(mutex_);
  // The same of one row; `positions` ascend.
  absl::Status ReadRow(const GroupSnapshot& group, std::span<const uint32_t> positions, size_t row,
                       double* values) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Times of a snapshot's rows within [start, end]; `first_row` gets the first one's row.
  std::vector<int64_t> ReadTimes(const GroupSnapshot& group, int64_t start_ms, int64_t end_ms,
                                 size_t* first_row) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Groups whose columns come and go singly, at one level.
  struct Level {
    absl::flat_hash_map<ColumnId, SeriesHint> place_by_column;
    std::optional<uint32_t> newest_group;
  };
  struct Group {
    std::unique_ptr<RowGroup> rows;
    int level = 0;
  };
  // The newest value at a time, and the level it lies at (kSideLevel: the side map).
  struct Existing {
    double value = 0;
    int level = 0;
  };

  RowGroup* GroupOf(const StoredLayout& layout, int level) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<size_t> FindGroup(const StoredLayout& layout, int level) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AppendLateRow(const StoredLayout& layout, int64_t time_ms, std::span<const double> values,
                     Applied* applied) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<double> ExistingRow(const StoredLayout& layout, int64_t time_ms, int* level) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TryLevel(int level, ColumnId column, int64_t time_ms, double value, SeriesHint* place)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SeriesHint AddSeries(Level* level, int number, ColumnId column, int64_t time_ms)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AppendLate(ColumnId column, int64_t time_ms, double value, Applied* applied)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ColumnPlaces PlacesIn(size_t group, const Roaring& columns) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Existing> FindExisting(ColumnId column, int64_t time_ms) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BlockRule* const rule_;
  mutable base::Mutex mutex_;
  std::vector<Group> groups_ ABSL_GUARDED_BY(mutex_);
  std::vector<Level> levels_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::pair<ColumnId, int64_t>, double> side_ ABSL_GUARDED_BY(mutex_);
  uint64_t shape_ ABSL_GUARDED_BY(mutex_) = 0;
  bool frozen_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace baro::tsdb
