#include "baro/kubernetes/client.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/kubernetes/json.h"

namespace baro::kubernetes {
namespace {

constexpr int64_t kRetryAfterMaxMs = 60'000;
// Of an answer that is not a Status object and goes into an error.
constexpr size_t kErrorTextMax = 200;

std::string_view Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

absl::StatusCode CodeOf(int status) {
  switch (status) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return absl::StatusCode::kAborted;
    case 410:
      return absl::StatusCode::kOutOfRange;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    default:
      return status >= 400 && status < 500 ? absl::StatusCode::kInvalidArgument
                                           : absl::StatusCode::kUnavailable;
  }
}

// What the server says: the message of a Status object, else the text as it is.
std::string ServersWords(const std::string& body) {
  JsonParser parser;
  const auto status = parser.Parse(body, "the answer");
  if (status.ok() && !(*status)["message"].Text().empty()) {
    return std::string((*status)["message"].Text());
  }
  std::string text = body.substr(0, kErrorTextMax);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

// Whole seconds only: no API server sends a date.
int64_t RetryAfterMs(std::string_view header) {
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (error != std::errc() || seconds < 0) return 0;
  return std::min(std::min<int64_t>(seconds, 3600) * 1000, kRetryAfterMaxMs);
}

}  // namespace

absl::StatusOr<ClientConfig> InClusterConfig(const std::string& folder) {
  const std::string_view host = Environment("KUBERNETES_SERVICE_HOST");
  const std::string_view port = Environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return absl::FailedPreconditionError(
        "cannot find the Kubernetes API: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are "
        "not set (not inside of a pod?)");
  }
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  ClientConfig config;
  config.server = base::StrCat("https://", is_ipv6 ? "[" : "", host, is_ipv6 ? "]:" : ":", port);
  config.http.authorization.emplace();
  config.http.authorization->credentials_file = folder + "/token";
  config.http.tls.ca_file = folder + "/ca.crt";
  return config;
}

ApiClient::ApiClient(boost::asio::any_io_executor executor, ClientConfig config)
    : config_(std::move(config)),
      tls_(std::make_shared<const net::TlsOptions>(config_.http.tls)),
      client_(std::move(executor)) {}

absl::Status ApiClient::ErrorOf(const net::HttpResponse& response, const ApiRequest& request) {
  retry_after_ms_ = RetryAfterMs(response.Header("retry-after"));
  const std::string_view path = std::string_view(request.path).substr(0, request.path.find('?'));
  return absl::Status(
      CodeOf(response.status),
      base::StrCat("cannot ", request.method == "GET" ? "read " : "write ", config_.server, path,
                   ": HTTP ", response.status, " ", ServersWords(response.body)));
}

boost::asio::awaitable<absl::StatusOr<std::string>> ApiClient::Send(ApiRequest request) {
  retry_after_ms_ = 0;
  net::HttpRequest http;
  http.method = request.method;
  http.url = config_.server + request.path;
  BARO_CO_TRY_ASSIGN(http.headers, net::RequestHeaders(config_.http));
  http.headers.push_back({"Accept", request.accept});
  if (!request.body.empty()) http.headers.push_back({"Content-Type", "application/json"});
  http.body = request.body;
  http.timeout_ms = request.timeout_ms > 0 ? request.timeout_ms : config_.timeout_ms;
  http.body_bytes_max = kAnswerBytesMax;
  http.body_sink = request.body_sink;
  http.tls = tls_;
  BARO_CO_TRY_ASSIGN(net::HttpResponse response, co_await client_.Send(std::move(http)));
  if (response.status / 100 != 2) co_return ErrorOf(response, request);
  co_return std::move(response.body);
}

}  // namespace baro::kubernetes
