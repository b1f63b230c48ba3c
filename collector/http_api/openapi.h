// The description of the HTTP API in OpenAPI 3.1. Its table is held against the router by a test:
// nothing is described that is not served, and nothing served is left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baro::collector {

// Paths described ("/api/v1/query"), with their methods in lower case.
struct DescribedPath {
  std::string path;
  std::vector<std::string> methods;
};
std::vector<DescribedPath> DescribedPaths();

// The whole document; `server_url` is where clients reach the root, without a slash at its end.
std::string OpenApiYaml(std::string_view server_url, std::string_view version);

}  // namespace baro::collector
