// The parts of HTTP that are text: targets, heads, and the answers the server gives by itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "baro/net/http_message.h"
#include "baro/net/http_router.h"

namespace baro::net {

struct Target {
  std::string_view path;
  std::string_view query;
};
// Takes "/path?query" apart; the absolute form "http://host/path" as well.
Target SplitTarget(std::string_view target);

// The status line and all headers, with Content-Length and Date.
std::string WriteHead(const ServerResponse& response, bool keep_alive, int64_t now_ms);

// What Prometheus' browser clients need. `origin` is the request's; `allowed` whether it may.
void AddCorsHeaders(std::string_view origin, bool allowed, ServerResponse* response);

// 404, 405 with Allow, a redirect, or the empty answer to OPTIONS: 204 where `cors` holds for the
// path, whatever there is.
ServerResponse NoRoute(const ServerRequest& request, const HttpRouter::Found& found, bool cors);
ServerResponse Overloaded();

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string HttpDate(int64_t time_ms);

}  // namespace baro::net
