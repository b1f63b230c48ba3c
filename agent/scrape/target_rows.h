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
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/agent/row_sink.h"
#include "baro/exposition/layout_cache.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "classic_conversion.h"
#include "counters.h"
#include "native_rows.h"
#include "series_mapping.h"
#include "target.h"

namespace baro::agent {

struct ScrapeReport {
  bool up = false;
  double duration_seconds = 0;
  uint64_t samples_scraped = 0;
  uint64_t samples_post_relabeling = 0;
  uint64_t series_added = 0;
  uint64_t body_bytes = 0;  // unpacked
  bool body_too_large = false;
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
  absl::Status Append(const exposition::LayoutCache& cache,
                      std::vector<exposition::NativeSample> natives, bool layout_changed,
                      int64_t time_ms, ScrapeReport* report);

  // A scrape that failed: every series is stale, and the report says why not.
  absl::Status AppendFailure(int64_t time_ms, const ScrapeReport& report);
  // The target is gone: every series is stale, the report's as well.
  void AppendGone(int64_t time_ms);
  // The cache's columns are other ones now.
  void Forget() { built_ = false; }

  uint64_t layout_changes() const { return layout_changes_; }
  // Why the last scrape that was handed on is not whole; empty when it is.
  std::string_view warning() const {
    if (limited_ > 0) return limited_warning_;
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
  static constexpr uint32_t kConverted = 0xffff'fffa;  // a part of a native histogram now
  static constexpr uint32_t kLimited = 0xffff'fff9;    // beyond sample_limit, in the mode truncate
  static constexpr uint32_t kNoStream = 0xffff'fff8;

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
  struct Build;
  struct Counts;

  absl::Status Rebuild(const exposition::LayoutCache* cache);
  absl::Status AssignColumn(uint32_t column, const exposition::LayoutCache& cache, Build* build);
  uint32_t FindStream(const MappedSeries& mapped, uint32_t column, int64_t time_ms,
                      Build* build) const;
  absl::Status Declare(Build* build);
  bool FitsTimes(const exposition::LayoutCache& cache) const;
  Counts CountSamples(const exposition::LayoutCache& cache) const;
  absl::Status CheckSampleLimit(const exposition::LayoutCache& cache, Counts* counts);
  int64_t TimeOf(const exposition::LayoutCache& cache, uint32_t column) const;
  void AppendStream(const exposition::LayoutCache& cache, int64_t time_ms, Stream* stream);
  std::vector<SeriesExtras> TakeExemplars(const exposition::LayoutCache& cache, int64_t time_ms);
  void PutExtras(std::vector<SeriesExtras> extras);
  // Whether a stale marker is due when its series are gone: not after times of their own.
  bool TellsEnd(const Stream& stream) const {
    return stream.time_key == exposition::kNoTime || job_.track_timestamps_staleness;
  }
  std::string LimitWarning(const Build& build) const;
  void PutReport(const ScrapeReport& report);
  size_t report_size() const;
  absl::Status Put(int64_t time_ms, Stream* stream);
  absl::Status PutStale(int64_t time_ms);

  RowSink* const sink_;
  const Target& target_;
  const ScrapeJob& job_;
  ScrapeCounters* const counters_;
  const SeriesMapping mapping_;
  NativeRows natives_;
  ClassicConversion conversion_;

  bool built_ = false;
  std::vector<Stream> streams_;  // the first one has the report
  std::vector<uint32_t> slots_;  // one a cache column
  std::vector<double> row_;      // scratch
  size_t columns_dropped_added_ = 0;
  size_t oversized_ = 0;  // samples of the last scrape
  std::string oversized_warning_;
  size_t limited_ = 0;  // columns beyond sample_limit
  std::string limited_warning_;
  // The last exemplar told of a column, and the labels of its series.
  struct ToldExemplar {
    model::Labels series;
    model::Metadata metadata;
    exposition::Exemplar last;
  };
  std::map<uint32_t, ToldExemplar> exemplars_;
  uint64_t layout_changes_ = 0;
  mutable ScrapeFailure last_failure_ = ScrapeFailure::kSink;
};

}  // namespace baro::agent
