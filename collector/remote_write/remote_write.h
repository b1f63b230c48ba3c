// RemoteWrite: the receiver of Prometheus remote write 1.0 and 2.0, POST /api/v1/write.
//
// The answer comes after the journal's sync: 204 means durable. 400 names what was refused; the
// rest of the request is stored all the same. 503 means that nothing was stored and that sending
// again helps. docs/formats/remote_write.md has every rule.
//
// Read in this order: content.h (which message), incoming_write.h (what a request adds up to, and
// the answer), remote_write.cc (1.0), remote_write2.cc (2.0).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/net/http_router.h"
#include "baro/tsdb/store.h"
#include "baro/wire/remote_write.h"
#include "baro/wire/remote_write2.h"
#include "remote_write/content.h"
#include "remote_write/incoming_write.h"
#include "remote_write/recent_map.h"
#include "remote_write/series_cache.h"
#include "remote_write/start_samples.h"
#include "remote_write/symbol_hashes.h"

namespace baro::collector {

struct RemoteWriteOptions {
  size_t decoded_bytes_max = wire::kRemoteWriteBytesMax;
  // About 40 bytes each.
  size_t cached_series_max = 4'000'000;
  uint64_t cache_seed = 0;  // random, in production
  // Stores a zero at each start timestamp that 2.0 tells.
  bool start_samples = false;
};

struct RemoteWriteStats {
  std::array<uint64_t, 2> requests_total{};  // by WriteVersion
  uint64_t requests_unsupported_total = 0;   // 415: headers
  uint64_t requests_broken_total = 0;        // 400, 413: snappy, protobuf, size
  uint64_t requests_failed_total = 0;        // 503
  uint64_t samples_total = 0;                // received
  uint64_t histograms_total = 0;             // received
  uint64_t exemplars_total = 0;              // received
  uint64_t metadata_total = 0;               // received and new
  std::array<uint64_t, kRefusalNames.size()> refused_total{};
  uint64_t exemplars_refused_total = 0;
  // Stored, or had already; the store counts those of all senders.
  uint64_t duplicates_total = 0;
  uint64_t overwritten_total = 0;
  uint64_t out_of_order_total = 0;
  uint64_t start_samples_total = 0;
  uint64_t nans_replaced_total = 0;  // values with bits that mean something to the store
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
  using Counter = std::atomic<uint64_t>;
  // What a request of 2.0 tells of metrics and the store was not told lately.
  struct NewMetadata {
    std::vector<model::Metadata> metadata;
    std::vector<LabelHash> hashes;      // of each
    std::array<uint32_t, 4> last = {};  // name, type, help, unit of the series before
  };

  // Both read a whole request. Errors (nothing was taken): InvalidArgument, ResourceExhausted.
  absl::Status ReadVersion1(std::string_view decoded, IncomingWrite* write);
  absl::Status ReadVersion2(std::string_view decoded, IncomingWrite* write);

  absl::StatusOr<tsdb::SeriesId> Resolve(const wire::RemoteSeries& series, SeriesCache::Walk* walk);
  absl::StatusOr<tsdb::SeriesId> Resolve(const wire::RemoteWrite2Reader& reader,
                                         const wire::RemoteSeries2& series, SymbolHashes* hashes,
                                         SeriesCache::Walk* walk);
  // The first time: tells the store what a series' labels are and remembers the answer.
  absl::StatusOr<tsdb::SeriesId> Declare(const LabelHash& hash,
                                         const absl::StatusOr<model::Labels>& labels,
                                         SeriesCache::Walk* walk);
  void Take(const absl::StatusOr<tsdb::SeriesId>& id, const wire::RemoteValues& values,
            IncomingWrite* write);

  void Describe(const wire::RemoteWriteReader& reader);
  void AddMetadata(const wire::RemoteWrite2Reader& reader, const wire::RemoteSeries2& series,
                   SymbolHashes* hashes, NewMetadata* metadata) const;
  void Describe(NewMetadata metadata);
  void StoreStarts(StartBatch starts);

  void Append(IncomingWrite write, net::HttpReply reply);
  net::ServerResponse Finish(const tsdb::AppendResult& result, IncomingWrite* write);

  tsdb::Store* const store_;
  const RemoteWriteOptions options_;
  SeriesCache cache_;
  StartSamples starts_;
  // Hashes of metadata that the store was told.
  RecentMap<uint64_t, uint64_t> described_;

  std::array<Counter, 2> requests_total_{};
  Counter requests_unsupported_total_{0};
  Counter requests_broken_total_{0};
  Counter requests_failed_total_{0};
  Counter samples_total_{0};
  Counter histograms_total_{0};
  Counter exemplars_total_{0};
  Counter metadata_total_{0};
  std::array<Counter, kRefusalNames.size()> refused_total_{};
  Counter exemplars_refused_total_{0};
  Counter duplicates_total_{0};
  Counter overwritten_total_{0};
  Counter out_of_order_total_{0};
  Counter start_samples_total_{0};
  Counter nans_replaced_total_{0};
  Counter cache_misses_total_{0};
};

}  // namespace baro::collector
