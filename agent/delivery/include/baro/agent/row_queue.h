// RowQueue: the front of delivery. Sources drop their rows here and go on; the delivery thread
// takes them away about once a second.
//
// Rows wait as plain numbers, not as frames: a write that fails can then be tried again into
// another segment, where every frame reads differently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/agent/row_sink.h"
#include "baro/base/mutex.h"
#include "baro/codec/frame.h"
#include "baro/model/layout.h"

namespace baro::agent {

// A layout as it goes into the spool: the declaration is encoded once, the columns are not kept.
struct DeclaredLayout {
  model::ContentHash hash{};
  size_t column_count = 0;
  std::vector<std::string> declarations;  // spool records; parents first
};

// One declared (target, layout).
struct DeclaredTarget {
  DeclaredTarget(model::Labels target_labels, std::shared_ptr<const DeclaredLayout> its_layout,
                 uint8_t its_priority)
      : labels(std::move(target_labels)),
        layout(std::move(its_layout)),
        priority(its_priority),
        encoder(layout->column_count) {}

  const model::Labels labels;
  const std::shared_ptr<const DeclaredLayout> layout;
  const uint8_t priority;
  // The delivery thread's alone.
  codec::FrameEncoder encoder;
  uint32_t target_ref = 0;  // 0: never declared in the spool
  uint64_t segment = 0;     // where it is declared and its chain runs
};

struct QueuedRow {
  DeclaredTarget* target = nullptr;
  int64_t time_ms = 0;
  size_t values_begin = 0;
};

// Extras that came before row number `row`.
struct QueuedExtras {
  size_t row = 0;
  std::vector<SeriesExtras> series;
};

// Rows in the order they came. Targets live until released_targets goes.
struct TakenRows {
  std::vector<QueuedRow> rows;
  std::vector<double> values;
  std::vector<QueuedExtras> extras;
  std::vector<std::shared_ptr<DeclaredTarget>> released_targets;

  std::span<const double> ValuesOf(const QueuedRow& row) const {
    return std::span(values).subspan(row.values_begin, row.target->layout->column_count);
  }
  void Clear() {
    rows.clear();
    values.clear();
    extras.clear();
    released_targets.clear();
  }
};

struct RowQueueOptions {
  // Rows that wait for the disk; 16 MiB are 2 million samples. Full: Append() refuses.
  size_t bytes_max = size_t{16} << 20;
  size_t targets_max = 100'000;
  // Larger is shed later. Null: all alike.
  std::function<uint8_t(const model::Labels& target)> priority;
};

struct RowQueueStats {
  uint64_t rows_total = 0;
  uint64_t samples_total = 0;
  uint64_t rows_refused_total = 0;  // full
  uint64_t samples_refused_total = 0;
  uint64_t extras_total = 0;  // series with histograms or exemplars
  uint64_t extras_refused_total = 0;
  uint64_t bytes = 0;
  uint64_t targets = 0;
  uint64_t layouts = 0;
};

// Thread-safe.
class RowQueue final : public RowSink {
 public:
  explicit RowQueue(RowQueueOptions options) : options_(std::move(options)) {}

  absl::StatusOr<TargetHandle> Declare(const model::Labels& target,
                                       const model::Layout& layout) override;
  absl::Status Append(TargetHandle target, int64_t time_ms,
                      std::span<const double> values) override;
  absl::Status AppendExtras(std::vector<SeriesExtras> extras) override;
  void Release(TargetHandle target) override;

  // Moves everything out; `taken` must be empty and lends its memory.
  void Take(TakenRows* taken) ABSL_LOCKS_EXCLUDED(mutex_);
  bool empty() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Of the layouts in use, at most `count_max`.
  std::vector<model::ContentHash> LayoutHashes(size_t count_max) const ABSL_LOCKS_EXCLUDED(mutex_);
  RowQueueStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct HashOfHash {
    size_t operator()(const model::ContentHash& hash) const;
  };

  absl::StatusOr<std::shared_ptr<const DeclaredLayout>> Intern(const model::Layout& layout)
      ABSL_LOCKS_EXCLUDED(mutex_);
  size_t QueuedBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RowQueueOptions options_;
  mutable base::Mutex mutex_;
  TargetHandle next_handle_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<TargetHandle, std::shared_ptr<DeclaredTarget>> targets_
      ABSL_GUARDED_BY(mutex_);
  // Weak: a layout goes with its last target.
  absl::flat_hash_map<model::ContentHash, std::weak_ptr<const DeclaredLayout>, HashOfHash> layouts_
      ABSL_GUARDED_BY(mutex_);
  size_t extras_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  TakenRows queued_ ABSL_GUARDED_BY(mutex_);
  RowQueueStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::agent
