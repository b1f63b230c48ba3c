// One request each, sent and answered before they return.

#include <string>
#include <utility>

#include "baro/net/http_client.h"

namespace baro::net {

absl::StatusOr<HttpResponse> HttpGet(std::string_view url, const HttpOptions& options) {
  HttpRequest request;
  request.url = url;
  request.headers = options.headers;
  request.timeout_ms = options.timeout_ms;
  request.body_bytes_max = options.body_bytes_max;
  return HttpSend(std::move(request));
}

absl::StatusOr<HttpResponse> HttpPost(std::string_view url, std::string_view content_type,
                                      std::string_view body, const HttpOptions& options) {
  HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = options.headers;
  request.headers.push_back({"Content-Type", std::string(content_type)});
  request.body = body;
  request.timeout_ms = options.timeout_ms;
  request.body_bytes_max = options.body_bytes_max;
  return HttpSend(std::move(request));
}

}  // namespace baro::net
