// StartSamples: zeros at the times when counting began, as Prometheus'
// created-timestamp-zero-ingestion makes them.
//
// rate() and increase() count from the first sample they see; a zero at the start makes that all
// that was counted. Such a time is told again with each sample of a series: it becomes a sample
// once.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "baro/tsdb/store.h"
#include "baro/wire/remote_write2.h"
#include "remote_write/recent_map.h"

namespace baro::collector {

// The zeros of one request.
struct StartBatch {
  tsdb::SampleBatch samples;
  std::vector<std::pair<uint64_t, int64_t>> starts;  // series and time of each
};

// Thread-safe.
class StartSamples {
 public:
  // Of more series than `series_max` the oldest are forgotten: their zeros are stored again, which
  // changes nothing.
  explicit StartSamples(size_t series_max) : starts_(series_max) {}

  // Adds the zeros that `values` of `series` ask for to `batch`: a start that is not known to be
  // stored and lies before its sample. A histogram's zero is an empty one of its schema, which is a
  // reset.
  void Add(const wire::RemoteSeries2& values, tsdb::SeriesId series, StartBatch* batch) const;
  // They are stored.
  void Remember(const std::vector<std::pair<uint64_t, int64_t>>& starts);

 private:
  bool IsNew(uint64_t key, int64_t start_ms, int64_t time_ms) const;

  RecentMap<uint64_t, int64_t> starts_;  // by target and column
};

}  // namespace baro::collector
