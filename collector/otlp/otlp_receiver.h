// OtlpReceiver: OTLP metrics into the store, whatever they came by.
//
//   request ─► translate (otlp_translation.h) ─► deltas to totals (delta_sums.h) ─► Store::Append
//                                                             answer, after the sync ◄──┘
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/tsdb/store.h"
#include "otlp/delta_sums.h"
#include "otlp/otlp_config.h"
#include "otlp/otlp_translation.h"
#include "remote_write/series_cache.h"

namespace baro::collector {

struct OtlpOptions {
  // About 50 bytes each; a histogram takes one a bucket.
  size_t cached_series_max = 2'000'000;
  uint64_t cache_seed = 0;  // random, in production
  // As the store has them, so that a point can be named that it would refuse. 0: no limit.
  int64_t retention_ms = 0;
  int64_t future_ms_max = int64_t{24} * 3'600 * 1'000;
  int64_t lookback_ms = 300'000;  // of queries: target_info is written twice as often
  DeltaOptions deltas;
  const base::Clock* clock = base::RealClock();
};

// What became of a request.
struct OtlpOutcome {
  // InvalidArgument: damaged, sending it again does not help. Unavailable: nothing was stored, send
  // it again later.
  absl::Status status;
  int64_t rejected_points = 0;
  std::string message;  // what was refused and why; empty when nothing was
};

struct OtlpStats {
  uint64_t requests_total = 0;
  uint64_t requests_broken_total = 0;
  uint64_t requests_failed_total = 0;  // the store could not take them
  uint64_t requests_shed_total = 0;    // too many at once (gRPC)
  uint64_t points_total = 0;
  std::array<uint64_t, kOtlpRefusalNames.size()> refused_total{};
  uint64_t exemplars_refused_total = 0;
  uint64_t target_info_cut_total = 0;
  uint64_t cache_misses_total = 0;
  uint64_t cached_series = 0;
  DeltaStats deltas;
};

// Thread-safe.
class OtlpReceiver {
 public:
  using Done = std::function<void(const OtlpOutcome&)>;

  // `store` outlives it and every request under way: close the store first, then destroy this.
  OtlpReceiver(tsdb::Store* store, OtlpConfig config, OtlpOptions options);

  // Requests from now on follow this configuration.
  void Configure(OtlpConfig config) ABSL_LOCKS_EXCLUDED(mutex_);

  // An ExportMetricsServiceRequest in protobuf; not needed any more when this returns. `done` runs
  // now or when the store has synced, on one of its threads; once. Reads the store where deltas
  // have to be taken up: never on an I/O thread.
  void Receive(std::string_view request, Done done);

  // For those in front that have to refuse before there is a request to read.
  void CountBroken() { Count(&requests_broken_total_); }
  void CountShed() { Count(&requests_shed_total_); }

  OtlpStats GetStats() const;

 private:
  struct Configured {
    OtlpConfig config;
    uint64_t generation = 0;
  };

  static void Count(std::atomic<uint64_t>* counter, uint64_t by = 1) {
    counter->fetch_add(by, std::memory_order_relaxed);
  }
  std::shared_ptr<const Configured> configured() const ABSL_LOCKS_EXCLUDED(mutex_);
  OtlpContext ContextFor(const Configured& configured);
  OtlpOutcome Finish(const tsdb::AppendResult& result, OtlpBatch* batch);

  tsdb::Store* const store_;
  const OtlpOptions options_;
  SeriesCache cache_;
  DescribedMetrics described_;
  DeltaSums deltas_;

  mutable base::Mutex mutex_;
  std::shared_ptr<const Configured> configured_ ABSL_GUARDED_BY(mutex_);

  std::atomic<uint64_t> requests_total_{0};
  std::atomic<uint64_t> requests_broken_total_{0};
  std::atomic<uint64_t> requests_failed_total_{0};
  std::atomic<uint64_t> requests_shed_total_{0};
  std::atomic<uint64_t> points_total_{0};
  std::array<std::atomic<uint64_t>, kOtlpRefusalNames.size()> refused_total_{};
  std::atomic<uint64_t> exemplars_refused_total_{0};
  std::atomic<uint64_t> target_info_cut_total_{0};
  std::atomic<uint64_t> cache_misses_total_{0};
};

}  // namespace baro::collector
