// Dictionary: the numbers that stand for targets, columns and layouts, and the limits on them.
//
// Everything declared is in memory at once and on disk with the next batch: the committer takes
// what is pending into its WriteBatch, so no journal value can refer to a number that a crash
// forgot. Numbers are never reused; what nothing refers to any more is removed (RemoveUnused).
// Bytes: docs/formats/keys.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <roaring/roaring.hh>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/memory_budget.h"
#include "baro/base/mutex.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/tsdb/store.h"
#include "component_table.h"
#include "cut_log.h"
#include "label_cache.h"
#include "label_table.h"
#include "split.h"

namespace baro::tsdb {

// Immutable, lives as long as something refers to it: a part or head of a view, a chain of frames.
struct StoredLayout {
  LayoutId id = 0;
  std::vector<ColumnId> columns;
};

// How a target's frames of a declared layout are stored: which layout, and, when columns were
// rejected, which positions of a frame make it up.
struct Binding {
  const StoredLayout* stored = nullptr;
  bool all = true;
  std::vector<uint32_t> kept;  // ascending; only when not all
};

// Numbers above are those of histograms' columns.
inline constexpr size_t kColumnNumbersMax = kFirstComponent;

// Numbers that something refers to.
struct LiveNumbers {
  Roaring targets;
  Roaring columns;
  Roaring layouts;
};

// Thread-safe.
class Dictionary {
 public:
  using Entry = std::pair<std::string, std::string>;  // key and value in column family `index`

  // `memory`: no new series while it is short; null: no such limit.
  explicit Dictionary(Limits limits, const base::MemoryBudget* memory = nullptr)
      : limits_(limits), memory_(memory) {}

  bool KnowsLayout(const model::ContentHash& hash) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status DeclareLayout(const model::Layout& layout) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Declared> DeclareTarget(const model::Labels& labels,
                                         const model::ContentHash& layout)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<SeriesId> DeclareSeries(const model::Labels& labels) ABSL_LOCKS_EXCLUDED(mutex_);
  void Describe(const std::vector<model::Metadata>& metadata) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<model::Metadata> MetricMetadata(const std::string& family, size_t limit) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Null when the numbers are unknown.
  const StoredLayout* FindLayout(LayoutId id) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const Binding> FindBinding(TargetId target, LayoutId layout) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasSeries(SeriesId series) const ABSL_LOCKS_EXCLUDED(mutex_);
  // The first that is not known; nothing when all are.
  std::optional<SeriesId> FindUnknown(std::span<const SeriesId> series) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool WasGivenOut(SeriesId series) const ABSL_LOCKS_EXCLUDED(mutex_);
  // A layout of the store's own (a seal's, or what is left of a declared one).
  const StoredLayout* InternColumns(std::vector<ColumnId> columns) ABSL_LOCKS_EXCLUDED(mutex_);

  // The columns that histograms of a series' column lie in: component_table.h. Null when there are
  // none; `codes` ascend.
  std::shared_ptr<const ComponentList> ComponentsOf(ColumnId base) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls `visit(base, list)` under the lock for each of `columns` that has some.
  template <typename Visit>
  void ForEachComponents(const Roaring& columns, Visit visit) const ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    components_.ForEach(columns, visit);
  }
  absl::StatusOr<std::shared_ptr<const ComponentList>> DeclareComponents(
      ColumnId base, std::span<const ComponentCode> codes) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<uint32_t> DeclareBounds(const std::vector<double>& bounds)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Null for an unknown number.
  const std::vector<double>* FindBounds(uint32_t id) const ABSL_LOCKS_EXCLUDED(mutex_);
  // The series' column a component belongs to; any other column is its own.
  ColumnId BaseOf(ColumnId column) const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t component_count() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What must be written with the next batch. Once that is durable the committer hands back how
  // many entries that were.
  std::vector<Entry> Pending() const ABSL_LOCKS_EXCLUDED(mutex_);
  void PendingIsDurable(size_t count) ABSL_LOCKS_EXCLUDED(mutex_);
  // At open, kind by kind: kDictionaryKeys. Errors: DataLoss, naming the key.
  absl::Status Load(std::string_view key, std::string_view value) ABSL_LOCKS_EXCLUDED(mutex_);
  void LoadingIsDone() ABSL_LOCKS_EXCLUDED(mutex_);

  // Removes targets, columns, layouts and metadata that nothing refers to. What was declared since
  // the call before the last one stays, and what was live then: between two calls the caller has
  // sealed all that had been journaled before the first. Their entries on disk become pending
  // removals. The writer thread's, as those of WriteWithPending().
  struct Removed {
    uint64_t targets = 0;
    uint64_t columns = 0;
    uint64_t layouts = 0;
    uint64_t families = 0;
  };
  Removed RemoveUnused(const LiveNumbers& live) ABSL_LOCKS_EXCLUDED(mutex_);
  // Moves when targets or columns were removed: numbers got from Declare…() before may be gone.
  uint64_t removals() const { return removals_.load(std::memory_order_acquire); }
  // What the next batch must do to the index, the removals first. Of what was declared and removed
  // again before any batch, nothing is left in `entries`: its number would come back at the next
  // open without what it refers to.
  struct Unwritten {
    std::vector<Entry> entries;
    std::vector<std::string> removals;
    size_t pending = 0;  // for PendingIsDurable()
  };
  Unwritten NotWritten() const ABSL_LOCKS_EXCLUDED(mutex_);
  void RemovalsAreDurable(size_t count) ABSL_LOCKS_EXCLUDED(mutex_);

