// ExemplarStore: the newest exemplars of all series, in memory.
//
// A ring of a fixed size: the one that came first goes first, whatever its series. They are
// journaled with the samples they come with; a seal writes all there are into the index, in the
// write that lets the journal go, so a restart finds them in the one or the other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/base/mutex.h"
#include "baro/model/exemplar.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {

// OpenMetrics: the names and values of an exemplar's labels, in characters.
inline constexpr size_t kExemplarLabelsMax = 128;

// How many younger exemplars of its series one may come after. Senders of remote write 2.0 repeat
// and reorder requests, and its compliance suite writes an hour backwards; the bound is on the walk
// through the list.
inline constexpr size_t kLateStepsMax = 1'000;

// Whether a series' exemplar may be stored. Errors: InvalidArgument (its labels are too long).
absl::Status CheckExemplar(const model::Exemplar& exemplar);

// As a journal record and the index have them: docs/formats/histograms.md. Take drops what it
// reads; false when it is damaged.
void PutExemplars(std::span<const ExemplarSample> exemplars, std::string* bytes);
bool TakeExemplars(std::string_view* bytes, std::vector<ExemplarSample>* exemplars);

// Thread-safe.
class ExemplarStore {
 public:
  explicit ExemplarStore(size_t exemplars_max) : exemplars_max_(exemplars_max) {}

  enum class Verdict {
    kStored,
    kDuplicate,   // same series, time, value and labels
    kOutOfOrder,  // older than kLateStepsMax others of its series: not stored
  };
  Verdict Add(const ExemplarSample& sample) ABSL_LOCKS_EXCLUDED(mutex_) {
    return Insert(sample, false);
  }
  // At a restart, where what comes again may be older than what came since.
  void Restore(const ExemplarSample& sample) ABSL_LOCKS_EXCLUDED(mutex_) { Insert(sample, true); }

  // Series that have any.
  std::vector<SeriesId> Series() const ABSL_LOCKS_EXCLUDED(mutex_);
  // A series' exemplars within [start, end], oldest first.
  std::vector<model::Exemplar> Find(SeriesId series, int64_t start_ms, int64_t end_ms) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // All that are not older, in the order they came.
  std::vector<ExemplarSample> All(int64_t oldest_ms) const ABSL_LOCKS_EXCLUDED(mutex_);

  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Those that had to go for younger ones.
  uint64_t evicted_total() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Changes with each exemplar stored.
  uint64_t version() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  // Of one series they form a list, by time.
  struct Entry {
    SeriesId series;
    int64_t time_ms = 0;
    double value = 0;
    std::string labels;  // packed: half of what model::Labels take
    uint32_t older = kNone;
    uint32_t newer = kNone;
  };
  struct Ends {
    uint32_t oldest = kNone;
    uint32_t newest = kNone;
  };

  Verdict Insert(const ExemplarSample& sample, bool any_order) ABSL_LOCKS_EXCLUDED(mutex_);
  // A free place in the ring; its exemplar is forgotten.
  uint32_t TakePlace() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unlink(uint32_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ExemplarSample Unpack(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LinkBehind(uint32_t older, uint32_t place, Ends* ends) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t exemplars_max_;
  mutable base::Mutex mutex_;
  std::vector<Entry> ring_ ABSL_GUARDED_BY(mutex_);
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // the oldest once the ring is full
  absl::flat_hash_map<uint64_t, Ends> series_ ABSL_GUARDED_BY(mutex_);
  uint64_t evicted_total_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace baro::tsdb
