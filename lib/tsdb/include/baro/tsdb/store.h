// Store: the collector's time series, in one folder, over RocksDB.
//
//   Append ─► journal (one synced write for many batches) ─► decode ─► head ─► done callback = the
//   acknowledgement every 30 min: rotate journal and head together ─► seal the old head into slot
//   files ─► drop the old journal Select ─► slot files + sealing head + head, as one series each
//
// Design: docs/architecture.md, docs/formats/{keys,journal,slot}.md.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/base/memory_budget.h"
#include "baro/model/exemplar.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/model/matcher.h"
#include "baro/model/sample.h"
#include "baro/model/series_source.h"

namespace rocksdb {
class Env;
}

namespace baro::tsdb {

struct Limits {
  size_t series_max = 10'000'000;
  size_t series_per_target_max = 1'000'000;
  size_t labels_per_series_max = 64;
  size_t label_name_bytes_max = 1'024;
  size_t label_value_bytes_max = 16'384;
  size_t chains_per_agent_max = 4;
  size_t histogram_buckets_max = 1'024;  // of one sample, its custom bounds as well
  // 0: no such limit. Both count what series_max counts: series with samples in the last hour or
  // so, and those declared since.
  size_t series_per_metric_max = 0;
  size_t series_per_job_max = 0;
  // Known at a time, whether or not they have samples: what bounds the index.
  size_t targets_max = 10'000'000;
  size_t columns_max = 50'000'000;
  size_t layouts_max = 5'000'000;
};

// Series that are kept for a time of their own. Which class a series belongs to is looked up when
// its samples are sealed or merged: a change counts for what comes after it.
struct RetentionClass {
  std::vector<model::Matcher> matchers;  // all must match
  int64_t retention_ms = 0;              // 0: for ever
};

// Of each day the last sample of a series in every interval, and the interval's statistics, for the
// time when the samples have expired. Only of series in no class of their own.
struct DownsampledTier {
  int64_t interval_ms = 0;
  int64_t retention_ms = 0;  // 0: for ever
};
inline constexpr size_t kDownsampledTiersMax = 3;
inline constexpr int64_t kDownsampledIntervalMinMs = 60'000;

// How long what is kept.
struct Retention {
  // Samples older than this are refused and slots older than this are dropped; 0 keeps everything,
  // whatever its time.
  int64_t retention_ms = int64_t{30} * 24 * 3600 * 1000;
  std::vector<RetentionClass> classes;  // the first that matches counts
  std::vector<DownsampledTier> tiers;   // by interval, ascending; none: nothing is downsampled
};

struct StoreOptions {
  std::string path;
  // Samples older than this are refused and slots older than this are dropped; 0 keeps everything,
  // whatever its time.
  int64_t retention_ms = int64_t{30} * 24 * 3600 * 1000;
  // Retention::classes and ::tiers.
  std::vector<RetentionClass> retention_classes;
  std::vector<DownsampledTier> tiers;
  // Samples later than now by more than this are refused, as they would outlive the retention; 0
  // takes any. Without effect when retention_ms is 0.
  int64_t future_ms_max = int64_t{24} * 3600 * 1000;
  int64_t slot_ms = 30 * 60 * 1000;
  // The newest exemplars of all series together that are kept; 0: none.
  size_t exemplars_max = 100'000;
  // How long writers are gathered for one sync when there are many.
  int64_t commit_delay_ms = 5;
  Limits limits;
  const base::Clock* clock = base::RealClock();
  // Seals and drops on a thread of its own. Off: the owner calls Maintain(), as the simulator does.
  bool background = true;
  // Of the whole process; outlives the store. When it runs short heads are sealed early, then new
  // series are refused, then batches. Null: no limit.
  base::MemoryBudget* memory = nullptr;
  // Called with a line for people when something stored is found damaged, from any thread.
  std::function<void(const std::string&)> on_damage;
  // For crash tests: where RocksDB keeps its files. Null: the machine's disk.
  rocksdb::Env* env = nullptr;
};

// Small numbers for label halves; valid for the life of the store's folder.
using TargetId = uint32_t;
using ColumnId = uint32_t;
using LayoutId = uint32_t;

// In a frame's target: the sender declared a target that was refused; the frame is left out.
inline constexpr TargetId kNoTarget = UINT32_MAX;

struct SeriesId {
  TargetId target = 0;
  ColumnId column = 0;
};

// An agent, and the life of its spool: a new epoch starts when the spool was lost.
struct AgentId {
  std::array<uint8_t, 16> uuid{};
  uint64_t epoch = 0;
  auto operator<=>(const AgentId&) const = default;
};

// Both ends are part of the range.
struct SequenceRange {
  uint64_t first = 0;
  uint64_t last = 0;
  bool operator==(const SequenceRange&) const = default;
};

// What a declaration came to. Rejected columns are left out of every frame of the target; the rest
// goes on.
struct Declared {
  TargetId target = 0;
  LayoutId layout = 0;
  struct Rejection {
    size_t column = 0;   // in the layout
    std::string reason;  // "series_max", "label_value_bytes_max", …: the limit's name
    std::string what;    // the series or label, cut to a readable length
  };
  std::vector<Rejection> rejected;
};

// Frames as an agent sent them. `body` is not looked into before it is durable.
struct FrameBatch {
  AgentId agent;
  uint64_t chain = 0;  // the run of frames this batch belongs to (a spool segment): codec/frame.h
  uint64_t first_sequence = 0;  // of the first frame; frame i has first_sequence + i
  struct FrameTarget {
    TargetId target = 0;
    LayoutId layout = 0;
  };
  std::vector<FrameTarget> targets;  // one per frame
  // Later samples are refused. The store sets it as it accepts the batch, and journals it, so that
  // a replay refuses the same.
  int64_t time_ms_max = model::kTimeMsMax;
  bool zstd = false;      // body is one zstd frame
  uint32_t raw_size = 0;  // of the body when decompressed
  std::string body;
};

struct HistogramSample {
  SeriesId series;
  int64_t time_ms = 0;
  model::Histogram histogram;
};
struct ExemplarSample {
  SeriesId series;
  model::Exemplar exemplar;
};

// Samples whose series are known by id (remote write, OTLP, import): parallel arrays, any order.
struct SampleBatch {
  std::vector<SeriesId> series;
  std::vector<int64_t> times_ms;
  std::vector<double> values;
  // A series may have floats and histograms; at one time the last one told counts.
  std::vector<HistogramSample> histograms;
  std::vector<ExemplarSample> exemplars;
  int64_t time_ms_max = model::kTimeMsMax;  // as in FrameBatch
};

// What became of a batch. Everything that is not `stored` is counted in Stats() under the same
// reason.
struct AppendResult {
  // Unavailable or ResourceExhausted (disk full): nothing of the batch is stored; send it again
  // later. DataLoss, FailedPrecondition: the frames cannot be decoded (which ones, and why); send
  // the chain again from its start.
  absl::Status status;
  uint64_t stored = 0;  // histograms among them, each once
  uint64_t histograms_stored = 0;
  uint64_t histograms_refused = 0;  // invalid or over a limit; the rest of the batch goes on
  std::string histogram_refusal;    // why the first of them was
  uint64_t exemplars_stored = 0;
  uint64_t exemplars_duplicate = 0;
  uint64_t exemplars_out_of_order = 0;  // older than their series' newest; not stored
  uint64_t exemplars_refused = 0;       // labels too long, too old or too new; not stored
  uint64_t duplicate = 0;               // same time, same value; or frames already stored
  uint64_t overwritten = 0;             // same time, another value: the last one wins
  uint64_t out_of_order = 0;            // older than the newest of its series; stored
  uint64_t too_old = 0;                 // beyond retention; not stored
  uint64_t too_new = 0;                 // beyond future_ms_max; not stored
  uint64_t frames_refused_target = 0;   // frames of kNoTarget, their samples not looked at
};
using AppendDone = std::function<void(const AppendResult&)>;

// Figures about the store for /metrics and status/tsdb. Counters since start.
struct Stats {
  uint64_t series = 0;  // with samples in the head
  uint64_t targets = 0;
  uint64_t columns = 0;
  uint64_t layouts = 0;
  uint64_t head_bytes = 0;
  int64_t head_time_ms_min = 0;
  int64_t head_time_ms_max = 0;
  uint64_t slot_bytes = 0;  // sealed files on disk
  uint64_t slots = 0;
  uint64_t journal_bytes = 0;  // on disk, not yet sealed
  uint64_t samples_stored_total = 0;
  uint64_t samples_duplicate_total = 0;
  uint64_t samples_overwritten_total = 0;
  uint64_t samples_out_of_order_total = 0;
  uint64_t samples_too_old_total = 0;
  uint64_t samples_too_new_total = 0;
  uint64_t samples_nan_replaced_total = 0;   // had a reserved NaN's bits, stored as an ordinary NaN
  uint64_t histograms_stored_total = 0;      // of samples_stored_total
  uint64_t histograms_invalid_total = 0;     // refused: model::CheckHistogram()
  uint64_t histograms_over_limit_total = 0;  // refused: too many buckets
  uint64_t histogram_columns = 0;            // that histograms' insides lie in
  uint64_t exemplars = 0;                    // in memory
  uint64_t exemplars_stored_total = 0;
  uint64_t exemplars_duplicate_total = 0;
  uint64_t exemplars_out_of_order_total = 0;
  uint64_t exemplars_refused_total = 0;
  uint64_t exemplars_evicted_total = 0;      // made room for younger ones
  uint64_t frames_undecodable_total = 0;     // batches
  uint64_t frames_refused_target_total = 0;  // of a target refused by a limit (kNoTarget)
  uint64_t damaged_reads_total = 0;          // reads that met damaged bytes on disk
  uint64_t commits_total = 0;
  uint64_t commit_failures_total = 0;
  uint64_t seals_total = 0;
  uint64_t seal_failures_total = 0;
  uint64_t parts = 0;  // sealed and merged runs of samples on disk
  uint64_t merges_total = 0;
  uint64_t merge_failures_total = 0;
  uint64_t seals_for_memory_total = 0;  // begun early, as memory ran short
  uint64_t batches_refused_memory_total = 0;
  uint64_t append_queue_depth = 0;
  uint64_t tombstones = 0;             // deletes not yet made physical
  uint64_t quarantined_parts = 0;      // found damaged
  uint64_t journal_damages_total = 0;  // journals whose end could not be read at the start
  double replay_seconds = 0;           // of the last start, once complete
  bool replay_complete = true;
  uint64_t replay_bytes = 0;  // of journals, to be loaded at the last start; about
  uint64_t replay_bytes_done = 0;
  bool writable = true;  // false while the disk is full or failing
  // What limits have refused since start, by the limit's name.
  struct Refused {
    std::string limit;
    uint64_t total = 0;
    std::string first;  // the series, target or layout that met it first
  };
  std::vector<Refused> refused;
  uint64_t index_bytes = 0;  // in memory
  uint64_t index_targets_removed_total = 0;
  uint64_t index_columns_removed_total = 0;
  uint64_t index_layouts_removed_total = 0;
  // Selectors kept resolved, and blocks kept decoded, for queries that come again.
  struct CacheStats {
    uint64_t hits_total = 0;
    uint64_t misses_total = 0;
    uint64_t updates_total = 0;  // hits that had to take in new series first
    uint64_t evictions_total = 0;
    uint64_t entries = 0;
    uint64_t bytes = 0;
  };
  CacheStats selector_cache;
  CacheStats block_cache;
};

// Of series with samples in the heads: what is active now.
struct Cardinality {
  struct Entry {
    std::string name;
    uint64_t value = 0;
  };
  // First and last seen as far as samples are kept, to the length of a part; 0: never.
  struct Seen {
    std::string name;  // a metric, or a target's labels
    uint64_t series = 0;
    int64_t first_seen_ms = 0;
    int64_t last_seen_ms = 0;
    int64_t last_read_ms = 0;  // a query named the metric, since start; to the minute
  };
  std::vector<Entry> series_by_metric;
  std::vector<Entry> values_by_label;
  std::vector<Entry> bytes_by_label;
  std::vector<Entry> series_by_label_pair;  // "job=node"
  std::vector<Entry> series_by_job;
  std::vector<Entry> series_by_namespace;
  std::vector<Seen> metrics;  // those with most series, as all lists here
  std::vector<Seen> targets;
};

class StoreAdmin;

// Thread-safe.
class Store : public model::SeriesSource {
 public:
  // Returns at once; what was acknowledged before and is not sealed is loaded in the background.
  // Until then (ReplayComplete) queries carry a warning, samples are accepted, frames are refused
  // as Unavailable and StoredSequences() waits. With `background` off it returns when all is
  // loaded.
  // Errors: Unavailable (cannot open, locked by another process), DataLoss (names the damaged file
  // or key).
  static absl::StatusOr<std::unique_ptr<Store>> Open(StoreOptions options);

