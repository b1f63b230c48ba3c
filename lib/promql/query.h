// Query: what all evaluators of one query share: the source, the limits, the annotations, and the
// owner of everything that rows point to.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "annotations.h"
#include "baro/base/clock.h"
#include "baro/base/memory_budget.h"
#include "baro/model/labels.h"
#include "baro/model/series_source.h"
#include "baro/promql/engine.h"
#include "passes.h"

namespace baro::promql {

class RowWatch;

// Thread-compatible: one query runs on one thread.
class Query {
 public:
  struct Limits {
    int64_t lookback_ms = 0;
    int64_t samples_max = 0;
    int64_t deadline_ns = 0;
    const base::Clock* clock = nullptr;
    const std::atomic<bool>* cancelled = nullptr;  // null: cannot be cancelled
    base::MemoryBudget* memory = nullptr;          // null: samples_max alone bounds it
    size_t series_max = 0;                         // of one selector; 0: any number
    uint64_t memory_bytes_max = 0;                 // 0: any number
    QueryProgress* progress = nullptr;             // null: nobody looks
  };

  Query(const model::SeriesSource& series_source, const Limits& limits, const QueryTimes& times,
        std::string_view text)
      : source(series_source),
        limits_(limits),
        times_(times),
        annotations_(text),
        memory_(limits.memory),
        result_memory_(std::make_shared<base::MemoryShare>(limits.memory)) {}

  const model::SeriesSource& source;
  int64_t lookback_ms() const { return limits_.lookback_ms; }
  const QueryTimes& times() const { return times_; }
  Annotations& annotations() { return annotations_; }

  // To be called every few thousand samples. Errors: DeadlineExceeded, Cancelled.
  absl::Status CheckAlive() const;

  // Counts samples held in memory. Errors: ResourceExhausted beyond samples_max, or when the
  // process has no memory left for them.
  absl::Status Hold(size_t samples);
  void Release(size_t samples) { held_ -= static_cast<int64_t>(samples); }
  // Counts samples looked at, once for each step that looked.
  void CountRead(size_t samples) {
    (in_subquery_ ? samples_inside_ : samples_total_) += static_cast<int64_t>(samples);
  }
  // The same, told step by step; only when somebody asked for it (detailed()).
  struct StepCount {
    uint32_t total = 0;
    uint32_t read = 0;  // of them those that the step before has not seen
  };
  void CountSteps(const std::vector<StepCount>& steps);
  bool detailed() const { return detailed_; }
  bool in_subquery() const { return in_subquery_; }
  // To be called before the evaluation, with the number of its steps.
  void CountInDetail(size_t steps);
  const std::vector<int64_t>& samples_per_step() const { return samples_per_step_; }
  const std::vector<int64_t>& samples_read_per_step() const { return samples_read_per_step_; }
  int64_t samples_read() const { return samples_read_; }
  // What a subquery evaluates inside counts as read, and not as seen by the query's steps.
  class InSubquery {
   public:
    InSubquery(Query* query, bool inside) : query_(query), before_(query->in_subquery_) {
      query_->in_subquery_ = inside;
    }
    ~InSubquery() { query_->in_subquery_ = before_; }
    InSubquery(const InSubquery&) = delete;
    InSubquery& operator=(const InSubquery&) = delete;

   private:
    Query* const query_;
    const bool before_;
  };
  // One step was evaluated for all: its samples count for each.
  void CountRepeated(int64_t total_before, size_t steps) {
    samples_total_ += (samples_total_ - total_before) * (static_cast<int64_t>(steps) - 1);
  }
  // So many bytes of what the result will be, beside what is held. Errors: as Hold().
  absl::Status HoldResult(uint64_t bytes);
  // The result's share of the memory, which outlives the query.
  std::shared_ptr<base::MemoryShare> TakeResultMemory() { return std::move(result_memory_); }
  int64_t samples_total() const { return samples_total_; }
  int64_t samples_looked_at() const { return samples_total_ + samples_inside_; }
  int64_t samples_peak() const { return peak_; }

  // What the evaluation tells beside its result; null when nobody asks (watch.h).
  RowWatch* watch() const { return watch_; }
  void set_watch(RowWatch* watch) { watch_ = watch; }
  // Whether reading has met a histogram, whatever became of it.
  void NoteHistograms() { saw_histograms_ = true; }
  bool saw_histograms() const { return saw_histograms_; }
  // Whether the series of some selector would be ordered differently in another range.
  bool order_varies() const;

  // Selects and keeps the set until the query ends: rows point into it.
  absl::StatusOr<const model::SeriesSet*> Select(const model::SelectRequest& request);
  // After the evaluation: what reading the selected series has brought to light.
  void WarnOfWhatWasRead();
  // Keeps labels until the query ends.
  const model::Labels* Keep(model::Labels labels) {
    return &kept_labels_.emplace_back(std::move(labels));
  }

 private:
  absl::Status CheckMemory() const;

  const Limits limits_;
  const QueryTimes times_;
  Annotations annotations_;
  base::MemoryShare memory_;
  std::shared_ptr<base::MemoryShare> result_memory_;
  uint64_t result_bytes_ = 0;
  int64_t held_ = 0;
  int64_t peak_ = 0;
  int64_t samples_total_ = 0;
  int64_t samples_inside_ = 0;
  int64_t samples_read_ = 0;
  bool in_subquery_ = false;
  bool detailed_ = false;
  std::vector<int64_t> samples_per_step_;
  std::vector<int64_t> samples_read_per_step_;
  std::vector<std::unique_ptr<model::SeriesSet>> kept_sets_;
  bool saw_histograms_ = false;
  RowWatch* watch_ = nullptr;
  std::deque<model::Labels> kept_labels_;  // a deque: the labels never move
};

// The steps at which an expression is evaluated: start, start + step, …
struct StepGrid {
  int64_t start_ms = 0;
  int64_t step_ms = 1;
  size_t count = 1;
  // The last step is rarely the end that was asked for: how much earlier it is. A range of one step
  // is no instant for that.
  int64_t left_over_ms = 0;

  bool IsInstant() const { return count == 1 && left_over_ms == 0; }
  int64_t Time(size_t step) const { return start_ms + static_cast<int64_t>(step) * step_ms; }
  int64_t EndMs() const { return Time(count - 1); }
};

}  // namespace baro::promql
