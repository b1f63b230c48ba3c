// The description of the API and the router say the same.

#include "http_api/openapi.h"

#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "gtest/gtest.h"
#include "http_api/api.h"

namespace baro::collector {
namespace {

using Methods = std::map<std::string, std::set<std::string>>;

// Served by other parts of the collector, which add their own routes.
bool IsElsewhere(const std::string& path) {
  static const std::set<std::string> kPaths = {"/api/v1/write",
                                               "/api/v1/read",
                                               "/api/v1/otlp/v1/metrics",
                                               "/api/v1/rules",
                                               "/api/v1/alerts",
                                               "/api/v1/alertmanagers",
                                               "/api/v1/baro/alertmanager-webhook",
                                               "/api/v1/baro/admin/compact"};
  for (const char* part : {"notify", "alerts", "rules", "slo"}) {
    if (path.starts_with(base::StrCat("/api/v1/baro/", part))) return true;
  }
  return kPaths.contains(path);
}

TEST(OpenApi, DescribesWhatIsServedAndNothingElse) {
  const ApiParts parts;
  net::HttpRouter router;
  AddApiRoutes(&parts, &router);
  Methods served;
  for (const auto& route : router.routes()) {
    if (IsElsewhere(route->pattern)) continue;
    for (const std::string& method : route->methods) {
      served[route->pattern].insert(absl::AsciiStrToLower(method));
    }
  }
  Methods described;
  for (const DescribedPath& path : DescribedPaths()) {
    if (IsElsewhere(path.path)) continue;
    EXPECT_TRUE(
        described
            .emplace(path.path, std::set<std::string>(path.methods.begin(), path.methods.end()))
            .second)
        << path.path << " twice";
  }
  EXPECT_EQ(described, served);
}

TEST(OpenApi, IsYamlWithAnIdForEachOperation) {
  const std::string text = OpenApiYaml("http://example:9490/prom", "1.2.3");
  const auto document = base::ParseYaml(text, "openapi.yaml");
  ASSERT_TRUE(document.ok()) << document.status();
  std::map<std::string, base::YamlNode> top;
  for (const auto& entry : document->entries()) top.emplace(entry.key.scalar(), entry.value);
  EXPECT_EQ(top["openapi"].scalar(), "3.1.0");
  std::set<std::string> ids;
  size_t operations = 0;
  for (const auto& path : top["paths"].entries()) {
    EXPECT_EQ(path.key.scalar().front(), '/');
    for (const auto& method : path.value.entries()) {
      ++operations;
      for (const auto& field : method.value.entries()) {
        if (field.key.scalar() == "operationId") ids.insert(field.value.scalar());
      }
    }
  }
  EXPECT_EQ(ids.size(), operations);
  EXPECT_TRUE(ids.contains("postQueryRange"));
}

}  // namespace
}  // namespace baro::collector