  // Series, targets and layouts that a limit has refused, by its name.
  std::vector<Stats::Refused> RefusedByLimit() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Of the two halves' tables and layouts; an estimate.
  uint64_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // What so many label sets take as model::Labels, by the average of all; an estimate.
  uint64_t MaterialisedBytes(uint64_t label_sets) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes targets that are neither in `live` nor declared since the last call out of the count that
  // series_max limits.
  void ForgetIdle(const Roaring& live) ABSL_LOCKS_EXCLUDED(mutex_);

  // Label sets for a selection, which holds the cache.
  std::shared_ptr<const LabelCache> Labels() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Of all selections so far.
  CutLog& cuts() const { return cuts_; }

  // Gives the two halves' tables to `read(targets, columns)` under the lock.
  template <typename Read>
  auto With(Read read) const ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    return read(targets_, columns_);
  }
  size_t target_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t column_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t layout_count() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What a target counts for in the limits on series.
  struct Usage {
    uint64_t layout_series = 0;
    const StoredLayout* layout = nullptr;  // the largest of them
    Roaring single_columns;
    std::string job;  // kept only where series_per_job_max is set
    uint64_t generation = 0;

    uint64_t series() const { return layout_series + single_columns.cardinality(); }
  };
  // Numbers given out or asked for between two calls of RemoveUnused().
  using Recent = LiveNumbers;
  struct Family {
    model::Metadata metadata;
    uint64_t pass = 0;  // of RemoveUnused(), when it was last told
  };
  // Series that a new layout of a target may have, by what limits them.
  struct Room {
    uint64_t total = 0;
    std::string_view total_limit;
    uint64_t of_job = UINT64_MAX;
  };

  absl::Status CheckLabels(const model::Labels& labels, size_t more_labels) const;
  std::vector<uint32_t> KeptColumns(TargetId target, size_t target_labels,
                                    const StoredLayout& layout, Room room,
                                    std::vector<Declared::Rejection>* rejected) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const StoredLayout* Bind(TargetId target, const StoredLayout& layout, std::vector<uint32_t> kept)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Room RoomOf(const Usage* usage, std::string_view job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The limit that one more series would break; empty when none.
  std::string_view SeriesLimit(const Usage* usage, const LabelHalves& halves,
                               bool column_is_new) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  PairId MetricOf(ColumnId column) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds to the counts by metric and by job, or takes off.
  void CountColumn(ColumnId column, int64_t by) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountSeries(Usage* usage, int64_t by) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Refuse(absl::StatusCode code, std::string_view what, std::string_view limit,
                      const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteRefused(std::string_view limit, uint64_t count, const std::string& name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepReferred(LiveNumbers* keep) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Removed RemoveAllBut(const LiveNumbers& keep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t RemoveBindings(const LiveNumbers& keep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t RemoveLayouts(const Roaring& keep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t RemoveFamilies() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasLayout(LayoutId id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return id < layouts_.size() && layouts_[id] != nullptr;
  }
  uint32_t InternLabels(LabelTable* table, char kind, std::span<const Postings::LabelView> labels)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool LoadLabels(char kind, uint32_t id, std::string_view value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const StoredLayout* InternLayout(const model::ContentHash& hash, std::vector<ColumnId> columns)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DescribeLocked(const model::Metadata& metadata) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool LoadMetadata(std::string_view key, std::string_view value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool LoadNextNumbers(std::string_view value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadLocked(char kind, std::string_view key, std::string_view value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasColumn(ColumnId column) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return IsComponent(column) ? components_.Has(column) : columns_.Has(column);
  }
  bool LoadLayout(LayoutId id, std::string_view value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool LoadBinding(std::string_view key, std::string_view value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  const base::MemoryBudget* const memory_;
  mutable CutLog cuts_;
  mutable base::Mutex mutex_;
  LabelTable targets_ ABSL_GUARDED_BY(mutex_);
  LabelTable columns_ ABSL_GUARDED_BY(mutex_);
  ComponentTable components_ ABSL_GUARDED_BY(mutex_);
  // By number; null: removed. Those of the last call of RemoveUnused() wait one more.
  std::vector<std::unique_ptr<const StoredLayout>> layouts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<const StoredLayout>> removed_layouts_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<model::ContentHash, LayoutId> layout_by_hash_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<const Binding>> bindings_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Family> metadata_ ABSL_GUARDED_BY(mutex_);
  mutable std::shared_ptr<LabelCache> label_cache_ ABSL_GUARDED_BY(mutex_);
  std::vector<Postings::LabelView> views_ ABSL_GUARDED_BY(mutex_);  // scratch
  LabelHalves halves_ ABSL_GUARDED_BY(mutex_);                      // scratch
  std::vector<Entry> pending_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> pending_removals_ ABSL_GUARDED_BY(mutex_);
  mutable std::array<Recent, 2> recent_ ABSL_GUARDED_BY(mutex_);
  LayoutId next_layout_ ABSL_GUARDED_BY(mutex_) = 0;  // while loading
  std::atomic<uint64_t> removals_{0};
  // MaterialisedBytes(): for so many label sets, so many bytes each.
  mutable uint64_t averaged_sets_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable uint64_t average_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t pass_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<PairId, uint64_t> series_by_metric_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint64_t> series_by_job_ ABSL_GUARDED_BY(mutex_);
  mutable std::map<std::string, Stats::Refused, std::less<>> refused_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<TargetId, Usage> usage_ ABSL_GUARDED_BY(mutex_);
  uint64_t series_in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace baro::tsdb
