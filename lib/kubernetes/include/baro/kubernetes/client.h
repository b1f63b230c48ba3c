// ApiClient: requests to a Kubernetes API server or a kubelet.
//
// The token and the certificates are files that the cluster renews: the token is read for each
// request, a changed authority makes a new connection (net::HttpClient).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/net/http_client.h"
#include "baro/net/http_client_config.h"

namespace baro::kubernetes {

// Where a program inside of a pod finds its credentials.
inline constexpr std::string_view kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";
// Of one answer; a list page of 500 large objects is about 10 MiB.
inline constexpr size_t kAnswerBytesMax = size_t{64} << 20;

// Value type.
struct ClientConfig {
  std::string server;  // https://host:port, without a path
  net::HttpClientConfig http;
  int64_t timeout_ms = 30'000;  // of every request but a watch
  bool operator==(const ClientConfig&) const = default;
};

// From $KUBERNETES_SERVICE_HOST, $KUBERNETES_SERVICE_PORT and the service account's files.
// Errors: FailedPrecondition (not inside of a pod).
absl::StatusOr<ClientConfig> InClusterConfig(
    const std::string& folder = std::string(kServiceAccountFolder));

// A kubeconfig file's current context: server, authority, token, tokenFile, basic auth or client
// certificate. Errors: Unavailable (cannot read it), InvalidArgument (what is wrong and where;
// credentials that need another program).
absl::StatusOr<ClientConfig> ReadKubeConfig(const std::string& path);

struct ApiRequest {
  std::string method = "GET";
  std::string path = {};  // with its query
  std::string body = {};  // JSON
  std::string accept = "application/json";
  // Takes the answer as it arrives (a watch) instead of collecting it.
  std::function<absl::Status(std::string_view piece)> body_sink = nullptr;
  int64_t timeout_ms = 0;  // 0: the configuration's
};

// Strand-bound: every call on the executor's thread, one Send() at a time. Must outlive its Send().
class ApiClient {
 public:
  ApiClient(boost::asio::any_io_executor executor, ClientConfig config);

  // The body of a 2xx answer. Errors, with the server's own words:
  //   Unauthenticated    401
  //   PermissionDenied   403
  //   NotFound           404
  //   Aborted            409: somebody else changed the object
  //   OutOfRange         410: the resource version is too old; list again
  //   ResourceExhausted  429, or an answer that is too large
  //   InvalidArgument    other 4xx
  //   Unavailable        5xx and everything that net::HttpClient calls so
  //   DeadlineExceeded, Cancelled as net::HttpClient has them
  boost::asio::awaitable<absl::StatusOr<std::string>> Send(ApiRequest request);
  // Ends a Send() under way with Cancelled.
  void Close() { client_.Close(); }
  // What the last answer's Retry-After asked for; 0: nothing.
  int64_t retry_after_ms() const { return retry_after_ms_; }
  const ClientConfig& config() const { return config_; }

 private:
  absl::Status ErrorOf(const net::HttpResponse& response, const ApiRequest& request);

  const ClientConfig config_;
  const std::shared_ptr<const net::TlsOptions> tls_;
  net::HttpClient client_;
  int64_t retry_after_ms_ = 0;
};

}  // namespace baro::kubernetes
