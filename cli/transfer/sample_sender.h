// SampleSender: series into a collector, by remote write.
//
// What it gathers goes out in the order of time, all series of an instant together: so the
// collector gets whole rows, as from a live sender, and not one series' hours after the other's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api/transport.h"
#include "baro/base/clock.h"
#include "transfer/series_samples.h"

namespace baro::cli {

// Thread-compatible.
class SampleSender {
 public:
  // `transport` outlives the sender.
  explicit SampleSender(Transport* transport) : transport_(transport) {}

  // Sends when enough is gathered. Errors: Unavailable, DeadlineExceeded (the collector does not
  // take what was sent, nor when it was sent again), Unauthenticated, PermissionDenied.
  absl::Status Add(SeriesSamples series);
  // Sends the rest.
  absl::Status Flush();

  uint64_t samples_sent() const { return samples_sent_; }
  // Requests of which the collector refused a part, and its words for the first.
  uint64_t requests_refused() const { return requests_refused_; }
  const std::string& refusal() const { return refusal_; }

 private:
  struct Place {
    int64_t time_ms = 0;
    uint32_t series = 0;
    uint32_t sample = 0;
  };
  absl::Status Post(const std::string& message);

  Transport* const transport_;
  std::vector<SeriesSamples> gathered_;
  size_t gathered_samples_ = 0;
  uint64_t samples_sent_ = 0;
  uint64_t requests_refused_ = 0;
  std::string refusal_;
};

}  // namespace baro::cli