  // Declarations are interned and idempotent. They become durable with the first batch that uses
  // them.
  virtual bool KnowsLayout(const model::ContentHash& hash) const = 0;
  virtual absl::Status DeclareLayout(const model::Layout& layout) = 0;
  // NotFound: the layout is not known, declare it first. InvalidArgument, ResourceExhausted: the
  // target itself is refused.
  virtual absl::StatusOr<Declared> DeclareTarget(const model::Labels& labels,
                                                 const model::ContentHash& layout) = 0;
  // Splits a full label set into its halves. ResourceExhausted, InvalidArgument: refused by a
  // limit, which is named.
  virtual absl::StatusOr<SeriesId> DeclareSeries(const model::Labels& labels) = 0;
  // Moves when targets or columns were removed because nothing referred to them any more. Whoever
  // keeps numbers from one batch to the next compares it and declares anew; a batch with a number
  // that is gone is refused with Unavailable.
  virtual uint64_t NumbersRemoved() const { return 0; }
  virtual void Describe(const std::vector<model::Metadata>& metadata) = 0;

  // What is durably stored of an agent's frames: disjoint ranges, ascending; empty for an unknown
  // agent or epoch.
  virtual std::vector<SequenceRange> StoredSequences(const AgentId& agent) const = 0;

  // Whether everything from before the last start can be queried. AwaitReplay() waits for it; its
  // errors: Unavailable (the disk cannot be read, or closed meanwhile).
  virtual bool ReplayComplete() const { return true; }
  virtual absl::Status AwaitReplay() const { return absl::OkStatus(); }

