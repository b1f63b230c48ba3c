// NativeRows: the native histograms of one target on their way to the RowSink: labels mapped,
// limits kept, ends of series told.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/agent/row_sink.h"
#include "baro/exposition/layout_cache.h"
#include "baro/exposition/protobuf.h"
#include "baro/model/labels.h"
#include "counters.h"
#include "series_mapping.h"
#include "target.h"

namespace baro::agent {

// Strand-bound. What it refers to outlives it.
class NativeRows {
 public:
  NativeRows(const Target& target, const SeriesMapping* mapping, ScrapeCounters* counters)
      : target_(target), job_(*target.job), mapping_(mapping), counters_(counters) {}

  // Of the last Plan().
  uint64_t kept() const { return pending_.size(); }  // samples left after metric relabelling
  uint64_t added() const { return added_; }          // series that the scrape before did not have

  // Takes one scrape's histograms. Nothing is told before Commit().
  // Errors, each of which fails the scrape: those of SeriesMapping::Map(), and ResourceExhausted
  // for native_histogram_bucket_limit.
  absl::Status Plan(std::vector<exposition::NativeSample> samples, int64_t time_ms);
  // What the sink is to be told of the last Plan(), ends of series included.
  std::vector<SeriesExtras> Commit(int64_t time_ms);
  // The scrape has failed, or the target has gone: the end of every series.
  std::vector<SeriesExtras> EndAll(int64_t time_ms);
  ScrapeFailure last_failure() const { return last_failure_; }

 private:
  struct Series {
    model::Labels labels;  // all of them
    model::Metadata metadata;
    bool dropped = false;
    bool present = false;   // the last scrape had it
    uint64_t round = 0;     // Plan() that saw it last
    bool tells_end = true;  // not when it has times of its own
    int64_t last_time_ms = exposition::kNoTime;
  };

  absl::Status Limit(model::Histogram* histogram);
  SeriesExtras End(const Series& series, int64_t time_ms) const;

  const Target& target_;
  const ScrapeJob& job_;
  const SeriesMapping* const mapping_;
  ScrapeCounters* const counters_;
  std::map<model::Labels, Series> series_;  // by the labels they were scraped with
  std::vector<SeriesExtras> pending_;
  uint64_t round_ = 0;
  uint64_t added_ = 0;
  ScrapeFailure last_failure_ = ScrapeFailure::kSampleLimit;
};

}  // namespace baro::agent
