#include "web_routes.h"

#include <memory>
#include <utility>

#include "baro/base/strings.h"
#include "http_api/api.h"
#include "http_api/json_object.h"

namespace baro::collector {
namespace {

using net::HttpLane;
using net::ServerRequest;
using net::ServerResponse;

constexpr const char* kLinks[][2] = {
    {"/api/v1/query?query=up", "a query"},
    {"/api/v1/targets", "targets"},
    {"/api/v1/rules", "rules"},
    {"/api/v1/alerts", "alerts"},
    {"/api/v1/baro/agents", "agents"},
    {"/api/v1/status/tsdb", "cardinality"},
    {"/api/v1/baro/status", "status"},
    {"/api/v1/status/config", "configuration"},
    {"/api/v1/status/flags", "flags"},
    {"/api/v1/features", "features"},
    {"/api/v1/openapi.yaml", "description of the API"},
    {"/metrics", "metrics of the collector itself"},
    {"/-/healthy", "health"},
    {"/-/ready", "readiness"},
};

std::string FrontPage(const WebParts& parts) {
  std::string page = base::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Barograph "
      "collector</title></head>\n<body><h1>Barograph collector</h1>\n<p>",
      parts.version,
      "</p>\n<p>Stores metrics and answers PromQL over Prometheus' HTTP API. Point Grafana's "
      "Prometheus data source at this address.</p>\n<ul>\n");
  for (const auto& [path, text] : kLinks) {
    base::StrAppend(&page, "<li><a href=\"", parts.prefix, path, "\">", text, "</a></li>\n");
  }
  return page + "</ul></body></html>\n";
}

// Prometheus' shape: a JSON object, but sent as text.
std::string VersionJson(const WebParts& parts) {
  JsonWriter writer;
  {
    JsonObject object(&writer);
    object.Add("version", kApiVersion);
    object.Add("revision", parts.revision);
    object.Add("branch", "");
    object.Add("buildUser", "");
    object.Add("buildDate", "");
    object.Add("goVersion", "");
    object.Add("application", "barograph");
    object.Add("applicationVersion", parts.version);
  }
  std::string text;
  for (const std::string& piece : writer.Take()) text += piece;
  return text + "\n";
}

ServerResponse Reload(const WebParts& parts) {
  const absl::Status status = parts.reload();
  if (status.ok()) {
    ServerResponse response;
    response.content_type.clear();
    return response;
  }
  return ServerResponse::Text(
      500, base::StrCat("failed to reload config: ", base::FromAbsl(status.message()), "\n"));
}

// POST and PUT do it; GET says so, as in Prometheus.
void AddLifecycle(const std::string& path, bool enabled, HttpLane lane, net::HttpHandler handler,
                  net::HttpRouter* router) {
  router->Handle({"POST", "PUT"}, path, lane,
                 [enabled, handler = std::move(handler)](const ServerRequest& request) {
                   if (enabled) return handler(request);
                   return ServerResponse::Text(403, "Lifecycle API is not enabled.");
                 });
  router->Handle({"GET"}, path, HttpLane::kInline, [](const ServerRequest&) {
    ServerResponse response = ServerResponse::Text(405, "Only POST or PUT requests allowed");
    response.headers.emplace_back("Allow", "OPTIONS, POST, PUT");
    return response;
  });
}

void AddHealth(const std::shared_ptr<const WebParts>& parts, net::HttpRouter* router) {
  router->Handle({"GET"}, "/-/healthy", HttpLane::kInline, [](const ServerRequest&) {
    return ServerResponse::Text(200, "Barograph collector is Healthy.\n");
  });
  router->Handle({"GET"}, "/-/ready", HttpLane::kInline, [parts](const ServerRequest&) {
    if (parts->is_ready()) return ServerResponse::Text(200, "Barograph collector is Ready.\n");
    ServerResponse response = ServerResponse::Text(503, "The journal is being loaded.\n");
    response.headers.emplace_back("X-Prometheus-Stopping", "false");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  });
}

}  // namespace

void AddWebRoutes(WebParts given, net::HttpRouter* router) {
  const auto parts = std::make_shared<const WebParts>(std::move(given));
  AddHealth(parts, router);
  router->Handle({"GET"}, "/", HttpLane::kInline, [parts](const ServerRequest&) {
    ServerResponse response = ServerResponse::Text(200, FrontPage(*parts));
    response.content_type = "text/html; charset=utf-8";
    return response;
  });
  router->Handle({"GET"}, "/version", HttpLane::kInline, [parts](const ServerRequest&) {
    return ServerResponse::Text(200, VersionJson(*parts));
  });
  router->Handle({"GET"}, "/metrics", HttpLane::kQuick, [parts](const ServerRequest&) {
    ServerResponse response = ServerResponse::Text(200, parts->metrics());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
  AddLifecycle(
      "/-/reload", parts->reload != nullptr, HttpLane::kQuick,
      [parts](const ServerRequest&) { return Reload(*parts); }, router);
  AddLifecycle(
      "/-/quit", parts->quit != nullptr, HttpLane::kInline,
      [parts](const ServerRequest&) {
        parts->quit();
        return ServerResponse::Text(200, "Requesting termination... Goodbye!");
      },
      router);
}

}  // namespace baro::collector
