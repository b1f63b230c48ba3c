// ServerRequest and ServerResponse: one exchange as handlers see it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baro/net/form.h"

namespace baro::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Value type. Read whole before the handler starts; bounded by HttpServerOptions.
struct ServerRequest {
  std::string method;  // "GET"
  std::string path;    // as sent, still escaped, without the query
  std::string query;   // as sent, after '?'
  HttpHeaders headers;
  std::string body;
  std::string remote_address;  // "127.0.0.1:50412"
  // When it was read whole, on the server's monotonic clock; 0: not known.
  int64_t received_ns = 0;
  // What stood in the {places} of the route's pattern, decoded.
  FormPairs path_values;
  // True as soon as nobody waits for the answer: the client has gone or the server must stop. Long
  // work checks it; set from an I/O thread.
  std::shared_ptr<std::atomic<bool>> cancelled;

  // Empty when there is no such header; `name` in any case.
  std::string_view Header(std::string_view name) const;
  std::string_view PathValue(std::string_view name) const;
};

// Value type. The body is a list of pieces that are sent as they lie, never joined: a large result
// is written in blocks and needs no second copy of itself.
struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  HttpHeaders headers;
  std::vector<std::string> body;
  // Kept until the answer is sent: what its memory was reserved from.
  std::shared_ptr<const void> reserved = nullptr;

  static ServerResponse Text(int status, std::string text);
  static ServerResponse Json(int status, std::string text);
  size_t BodyBytes() const;
};

// "Not Found" for 404.
std::string_view HttpStatusText(int status);

}  // namespace baro::net
