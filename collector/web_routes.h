// What the collector answers beside /api/v1: health, lifecycle, its own metrics, a front page.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "baro/net/http_router.h"

namespace baro::collector {

// All functions are thread-safe. Those left empty are off: their paths answer 403.
struct WebParts {
  std::function<bool()> is_ready;
  std::function<absl::Status()> reload;
  std::function<void()> quit;  // returns at once; the process ends a moment later
  std::function<std::string()> metrics;
  std::string prefix;   // of all paths, without a slash at its end
  std::string version;  // text for people
  std::string revision;
};

void AddWebRoutes(WebParts parts, net::HttpRouter* router);

}  // namespace baro::collector
