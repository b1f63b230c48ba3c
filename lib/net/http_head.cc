#include "http_head.h"

#include <ctime>

#include "baro/base/strings.h"

namespace baro::net {

Target SplitTarget(std::string_view target) {
  const size_t scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    target.remove_prefix(scheme + 3);
    target.remove_prefix(std::min(target.find('/'), target.size()));
  }
  target = target.substr(0, target.find('#'));
  const size_t mark = std::min(target.find('?'), target.size());
  return {target.substr(0, mark), target.substr(std::min(mark + 1, target.size()))};
}

std::string HttpDate(int64_t time_ms) {
  const std::time_t seconds = static_cast<std::time_t>(time_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, size};
}

std::string WriteHead(const ServerResponse& response, bool keep_alive, int64_t now_ms) {
  std::string head =
      base::StrCat("HTTP/1.1 ", response.status, " ", HttpStatusText(response.status), "\r\n");
  const bool has_body = response.status != 204 && response.status != 304;
  if (response.status >= 400 && response.content_type.starts_with("text/plain")) {
    head += "X-Content-Type-Options: nosniff\r\n";
  }
  if (has_body) {
    if (!response.content_type.empty()) {
      base::StrAppend(&head, "Content-Type: ", response.content_type, "\r\n");
    }
    base::StrAppend(&head, "Content-Length: ", response.BodyBytes(), "\r\n");
  }
  for (const auto& [name, value] : response.headers) {
    base::StrAppend(&head, name, ": ", value, "\r\n");
  }
  base::StrAppend(&head, "Date: ", HttpDate(now_ms), "\r\n");
  if (!keep_alive) head += "Connection: close\r\n";
  head += "\r\n";
  return head;
}

void AddCorsHeaders(std::string_view origin, bool allowed, ServerResponse* response) {
  auto& headers = response->headers;
  headers.emplace_back("Vary", "Origin");
  if (origin.empty()) return;
  headers.emplace_back("Access-Control-Allow-Headers",
                       "Accept, Authorization, Content-Type, Origin");
  headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  headers.emplace_back("Access-Control-Expose-Headers", "Date");
  if (allowed) headers.emplace_back("Access-Control-Allow-Origin", origin);
}

ServerResponse NoRoute(const ServerRequest& request, const HttpRouter::Found& found, bool cors) {
  ServerResponse response;
  if (request.method == "OPTIONS" && cors) {
    response.status = 204;
    response.headers.emplace_back("Vary", "Accept-Encoding");
  } else if (!found.redirect.empty()) {
    response = ServerResponse::Text(307, "Temporary Redirect\n");
    response.headers.emplace_back(
        "Location",
        request.query.empty() ? found.redirect : base::StrCat(found.redirect, "?", request.query));
  } else if (found.allow.empty()) {
    response = ServerResponse::Text(404, "404 page not found\n");
  } else if (request.method == "OPTIONS") {
    response.content_type.clear();
    response.headers.emplace_back("Allow", found.allow);
  } else {
    response = ServerResponse::Text(405, "Method Not Allowed\n");
    response.headers.emplace_back("Allow", found.allow);
  }
  return response;
}

ServerResponse Overloaded() {
  ServerResponse response =
      ServerResponse::Text(503, "too many requests in flight, try again later\n");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace baro::net
