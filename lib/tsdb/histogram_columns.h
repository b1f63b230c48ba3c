// HistogramColumns: writes histograms as samples of component columns (component_table.h), before
// the batch reaches the journal, which therefore needs to know nothing of histograms.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/tsdb/store.h"
#include "component_table.h"
#include "dictionary.h"

namespace baro::tsdb {

// What of a batch's histograms was not taken as it came.
struct HistogramRefusals {
  uint64_t invalid = 0;     // makes no sense: model::CheckHistogram()
  uint64_t over_limit = 0;  // too many buckets in it, or too many different ones in its column
  uint64_t nan_replaced = 0;
  absl::Status first;  // why the first was refused
};

// Thread-compatible. Whoever converts a batch must submit it before another batch is converted:
// what a later one leaves out is only correct behind the earlier one.
class HistogramColumns {
 public:
  HistogramColumns(Dictionary* dictionary, size_t buckets_max)
      : dictionary_(dictionary), buckets_max_(buckets_max) {}

  // The newest time the store has anything of. Until it is told: the end of time.
  void SetStoredUntil(int64_t time_ms) { stored_until_ms_ = time_ms; }

  // Moves `batch->histograms` into the batch's plain samples, behind those that are there.
  // Errors: InvalidArgument (an unknown series; the batch is as it was).
  absl::Status Convert(SampleBatch* batch, HistogramRefusals* refusals);

 private:
  absl::Status ConvertOne(const HistogramSample& sample, SampleBatch* batch,
                          HistogramRefusals* refusals);
  absl::Status Check(const model::Histogram& histogram) const;
  // Fills codes_ and values_.
  absl::Status TakeApart(const model::Histogram& histogram);
  void TakeApart(ComponentKind kind, std::span<const model::Histogram::Bucket> buckets);
  void Put(ComponentCode code, double value);
  bool MayBeStored(SeriesId series, int64_t time_ms);

  Dictionary* const dictionary_;
  const size_t buckets_max_;
  int64_t stored_until_ms_ = model::kTimeMsMax;
  // The newest histogram of a series.
  absl::flat_hash_map<uint64_t, int64_t> newest_ms_;
  std::vector<ComponentCode> codes_;
  std::vector<double> values_;
};

}  // namespace baro::tsdb
