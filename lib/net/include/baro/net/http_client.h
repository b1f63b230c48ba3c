// HttpClient: HTTP/1.1 requests over a kept connection, as coroutines; and a blocking form of the
// same for command lines.
//
// A scrape target is not trusted: the whole exchange has one deadline, the body is bounded while it
// is read and again while it is unpacked, redirects are counted, certificates are verified.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/net/tls.h"

namespace baro::net {

struct HttpHeader {
  std::string name;
  std::string value;
};

// "Basic …" and "Bearer …", for an Authorization header.
HttpHeader BasicAuthorization(std::string_view user, std::string_view password);
HttpHeader BearerAuthorization(std::string_view token);

enum class GzipUse {
  kOffNode,  // asked for unless the peer is on this machine, where it would only cost CPU
  kNever,
  kAlways,
};

inline constexpr size_t kHttpBodyBytesMax = size_t{256} << 20;
inline constexpr int kHttpRedirectsMax = 10;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<HttpHeader> headers;
  std::string body;
  // From the first byte of name resolution to the last of the body, redirects included.
  int64_t timeout_ms = 30'000;
  // Of the answer's body, as it travels and unpacked.
  size_t body_bytes_max = kHttpBodyBytesMax;
  GzipUse gzip = GzipUse::kOffNode;
  bool follow_redirects = true;
  // The peer does not mind to get this twice: it is sent again when a kept connection turns out to
  // be closed. GET always is.
  bool repeatable = false;
  // For https; null: the system's authorities and no certificate of our own.
  std::shared_ptr<const TlsOptions> tls;
  // Ask through this HTTP proxy (http://user:password@host:port); a tunnel for https. Empty: none.
  std::string proxy_url = {};
  std::vector<HttpHeader> proxy_headers = {};  // of the request for a tunnel
  // Takes the body of a 2xx answer piece by piece, each as soon as it has arrived, for answers that
  // go on for minutes (a Kubernetes watch); nothing is collected, body_bytes_max does not count,
  // and gzip is not asked for. An error from it ends the exchange and is what Send() returns.
  std::function<absl::Status(std::string_view piece)> body_sink = nullptr;
};

struct HttpResponse {
  int status = 0;      // 200, 404, …
  std::string reason;  // "OK", "Not Found", …
  std::vector<HttpHeader> headers;
  std::string body;  // unpacked
  std::string url;   // that answered, after redirects

  // The first header of that name (any case); empty when there is none.
  std::string_view Header(std::string_view name) const;
};

// One peer's client: keeps its connection from one request to the next, and makes a new one when
// the peer has closed it or another is asked for. Strand-bound: every call on the executor's
// thread, one Send() at a time. Must outlive its Send().
class HttpClient {
 public:
  explicit HttpClient(boost::asio::any_io_executor executor);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Any status of the answer is OK here: judging 404 or 500 is the caller's.
  // Errors:
  //   InvalidArgument    the URL, or an answer that is not HTTP or not gzip as it claims
  //   Unavailable        cannot resolve, connect, agree on TLS, write or read; the peer is named
  //   DeadlineExceeded   timeout_ms passed; says while doing what
  //   ResourceExhausted  the body or the headers are larger than allowed
  //   Cancelled          Close() was called
  boost::asio::awaitable<absl::StatusOr<HttpResponse>> Send(HttpRequest request);

  // Ends a Send() under way with Cancelled and drops the connection. The client may be used again.
  void Close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Blocking, on the calling thread, on a connection of its own. Errors as in HttpClient::Send().
absl::StatusOr<HttpResponse> HttpSend(HttpRequest request);

struct HttpOptions {
  std::vector<HttpHeader> headers;
  int64_t timeout_ms = 30'000;
  size_t body_bytes_max = kHttpBodyBytesMax;
};
absl::StatusOr<HttpResponse> HttpGet(std::string_view url, const HttpOptions& options = {});
absl::StatusOr<HttpResponse> HttpPost(std::string_view url, std::string_view content_type,
                                      std::string_view body, const HttpOptions& options = {});

}  // namespace baro::net