  // Both return at once; `done` runs on a store thread after the sync and after the samples can be
  // queried, or with an error. Batches of one chain must be appended in order, the next may be
  // appended before the last is done. Full queue: `done` runs at once with ResourceExhausted.
  virtual void Append(FrameBatch batch, AppendDone done) = 0;
  virtual void Append(SampleBatch batch, AppendDone done) = 0;

  // Exemplars of the series that a request's selectors match, series by labels, those within the
  // range, oldest first.
  virtual absl::StatusOr<std::vector<model::ExemplarSeries>> Exemplars(
      const model::LabelRequest& /*request*/) const {
    return std::vector<model::ExemplarSeries>();
  }

  // Rotates and seals when due, applies retention; `force` seals whatever is there and merges all
  // that is sealed, and returns when that is done. With `background` off the owner calls it.
  virtual absl::Status Maintain(bool force) = 0;

  // Changes what StoreOptions said; takes effect with the next Maintain(). Errors: InvalidArgument;
  // ResourceExhausted (too many classes); as Maintain().
  virtual absl::Status SetRetention(const Retention& /*retention*/) { return absl::OkStatus(); }

  virtual Stats GetStats() const = 0;
  virtual Cardinality GetCardinality(size_t limit) const = 0;

  // What an operator may do to it (store_admin.h); null when that is nothing. The store's own.
  virtual StoreAdmin* admin() { return nullptr; }

  // Refuses new batches, finishes those accepted, closes. The destructor does the same.
  virtual absl::Status Close() = 0;
};

}  // namespace baro::tsdb
