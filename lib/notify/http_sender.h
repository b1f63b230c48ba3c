// HttpSender: blocking requests of one receiver's thread over a kept connection of its own.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "baro/net/http_client.h"

namespace baro::notify {

// One thread sends; any thread may cancel.
class HttpSender {
 public:
  HttpSender();
  ~HttpSender();

  // Errors as net::HttpClient::Send(); Cancelled from the moment Cancel() is called on.
  absl::StatusOr<net::HttpResponse> Send(net::HttpRequest request);
  void Cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace baro::notify
