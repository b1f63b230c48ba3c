// RemoteReader: whole series out of a collector, by the remote read protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api/client.h"
#include "api/transport.h"
#include "baro/model/matcher.h"
#include "transfer/series_samples.h"

namespace baro::cli {

// Thread-compatible.
class RemoteReader {
 public:
  // Gets each series once, with its samples of the range in order. An error ends the reading.
  using Sink = std::function<absl::Status(SeriesSamples)>;

  // Both outlive the reader.
  RemoteReader(Transport* transport, Client* client) : transport_(transport), client_(client) {}

  // Every series that a selector finds (`{…}`, `up`; empty: all), metric by metric in the order of
  // their names; both ends are part of the range. An answer that would be too large is asked for in
  // halves. Errors: Transport's and Client's; InvalidArgument (selector), DataLoss (the answer
  // is damaged), ResourceExhausted (one metric alone is too large).
  absl::Status Read(const std::string& selector, int64_t start_ms, int64_t end_ms,
                    const Sink& sink);

 private:
  struct Range {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
  };
  absl::Status ReadNames(const std::vector<model::Matcher>& matchers,
                         const std::vector<std::string>& names, size_t begin, size_t end,
                         Range range, const Sink& sink);

  Transport* const transport_;
  Client* const client_;
};

}  // namespace baro::cli
