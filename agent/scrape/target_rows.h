// TargetRows: turns the columns of a layout cache into rows of the RowSink.
//
// Nearly always there is one stream: the target's labels, and one column for each series behind the
// five columns that Prometheus calls report series (up, scrape_…). A series gets into a stream of
// its own kind when its labels lack or override a label of the target (honor_labels, metric
// relabelling), or when it brings a timestamp of its own (honor_timestamps): a row has one time, so
// series are grouped by the time that they have in common. Groups are only ever split, never
// merged, until the next fresh layout; so a target that shuffles its timestamps comes to rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/agent/row_sink.h"
#include "baro/exposition/layout_cache.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "counters.h"
#include "target.h"

namespace baro::agent {

struct ScrapeReport {
  bool up = false;
  double duration_seconds = 0;
  uint64_t samples_scraped = 0;
  uint64_t samples_post_relabeling = 0;
  uint64_t series_added = 0;
};

// Strand-bound. Releases what it has declared when destroyed.
class TargetRows {
 public:
  // All must outlive it.
  TargetRows(RowSink* sink, const Target* target, ScrapeCounters* counters);
  ~TargetRows();
  TargetRows(const TargetRows&) = delete;
  TargetRows& operator=(const TargetRows&) = delete;

  // Hands on one scrape. Fills in report->samples_post_relabeling and corrects series_added.
  //
  // Errors (no row was appended; the scrape counts as failed):
  //   ResourceExhausted  sample_limit or a label limit, which is named; or the sink has no room
  //   InvalidArgument    metric relabelling left a series without a name
  absl::Status Append(const exposition::LayoutCache& cache, bool layout_changed, int64_t time_ms,
                      ScrapeReport* report);

  // A scrape that failed: every series is stale, and the report says why not.
  absl::Status AppendFailure(int64_t time_ms, const ScrapeReport& report);
  // The target is gone: every series is stale, the report's as well.
  void AppendGone(int64_t time_ms);
  // The cache's columns are other ones now.
  void Forget() { built_ = false; }

  uint64_t layout_changes() const { return layout_changes_; }
  // Why the last scrape that was handed on is not whole; empty when it is.
  std::string_view warning() const {
    return oversized_ > 0 ? std::string_view(oversized_warning_) : std::string_view();
  }
  // Which limit the last error was about.
  ScrapeFailure last_failure() const { return last_failure_; }

 private:
  // A cache column's stream, or one of these.
  static constexpr uint32_t kUnassigned = 0xffff'fffd;  // not seen since its stream was built
  static constexpr uint32_t kDuplicate = 0xffff'fffe;
  static constexpr uint32_t kDropped = 0xffff'ffff;
  static constexpr uint32_t kOversized = 0xffff'fffc;  // beyond what a collector takes
  static constexpr uint32_t kNoStream = 0xffff'fffb;

  struct Stream {
    model::Labels target;
    std::vector<uint32_t> columns;           // of the cache
    int64_t time_key = exposition::kNoTime;  // at which it was built; kNoTime: the scrape's time
    uint32_t split_from = kNoStream;
    int64_t last_time_ms = exposition::kNoTime;
    model::ContentHash hash{};
    TargetHandle handle = 0;
    bool declared = false;
    bool stale = false;  // the last row held nothing but stale markers
  };
  struct Mapped;
  struct Build;

  absl::Status Rebuild(const exposition::LayoutCache* cache);
  absl::StatusOr<Mapped> MapSeries(model::Labels scraped) const;
  void RenameConflicts(model::Labels* scraped) const;
  absl::Status CheckLabels(const model::Labels& labels) const;
  absl::Status AssignColumn(uint32_t column, const exposition::LayoutCache& cache, Build* build);
  uint32_t FindStream(const Mapped& mapped, uint32_t column, int64_t time_ms, Build* build) const;
  absl::Status Declare(Build* build);
  bool FitsTimes(const exposition::LayoutCache& cache) const;
  size_t CountSamples(const exposition::LayoutCache& cache, size_t* relabelled, size_t* duplicates,
                      size_t* oversized) const;
  int64_t TimeOf(const exposition::LayoutCache& cache, uint32_t column) const;
  void AppendStream(const exposition::LayoutCache& cache, int64_t time_ms, Stream* stream);
  void PutReport(const ScrapeReport& report);
  absl::Status Put(int64_t time_ms, Stream* stream);
  absl::Status PutStale(int64_t time_ms);

  RowSink* const sink_;
  const Target& target_;
  const ScrapeJob& job_;
  ScrapeCounters* const counters_;

  bool built_ = false;
  std::vector<Stream> streams_;  // the first one has the report
  std::vector<uint32_t> slots_;  // one a cache column
  std::vector<double> row_;      // scratch
  size_t columns_dropped_added_ = 0;
  size_t oversized_ = 0;  // samples of the last scrape
  std::string oversized_warning_;
  uint64_t layout_changes_ = 0;
  mutable ScrapeFailure last_failure_ = ScrapeFailure::kSink;
};

}  // namespace baro::agent
