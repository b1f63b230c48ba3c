// The parts of HTTP that are text: targets, heads, and the answers the server gives by itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "baro/net/http_message.h"

namespace baro::net {

struct Target {
  std::string_view path;
  std::string_view query;
};
// Takes "/path?query" apart; the absolute form "http://host/path" as well.
Target SplitTarget(std::string_view target);

// The status line and all headers, with Content-Length and Date.
std::string WriteHead(const ServerResponse& response, bool keep_alive, int64_t now_ms);

// What Prometheus' browser clients need.
void AddCorsHeaders(ServerResponse* response);

// 404, 405 with Allow, or the empty answer to OPTIONS.
ServerResponse NoRoute(const ServerRequest& request, const std::string& allow, bool cors);
ServerResponse Overloaded();

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string HttpDate(int64_t time_ms);

}  // namespace baro::net
