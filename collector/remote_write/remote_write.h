// RemoteWrite: the receiver of Prometheus remote write 1.0, POST /api/v1/write.
//
// The answer comes after the journal's sync: 204 means durable. 400 names what was refused; the
// rest of the request is stored all the same. 503 means that nothing was stored and that sending
// again helps. Native histograms are left out without a 400: a Prometheus that scrapes them sends
// some in every request, and would count the samples that were stored with them as failed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/net/http_router.h"
#include "baro/tsdb/store.h"
#include "baro/wire/remote_write.h"
#include "remote_write/series_cache.h"

namespace baro::collector {

struct RemoteWriteOptions {
  size_t decoded_bytes_max = wire::kRemoteWriteBytesMax;
  // About 40 bytes each.
  size_t cached_series_max = 4'000'000;
  uint64_t cache_seed = 0;  // random, in production
  const base::Clock* clock = base::RealClock();
};

// Why samples were refused; the words are the `reason` of baro_remote_write_refused_samples_total.
enum class Refusal : uint8_t { kInvalidLabels, kLimit, kTooOld, kTooNew, kHistogram };
inline constexpr std::array<std::string_view, 5> kRefusalNames = {
    "invalid_labels", "limit", "too_old", "too_new", "native_histogram"};

struct RemoteWriteStats {
  uint64_t requests_total = 0;
  uint64_t requests_broken_total = 0;  // 4xx: headers, snappy, protobuf
  uint64_t requests_failed_total = 0;  // 503
  uint64_t samples_total = 0;          // received
  std::array<uint64_t, kRefusalNames.size()> refused_total{};
  uint64_t exemplars_dropped_total = 0;
  uint64_t nans_replaced_total = 0;  // values with the bits of model::kNoSample
  uint64_t cache_misses_total = 0;
  uint64_t cached_series = 0;
};

// Thread-safe.
class RemoteWrite {
 public:
  // `store` outlives it and every reply in flight: close the store first, then destroy this.
  RemoteWrite(tsdb::Store* store, RemoteWriteOptions options);

  // Answers now or when the store has synced, from one of its threads.
  void Handle(const net::ServerRequest& request, net::HttpReply reply);
  RemoteWriteStats GetStats() const;

 private:
  struct Request;

  absl::Status ReadSeries(std::string_view decoded, Request* request);
  absl::StatusOr<tsdb::SeriesId> Resolve(const wire::RemoteSeries& series, SeriesCache::Walk* walk);
  void AddSamples(const wire::RemoteSeries& series, tsdb::SeriesId id, Request* request);
  void Describe(const wire::RemoteWriteReader& reader);
  void Refuse(Refusal why, uint64_t count, std::string_view first, Request* request);
  void WarnOfHistograms(uint64_t count);
  net::ServerResponse Finish(const tsdb::AppendResult& result, Request request);

  tsdb::Store* const store_;
  const RemoteWriteOptions options_;
  SeriesCache cache_;

  std::atomic<uint64_t> requests_total_{0};
  std::atomic<uint64_t> requests_broken_total_{0};
  std::atomic<uint64_t> requests_failed_total_{0};
  std::atomic<uint64_t> samples_total_{0};
  std::array<std::atomic<uint64_t>, kRefusalNames.size()> refused_total_{};
  std::atomic<uint64_t> exemplars_dropped_total_{0};
  std::atomic<uint64_t> nans_replaced_total_{0};
  std::atomic<uint64_t> cache_misses_total_{0};
  std::atomic<int64_t> histogram_warning_at_ns_{0};  // monotonic; none before
};

}  // namespace baro::collector
