#include "api/http_transport.h"

#include "api/decode.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/http_client.h"
#include "baro/net/url.h"

namespace baro::cli {

absl::StatusOr<ApiResponse> HttpTransport::Send(const ApiRequest& request) {
  BARO_TRY_ASSIGN(const net::Url url, net::ParseUrl(server_));
  net::HttpRequest http;
  http.url = base::StrCat(url.ToString(), request.path);
  if (url.target == "/") http.url = base::StrCat(url.scheme, "://", url.Authority(), request.path);
  if (!url.user.empty()) http.headers.push_back(net::BasicAuthorization(url.user, url.password));
  http.headers.push_back({"Accept", "application/json"});
  if (!request.form.empty()) {
    http.method = "POST";
    http.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    http.body = request.form;
  }
  if (!request.content_type.empty()) {
    http.method = "POST";
    http.headers.push_back({"Content-Type", request.content_type});
    http.body = request.body;
  }
  if (!request.method.empty()) http.method = request.method;
  for (const auto& [name, value] : request.headers) http.headers.push_back({name, value});
  http.timeout_ms = timeout_ms_;
  http.body_bytes_max = request.answer_bytes_max == 0 ? kAnswerBytesMax : request.answer_bytes_max;
  absl::StatusOr<net::HttpResponse> response = net::HttpSend(std::move(http));
  // Who does not speak HTTP is no collector: the address is wrong, not the command.
  if (absl::IsInvalidArgument(response.status())) {
    return absl::UnavailableError(response.status().message());
  }
  BARO_TRY(response.status());
  return ApiResponse{response->status, std::move(response->body)};
}

std::string PrintableUrl(const std::string& server) {
  const auto url = net::ParseUrl(server);
  if (!url.ok()) return server;
  return url->target == "/" ? base::StrCat(url->scheme, "://", url->Authority()) : url->ToString();
}

}  // namespace baro::cli
