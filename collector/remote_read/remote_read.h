// RemoteRead: the server of Prometheus' remote read, POST /api/v1/read.
//
// What matches a query comes back as raw samples or as streamed chunks, as the client likes best;
// series are sorted by their labels, stale markers kept. docs/formats/remote_read.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/memory_budget.h"
#include "baro/model/series_source.h"
#include "baro/net/http_message.h"
#include "baro/wire/remote_read.h"

namespace baro::collector {

struct RemoteReadOptions {
  // Of one query, floats and histograms; 0: any number. Answers of both forms are whole in memory
  // before they are sent, so unlike Prometheus' it bounds the streamed form as well.
  uint64_t samples_max = 50'000'000;
  size_t decoded_bytes_max = size_t{32} << 20;
  // This server's own: they are added to every series, and matchers that ask for them fit all.
  std::function<std::map<std::string, std::string>()> external_labels = [] {
    return std::map<std::string, std::string>();
  };
  base::MemoryBudget* memory = nullptr;  // for answers; null: without limit
};

struct RemoteReadStats {
  std::array<uint64_t, 2> requests_total{};  // by wire::ReadForm
  uint64_t requests_broken_total = 0;        // 400: snappy, protobuf, matchers
  uint64_t requests_refused_total = 0;       // 400, 503: samples_max, memory
  uint64_t requests_failed_total = 0;        // 500, 503: the store
  uint64_t queries_total = 0;
  uint64_t series_total = 0;   // sent
  uint64_t samples_total = 0;  // sent
};

// Thread-safe. `source` outlives it.
class RemoteRead {
 public:
  RemoteRead(const model::SeriesSource* source, RemoteReadOptions options)
      : source_(source), options_(std::move(options)) {}

  net::ServerResponse Handle(const net::ServerRequest& request);
  RemoteReadStats GetStats() const;

 private:
  using Counter = std::atomic<uint64_t>;
  using Pieces = std::vector<std::string>;
  struct Answer;

  // Errors: InvalidArgument (the client's), OutOfRange (samples_max), ResourceExhausted (memory),
  // others as the source has them.
  absl::StatusOr<net::ServerResponse> Answered(const net::ServerRequest& request);
  absl::Status ReadQuery(const wire::ReadQuery& query, Answer* answer) const;
  absl::Status Collect(const model::SeriesSet& set, Answer* answer) const;
  absl::Status AddSeries(const model::SeriesSet& set, const model::SeriesView& view,
                         Answer* answer) const;
  net::ServerResponse ErrorResponse(const absl::Status& error);

  const model::SeriesSource* const source_;
  const RemoteReadOptions options_;

  std::array<Counter, 2> requests_total_{};
  Counter requests_broken_total_{0};
  Counter requests_refused_total_{0};
  Counter requests_failed_total_{0};
  Counter queries_total_{0};
  Counter series_total_{0};
  Counter samples_total_{0};
};

}  // namespace baro::collector
