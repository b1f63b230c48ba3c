// EventCounter: from samples to events, sample by sample, without extrapolation.
//
// A counter's increase belongs to the time of the later sample. A value below the one before it is
// a reset, and counts whole. The first value of a series counts when the series' start is known:
// the sender says so, or its target was being scraped in the minutes before and the series was not
// there. A counter that was away for longer than kCounterGapMs is a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/series_source.h"
#include "baro/slo/slo_spec.h"
#include "slot_ladder.h"

namespace baro::slo {

inline constexpr int64_t kCounterGapMs = kHourMs;
// So long ago a sample of the same target shows that a series is new.
inline constexpr int64_t kTargetSeenMs = 5 * kMinuteMs;

// Takes what is counted.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // A number for the series, by which its events are told; below 0: it is left out.
  virtual int64_t Series(const model::LabelsRef& labels, const TermSpec& term) = 0;
  // `time_ms` within the range that is counted; in order within a term's series only.
  virtual void Event(int64_t series, int64_t time_ms, const Counts& counts) = 0;
  // The newest sample of the series in the range, when it is one of the total.
  virtual void Seen(int64_t series, int64_t time_ms) = 0;
};

// Thread-compatible, copyable. What it keeps of a series is its last sample: some 40 bytes.
class EventCounter {
 public:
  // `source` outlives it.
  EventCounter(std::vector<TermSpec> terms, const model::SeriesSource* source)
      : terms_(std::move(terms)), source_(source), last_(terms_.size()), resolved_(terms_.size()) {}

  // Looks up what each counter showed at `time_ms`.
  absl::Status Seed(int64_t time_ms);
  // Tells the events of (from_ms, to_ms]. What is kept afterwards is how things stood at
  // `settle_ms`; the next call's from_ms is that. Nothing is kept of a call that fails.
  absl::Status Count(int64_t from_ms, int64_t to_ms, int64_t settle_ms, EventSink* sink);

  // What is not as the file expects; empty: nothing.
  const std::string& warning() const { return warning_; }
  size_t series() const;

 private:
  struct Last {
    int64_t time_ms = 0;
    double value = 0;
    double below = 0;  // of a histogram: what it counts up to the bound
  };
  // A first value, until it is known whether the series' start was seen.
  struct Newcomer {
    int64_t series = 0;
    int64_t time_ms = 0;
    uint64_t target = 0;
    Counts counts;
  };
  struct Reading {
    int64_t settle_ms = 0;
    EventSink* sink = nullptr;
    std::vector<std::pair<size_t, std::pair<uint64_t, Last>>> settled;  // by term, series
    std::vector<Newcomer> newcomers;
    absl::flat_hash_set<uint64_t> native;  // histograms that are there natively
  };

  // Nothing: no bucket is there yet.
  absl::StatusOr<std::optional<std::vector<model::Matcher>>> MatchersOf(size_t term,
                                                                        int64_t time_ms);
  absl::StatusOr<std::optional<std::vector<model::Matcher>>> ResolveBucket(const TermSpec& term,
                                                                           int64_t time_ms);
  absl::StatusOr<bool> HasBuckets(int64_t time_ms);
  absl::Status CountTerm(size_t term, int64_t from_ms, int64_t to_ms, Reading* reading);
  void CountSeries(size_t term, const model::LabelsRef& labels, const model::SeriesView& view,
                   Reading* reading) const;
  absl::Status AdmitNewcomers(Reading* reading);

  std::vector<TermSpec> terms_;
  const model::SeriesSource* source_;
  std::vector<absl::flat_hash_map<uint64_t, Last>> last_;  // by term, series' hash
  // Of a bucket's term: its matchers with the `le` that was found, and when.
  struct Resolved {
    int64_t time_ms = 0;
    std::optional<std::vector<model::Matcher>> matchers;
  };
  std::vector<Resolved> resolved_;
  int64_t swept_ms_ = 0;
  std::string warning_;
};

}  // namespace baro::slo
