// IngestService: baro.v1.Ingest/Push over gRPC, in front of the store.
//
// Sessions run on a few worker threads, each on one of them at a time; frames are checked and
// handed to the store by the gRPC thread that read them. A stream reads its next message only when
// the last one has been dealt with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/collector/ingest_session.h"
#include "baro/tsdb/store.h"

namespace grpc {
class Service;
}

namespace baro::collector {

struct IngestOptions {
  std::string listen = "127.0.0.1:0";  // address:port; port 0 takes a free one
  std::string version;
  int worker_count = 2;
  size_t streams_max = 10'000;
  IngestLimits limits{};
  CreditPoolOptions credits{};
  const base::Clock* clock = base::RealClock();
  // Further services on the same port; each outlives this one.
  std::vector<grpc::Service*> services{};
};

// One agent, connected or seen since the start of the process.
struct AgentFacts {
  std::string uuid;  // hexadecimal, 8-4-4-4-12
  uint64_t epoch = 0;
  std::string node_name;
  std::string version;
  std::string address;
  bool connected = false;
  int64_t connected_since_ms = 0;
  int64_t disconnected_ms = 0;  // 0 while connected
  std::string disconnect_reason;
  int64_t last_frame_ms = 0;
  uint64_t received_sequence = 0;
  uint64_t stored_sequence = 0;
  uint64_t stored_floor = 0;  // every sequence up to here is stored
  uint64_t lag_frames = 0;    // received and not yet stored
  uint64_t queued_bytes = 0;
  uint64_t connections_total = 0;
  IngestStats stats;  // over all its connections
};

struct IngestServiceStats {
  uint64_t agents_connected = 0;
  uint64_t agents_known = 0;
  uint64_t streams_total = 0;
  uint64_t streams_refused_total = 0;
  uint64_t streams_superseded_total = 0;  // the same agent connected again
  uint64_t identity_conflicts_total = 0;  // streams refused: another agent has that identity
  IngestStats sessions;
};

// Thread-safe. Does not own the store, which must outlive it.
class IngestService {
 public:
  // Listens at once. Errors: Unavailable (cannot listen).
  static absl::StatusOr<std::unique_ptr<IngestService>> Start(IngestOptions options,
                                                              tsdb::Store* store);
  virtual ~IngestService() = default;

  virtual int port() const = 0;
  // Ends all streams, waits for what is under way in the store. The destructor does the same.
  virtual void Stop() = 0;
  // Ascending by node name.
  virtual std::vector<AgentFacts> Agents() const = 0;
  virtual IngestServiceStats GetStats() const = 0;
};

}  // namespace baro::collector
