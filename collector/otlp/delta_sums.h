// DeltaSums: turns deltas into running totals, across restarts.
//
// The state of a series is its newest stored sample, so there is nothing to save: what is not in
// memory is read back from the store, a metric of a resource at a time. A total is stored, and
// acknowledged, before the next one counts as built on it; when the store fails, all totals in
// memory are forgotten once nothing is under way, and read back.
//
// An interval that ends where its series has been already is refused: it was counted, or came too
// late to tell. One that only begins there is added and counted as an overlap: several senders
// under one identity do that.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/model/histogram.h"
#include "baro/tsdb/store.h"
#include "otlp/otlp_translation.h"

namespace baro::collector {

struct DeltaOptions {
  // Float series take about 40 bytes each; a histogram counts for as many as it has buckets. Full:
  // idle series are forgotten (and read back when they come again), else new ones are refused.
  size_t series_max = 2'000'000;
  // `series_max` that takes a sixteenth of a memory limit, 0 for none; a total can take a hundred
  // bytes while its table grows.
  static size_t SeriesWithin(uint64_t memory_limit_bytes, size_t most) {
    return memory_limit_bytes == 0 ? most : std::min<size_t>(most, memory_limit_bytes / 16 / 100);
  }
  int64_t idle_ms = int64_t{3'600} * 1'000;
  // How far back a series' last total is looked for. Beyond it the series begins again at 0.
  int64_t lookback_ms = int64_t{24} * 3'600 * 1'000;
  // Whether all that the store has can be read. While it is not, after a start, deltas of series
  // that are not in memory are answered with Unavailable. Unset: always.
  std::function<bool()> store_is_complete = nullptr;
  const base::Clock* clock = base::RealClock();
};

struct DeltaStats {
  uint64_t series = 0;
  uint64_t overlaps_total = 0;
  uint64_t duplicates_total = 0;  // the same interval again: sent twice, counted once
  uint64_t read_back_total = 0;   // series found in the store
  uint64_t evicted_total = 0;
  uint64_t recoveries_total = 0;  // all forgotten after a failure of the store
};

// Thread-safe. `store` outlives it.
class DeltaSums {
 public:
  DeltaSums(tsdb::Store* store, DeltaOptions options) : store_(store), options_(options) {}

  // Replaces the batch's deltas by totals; those that cannot be added are taken out of the batch
  // and refused. After OK the batch is under way: Finished() must follow, once.
  // Errors: Unavailable: send the request again later; the batch is spoilt.
  absl::Status Apply(OtlpBatch* batch) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the batch of an Apply() is stored.
  void Finished(bool stored) ABSL_LOCKS_EXCLUDED(mutex_);

  DeltaStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Total {
    uint64_t start_ns = 0;  // of the last interval
    uint64_t time_ns = 0;
    double value = 0;
    int64_t seen_ms = 0;  // monotonic
  };
  struct HistogramTotal {
    Total last;  // value unused
    model::Histogram histogram;
  };
  enum class Verdict { kAdd, kNew, kDuplicate, kOutOfOrder, kFull, kNotFinite };

  static uint64_t KeyOf(tsdb::SeriesId id) { return uint64_t{id.target} << 32 | id.column; }

  bool Knows(const OtlpBatch& batch, const DeltaSample& delta) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReadBackUnknown(const OtlpBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReadBack(const DeltaGroup& group, int64_t start_ms)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeNewest(const model::SeriesSet& found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeNewest(tsdb::SeriesId id, const model::SeriesView& view)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Verdict Judge(const DeltaSample& delta, const Total* known) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MakeRoom(size_t weight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Verdict AddFloat(const DeltaSample& delta, tsdb::SampleBatch* samples)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Verdict AddHistogramTo(const DeltaSample& delta, tsdb::SampleBatch* samples)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EvictIdle(int64_t idle_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t size() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return totals_.size() + histogram_weight_;
  }

  tsdb::Store* const store_;
  const DeltaOptions options_;

  mutable base::Mutex mutex_;
  absl::flat_hash_map<uint64_t, Total> totals_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::unique_ptr<HistogramTotal>> histograms_
      ABSL_GUARDED_BY(mutex_);
  size_t histogram_weight_ ABSL_GUARDED_BY(mutex_) = 0;
  // Groups that need not be read back again: nothing of theirs has been evicted since.
  absl::flat_hash_set<uint64_t> read_back_ ABSL_GUARDED_BY(mutex_);
  int64_t evicted_at_ms_ ABSL_GUARDED_BY(mutex_) = 0;  // monotonic
  int64_t made_room_at_ms_ ABSL_GUARDED_BY(mutex_) = INT64_MIN / 2;
  uint64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  DeltaStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::collector
