// Delivery: rows in, acknowledged frames out.
//
//   sources ─► RowQueue ─► SpoolWriter ─► spool on disk ─► PushSession ─► gRPC ─► collector
//
// One thread owns everything behind the queue. The collector may be away: rows go to the spool and
// are delivered later, fresh ones first.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/agent/push_session.h"
#include "baro/agent/row_queue.h"
#include "baro/agent/row_sink.h"
#include "baro/agent/spool_writer.h"
#include "baro/base/clock.h"
#include "baro/spool/spool.h"

namespace baro::agent {

struct DeliveryOptions {
  std::string collector;  // gRPC address, "host:port"
  spool::Options spool;
  RowQueueOptions queue;
  SpoolWriterOptions writer;
  PushOptions push;
  // Rows are gathered this long, then written and synced together; what a power cut can cost.
  int64_t write_interval_ms = 1'000;
  // How long Stop() waits for the collector to acknowledge the rest.
  int64_t drain_ms = 2'000;
  const base::Clock* clock = base::RealClock();
};

// For /metrics and /targets. Counters since start.
struct DeliveryStats {
  RowQueueStats rows;
  SpoolWriterStats writer;
  spool::Stats spool;
  PushStats push;
  spool::Identity identity;
  uint64_t next_sequence = 0;
  std::string last_write_error;  // empty while the disk takes what it is given
};

// Thread-safe.
class Delivery : public RowSink {
 public:
  // Opens the spool and starts. Errors: those of spool::Spool::Open(). A collector that is away is
  // no error.
  static absl::StatusOr<std::unique_ptr<Delivery>> Start(DeliveryOptions options);

  // Writes what waits to the spool, gives the collector a moment to acknowledge it, and ends. The
  // destructor does the same. Rows that come later are lost.
  virtual void Stop() = 0;
  // As of the last round of the delivery thread, a second ago at most.
  virtual DeliveryStats GetStats() const = 0;
};

}  // namespace baro::agent
