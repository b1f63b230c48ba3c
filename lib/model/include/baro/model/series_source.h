// SeriesSource: how PromQL, rules and SLOs read series, whoever stores them. tsdb implements it;
// tests have MemorySource.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/model/matcher.h"
#include "baro/model/sample.h"

namespace baro::model {

// Which series, and which of their samples. Both ends are part of the range.
struct SelectRequest {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  std::vector<Matcher> matchers;
  // At most this many series; more is ResourceExhausted, naming the limit. 0: no limit.
  size_t series_max = 0;
  // Histogram samples are wanted too (SeriesView::histograms); left out otherwise.
  bool histograms = false;
  // How far apart samples may be where a store has them downsampled; 0: as they came, as long as
  // those are there.
  int64_t resolution_ms = 0;
  // Somebody who reads the samples anyway: series without one in the range may be selected as well
  // where that saves looking.
  bool may_be_empty = false;
  // Of each series only the newest sample in the range is wanted; a store may give more.
  bool newest_only = false;
  // Asked now and then by a selection that takes long; an error ends it and is returned. May be
  // empty.
  std::function<absl::Status()> check_alive = {};
};

// The samples of one series within the request's range, oldest first, stale markers included,
// kNoSample never. Series of one target share their times: equal data() and size() of `times_ms`
// means equal window bounds, so an evaluator computes them once. Valid until the reader's next
// Next() or its end.
struct SeriesView {
  size_t index = 0;  // in the SeriesSet
  std::span<const int64_t> times_ms;
  std::span<const double> values;
  // Empty when no sample is a histogram. Else as long as `values`: where values[i] is
  // kHistogramMark this is the sample, null elsewhere.
  std::span<const Histogram* const> histograms = {};
  // Since when the counter of each sample has counted; 0 where that is not known. Empty when it is
  // known of no sample, else as long as `values`.
  std::span<const int64_t> starts_ms = {};
};

// Reads a part of a SeriesSet once, in the order that suits the store. Thread-compatible.
class SeriesReader {
 public:
  virtual ~SeriesReader() = default;
  // False at the end. A series without a sample in the range may be left out.
  // Errors: DataLoss (damaged bytes; names the file or key), DeadlineExceeded, Cancelled.
  virtual absl::StatusOr<bool> Next(SeriesView* view) = 0;
};

// The series a selector has found: a consistent snapshot, until destroyed. Each label set occurs
// once. Thread-safe. The order is the store's own and is not sorted, but series of one target lie
// together.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  virtual size_t size() const = 0;
  // Valid as long as the set. Equal pointers mean equal halves, so per-half work (grouping keys) is
  // done once a half.
  virtual LabelsRef labels(size_t index) const = 0;
  // Readers of disjoint ranges [begin, end) may run on different threads at the same time.
  virtual std::unique_ptr<SeriesReader> Read(size_t begin, size_t end) const = 0;
  // Human-readable notes about the answer (Prometheus' `warnings`).
  virtual const std::vector<std::string>& warnings() const = 0;
  // More of them that reading has brought to light since; may repeat what warnings() says.
  virtual std::vector<std::string> FoundWhileReading() const { return {}; }
  // Whether some series could stand elsewhere in the order, had another range been asked for.
  virtual bool order_depends_on_range() const { return false; }
  // About how many samples there are to be read, as far as can be told without reading them; none
  // when it cannot.
  virtual std::optional<uint64_t> EstimateSamples() const { return std::nullopt; }
};

struct LabelRequest {
  int64_t start_ms = kTimeMsMin;
  int64_t end_ms = kTimeMsMax;
  // Alternatives: a series that satisfies any of these lists counts. Empty: every series.
  std::vector<std::vector<Matcher>> selectors;
  size_t limit = 0;  // 0: none
};

// Thread-safe.
class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  virtual absl::StatusOr<std::unique_ptr<SeriesSet>> Select(const SelectRequest& request) const = 0;
  // Sorted, without duplicates. Series count when they have been active in the range, at the
  // store's own granularity.
  virtual absl::StatusOr<std::vector<std::string>> LabelNames(
      const LabelRequest& request) const = 0;
  virtual absl::StatusOr<std::vector<std::string>> LabelValues(
      const std::string& name, const LabelRequest& request) const = 0;
  // What is known of metric families, sorted by family; all families when `family` is empty.
  virtual std::vector<Metadata> MetricMetadata(const std::string& family, size_t limit) const = 0;

  // For those who keep what they have computed from the source. A version stands for all that can
  // be read at the moment it is taken; take it first and select afterwards. 0: the source cannot
  // tell what changes, so nothing may be kept.
  virtual uint64_t ChangeVersion() const { return 0; }
  // No sample before the time that is returned has come, gone, changed or become hidden since the
  // version was taken; a change that began and ended before `from_ms` may be left out. kTimeMsMax:
  // nothing has changed. kTimeMsMin: anything may have.
  virtual int64_t OldestChangeSince(uint64_t /*version*/, int64_t /*from_ms*/) const {
    return kTimeMsMin;
  }
};

}  // namespace baro::model
