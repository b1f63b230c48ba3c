// Server: the whole collector in one object, from the store to the ports.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "command_line.h"
#include "config.h"

namespace baro::collector {

// Thread-safe. The destructor stops.
class Server {
 public:
  // Opens the store, replays its journal, and listens: when it returns, everything acknowledged
  // before can be queried. Errors: InvalidArgument (configuration, with its place), Unavailable
  // (store locked by another process, port in use), DataLoss (names the damaged file).
  static absl::StatusOr<std::unique_ptr<Server>> Start(CollectorOptions options,
                                                       const base::Clock* clock);
  virtual ~Server() = default;

  virtual std::string http_address() const = 0;
  virtual std::string grpc_address() const = 0;

  // Reads the configuration file again; the old one stays in force when the new one is wrong.
  virtual absl::Status Reload() = 0;
  // Takes no more requests, finishes those in flight, seals nothing, closes the store.
  virtual void Stop() = 0;
};

}  // namespace baro::collector
