// The real transport: HTTP over net's blocking client.
#pragma once

#include <string>

#include "api/transport.h"

namespace baro::cli {

// Thread-compatible; a connection for each request.
class HttpTransport final : public Transport {
 public:
  // `server` is the collector's URL, perhaps with user:password and a path that stands before every
  // request's (a collector behind a reverse proxy).
  HttpTransport(std::string server, int64_t timeout_ms)
      : server_(std::move(server)), timeout_ms_(timeout_ms) {}

  absl::StatusOr<ApiResponse> Send(const ApiRequest& request) override;

 private:
  std::string server_;
  int64_t timeout_ms_;
};

// The URL without user and password, so that it may be printed.
std::string PrintableUrl(const std::string& server);

}  // namespace baro::cli
