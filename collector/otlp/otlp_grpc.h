// OTLP over gRPC: opentelemetry.proto.collector.metrics.v1.MetricsService/Export.
//
// gRPC's threads hand the bytes over to a few workers; the call ends from a store's thread, after
// the sync. Requests that wait or are under way are bounded in number and bytes: more are shed with
// RESOURCE_EXHAUSTED and a RetryInfo, which senders take for "later".
//
// Packed messages (gzip, deflate) are unpacked here, with a bound: the server is to leave them as
// they are (GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION 0), for gRPC itself has none.
#pragma once

#include <cstddef>
#include <memory>

#include "otlp/otlp_receiver.h"

namespace grpc {
class Service;
}

namespace baro::collector {

struct OtlpGrpcOptions {
  int workers = 2;
  size_t requests_max = 256;
  size_t bytes_max = size_t{64} << 20;  // of all requests under way together
  int64_t retry_after_ms = 1'000;
};

// Thread-safe.
class OtlpGrpc {
 public:
  // `receiver` outlives it. Workers run until Stop().
  static std::unique_ptr<OtlpGrpc> Start(OtlpReceiver* receiver, OtlpGrpcOptions options);
  virtual ~OtlpGrpc() = default;

  // For grpc::ServerBuilder; lives as long as this, which outlives the server.
  virtual grpc::Service* service() = 0;

  // New calls are refused as unavailable; waits for those that wait for a worker. The store ends
  // those under way. Before the server is shut down. The destructor does the same.
  virtual void Stop() = 0;
};

}  // namespace baro::collector
