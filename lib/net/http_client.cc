#include "baro/net/http_client.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/url.h"
#include "gunzip.h"
#include "tls_context.h"

namespace baro::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Deadline = std::chrono::steady_clock::time_point;
using ResponseParser = http::response_parser<http::buffer_body>;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Prometheus and Go allow 1 MiB of headers; no exporter needs a tenth of this.
constexpr uint32_t kHeaderBytesMax = 64 << 10;
// One read of a body whose length is not told.
constexpr size_t kReadBytes = size_t{64} << 10;

std::string Words(const boost::system::error_code& error) {
  if (error == http::error::end_of_stream) return "connection closed before the answer";
  if (error == http::error::partial_message) return "connection closed within the answer";
  if (error == asio::error::host_not_found) return "no such host";
  std::string text = error.message();
  if (!text.empty()) text[0] = absl::ascii_tolower(static_cast<unsigned char>(text[0]));
  return text;
}

using TlsStream = asio::ssl::stream<beast::tcp_stream&>;

// One kept connection; with TLS, `tls` lies over `stream`.
struct Connection {
  explicit Connection(const asio::any_io_executor& executor) : stream(executor) {}

  beast::tcp_stream stream;
  std::shared_ptr<asio::ssl::context> tls_context;
  std::optional<TlsStream> tls;
  std::string tls_stamp;  // of the files it was made from
  beast::flat_buffer buffer{kHeaderBytesMax + kReadBytes};
  std::string authority;
  bool loopback = false;
  bool answered = false;  // at least once: may have been closed by an idle timeout since
};

bool SameHeader(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(base::ToAbsl(a), base::ToAbsl(b));
}

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }
beast::string_view ToBeast(std::string_view text) { return {text.data(), text.size()}; }

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What a connection is for: it is kept for requests with the same.
std::string ConnectionName(const HttpRequest& request, const Url& url) {
  if (request.proxy_url.empty()) return url.Authority();
  return base::StrCat(request.proxy_url, " > ", url.scheme == "https" ? url.Authority() : "");
}

// Who a plain request is for says its target: the whole URL, for a proxy.
http::request<http::string_body> BuildRequest(const HttpRequest& request, const Url& url,
                                              bool ask_gzip) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(ToBeast(request.method));
  if (!request.proxy_url.empty() && url.scheme == "http") {
    message.target(ToBeast(base::StrCat("http://", url.HostHeader(), url.target)));
    const auto proxy = ParseUrl(request.proxy_url);
    if (proxy.ok() && !proxy->user.empty()) {
      message.set(http::field::proxy_authorization,
                  ToBeast(BasicAuthorization(proxy->user, proxy->password).value));
    }
  } else {
    message.target(ToBeast(url.target));
  }
  message.set(http::field::host, ToBeast(url.HostHeader()));
  message.set(http::field::user_agent, "Barograph");
  if (ask_gzip) message.set(http::field::accept_encoding, "gzip");
  if (!url.user.empty()) {
    message.set(http::field::authorization,
                ToBeast(BasicAuthorization(url.user, url.password).value));
  }
  for (const HttpHeader& header : request.headers) {
    message.set(ToBeast(header.name), ToBeast(header.value));
  }
  message.body() = request.body;
  if (!request.body.empty() || request.method != "GET") message.prepare_payload();
  return message;
}

// A peer that has vanished without a word is noticed within a minute, also while nothing is sent (a
// watch): 30 s + 3 probes 10 s apart.
void KeepAlive(tcp::socket* socket) {
  boost::system::error_code ignored;
  socket->set_option(asio::socket_base::keep_alive(true), ignored);
  socket->set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>(30), ignored);
  socket->set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>(10), ignored);
  socket->set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>(3), ignored);
}

// A header that would break out of its line is the caller's bug or a config's mistake.
absl::Status CheckHeaders(const HttpRequest& request) {
  for (const HttpHeader& header : request.headers) {
    const bool bad = header.name.empty() ||
                     header.name.find_first_of(": \t\r\n") != std::string::npos ||
                     header.value.find_first_of("\r\n") != std::string::npos;
    if (bad) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot send header \"", header.name, "\": not a header name and value"));
    }
  }
  return absl::OkStatus();
}

// Rewrites `request` into the one that a redirect asks for, as browsers and Go do.
void FollowRedirect(int status, bool same_authority, HttpRequest* request) {
  const bool keeps_method = status == 307 || status == 308;
  if (!keeps_method && request->method != "GET" && request->method != "HEAD") {
    request->method = "GET";
    request->body.clear();
  }
  if (same_authority) return;
  // Secrets are for the host they were given for.
  std::erase_if(request->headers, [](const HttpHeader& header) {
    return SameHeader(header.name, "authorization") || SameHeader(header.name, "cookie");
  });
}

}  // namespace

HttpHeader BasicAuthorization(std::string_view user, std::string_view password) {
  const std::string plain = base::StrCat(user, ":", password);
  return {"Authorization", base::StrCat("Basic ", absl::Base64Escape(plain))};
}

HttpHeader BearerAuthorization(std::string_view token) {
  return {"Authorization", base::StrCat("Bearer ", token)};
}

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (SameHeader(header.name, name)) return header.value;
  }
  return {};
}

struct HttpClient::Impl {
  explicit Impl(asio::any_io_executor io) : executor(std::move(io)), resolver(executor) {}

  asio::awaitable<absl::StatusOr<HttpResponse>> Send(HttpRequest request);
  asio::awaitable<absl::StatusOr<HttpResponse>> Exchange(const HttpRequest& request, Url url,
                                                         Deadline deadline);
  asio::awaitable<absl::Status> Connect(Url url, int64_t timeout_ms, Deadline deadline);
  // To the peer itself, or to the proxy before it and then through a tunnel.
  asio::awaitable<absl::Status> Reach(const HttpRequest& request, Url url, Deadline deadline);
  asio::awaitable<absl::Status> OpenTunnel(const HttpRequest& request, Url proxy, Url url);
  asio::awaitable<absl::Status> StartTls(Url url, TlsOptions options, int64_t timeout_ms);
  bool MayKeep(const HttpRequest& request, const Url& url) const;
  asio::awaitable<absl::StatusOr<tcp::resolver::results_type>> Resolve(Url url);
  asio::awaitable<absl::StatusOr<HttpResponse>> RoundTrip(const HttpRequest& request, Url url,
                                                          bool* retry);
  struct Piece {
    boost::system::error_code error;
    size_t bytes = 0;
  };
  asio::awaitable<boost::system::error_code> Write(http::request<http::string_body>& message);
  asio::awaitable<boost::system::error_code> ReadHeader(ResponseParser* parser);
  // Up to `room` bytes of the body: through the parser, or past it when the length is known.
  asio::awaitable<Piece> ReadParsed(ResponseParser* parser, char* data, size_t room);
  asio::awaitable<Piece> ReadDirect(char* data, size_t room);
  asio::awaitable<absl::Status> ReadBody(const HttpRequest& request, std::string peer,
                                         ResponseParser* parser, std::string* body);
  // As ReadParsed(), but returns with whatever has arrived.
  asio::awaitable<Piece> ReadArrived(ResponseParser* parser, char* data, size_t room);
  asio::awaitable<absl::Status> StreamBody(const HttpRequest& request, std::string peer,
                                           ResponseParser* parser);
  // Turns an Asio error into a status: "cannot <doing> <peer>: cause".
  absl::Status Fail(std::string_view doing, std::string_view peer, int64_t timeout_ms,
                    const boost::system::error_code& error) const;

  asio::any_io_executor executor;
  tcp::resolver resolver;
  std::optional<Connection> connection;
  bool closing = false;
};

absl::Status HttpClient::Impl::Fail(std::string_view doing, std::string_view peer,
                                    int64_t timeout_ms,
                                    const boost::system::error_code& error) const {
  const std::string what = base::StrCat("cannot ", doing, " ", peer, ": ");
  if (closing) return absl::CancelledError(base::StrCat(what, "cancelled"));
  if (error == beast::error::timeout) {
    return absl::DeadlineExceededError(base::StrCat(what, "timeout of ", timeout_ms, " ms passed"));
  }
  const std::string text = base::StrCat(what, Words(error));
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return absl::ResourceExhaustedError(
        base::StrCat(what, "headers exceed ", kHeaderBytesMax, " bytes"));
  }
  const bool not_http =
      error.category() == http::make_error_code(http::error::bad_value).category();
  if (not_http && error != http::error::end_of_stream && error != http::error::partial_message) {
    return absl::InvalidArgumentError(
        base::StrCat(what, "not an HTTP answer (", Words(error), ")"));
  }
  return absl::UnavailableError(text);
}

asio::awaitable<absl::StatusOr<HttpResponse>> HttpClient::Impl::Send(HttpRequest request) {
  closing = false;
  const Deadline deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(request.timeout_ms);
  BARO_CO_TRY(CheckHeaders(request));
  BARO_CO_TRY_ASSIGN(Url url, ParseUrl(request.url));
  for (int redirects = 0; redirects <= kHttpRedirectsMax; ++redirects) {
    BARO_CO_TRY_ASSIGN(HttpResponse response, co_await Exchange(request, url, deadline));
    const std::string_view location = response.Header("location");
    if (!request.follow_redirects || !IsRedirect(response.status) || location.empty()) {
      response.url = url.ToString();
      co_return response;
    }
    BARO_CO_TRY_ASSIGN(Url next, ResolveUrl(url, location));
    FollowRedirect(response.status, next.Authority() == url.Authority(), &request);
    url = std::move(next);
  }
  co_return absl::UnavailableError(base::StrCat("cannot read ", request.url, ": more than ",
                                                kHttpRedirectsMax, " redirects, the last to ",
                                                url.ToString()));
}

asio::awaitable<absl::StatusOr<HttpResponse>> HttpClient::Impl::Exchange(const HttpRequest& request,
                                                                         Url url,
                                                                         Deadline deadline) {
  for (int attempt = 0;; ++attempt) {
    if (!MayKeep(request, url)) {
      BARO_CO_TRY(co_await Reach(request, url, deadline));
      if (url.scheme == "https") {
        // Named: gcc 12 destroys the temporary of a conditional inside co_await twice.
        TlsOptions tls;
        if (request.tls) tls = *request.tls;
        BARO_CO_TRY(co_await StartTls(url, tls, request.timeout_ms));
      }
    }
    connection->stream.expires_at(deadline);
    bool retry = false;
    absl::StatusOr<HttpResponse> response = co_await RoundTrip(request, url, &retry);
    if (!response.ok()) connection.reset();
    // The peer may close an idle connection just when the request is on its way: ask once more.
    if (response.ok() || !retry || closing || attempt > 0) co_return response;
  }
}

asio::awaitable<absl::StatusOr<tcp::resolver::results_type>> HttpClient::Impl::Resolve(Url url) {
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(url.host, error);
  if (!error) {
    co_return tcp::resolver::results_type::create(tcp::endpoint(address, url.port), url.host, "");
  }
  auto [failure, endpoints] =
      co_await resolver.async_resolve(url.host, std::to_string(url.port), kAwait);
  if (failure) co_return Fail("resolve", url.host, 0, failure);
  co_return endpoints;
}

bool HttpClient::Impl::MayKeep(const HttpRequest& request, const Url& url) const {
  if (!connection || connection->authority != ConnectionName(request, url)) return false;
  if (connection->tls.has_value() != (url.scheme == "https")) return false;
  if (!connection->tls || !request.tls) return true;
  return connection->tls_stamp == TlsFilesStamp(*request.tls);
}

asio::awaitable<absl::Status> HttpClient::Impl::StartTls(Url url, TlsOptions options,
                                                         int64_t timeout_ms) {
  connection->tls_stamp = TlsFilesStamp(options);
  auto context = MakeTlsContext(options);
  if (!context.ok()) {
    connection.reset();
    co_return context.status();
  }
  connection->tls_context = *std::move(context);
  connection->tls.emplace(connection->stream, *connection->tls_context);
  SSL* const handle = connection->tls->native_handle();
  const std::string name = options.server_name.empty() ? url.host : options.server_name;
  boost::system::error_code is_name;
  asio::ip::make_address(name, is_name);
  if (is_name) SSL_set_tlsext_host_name(handle, name.c_str());
  if (options.insecure_skip_verify) {
    connection->tls->set_verify_mode(asio::ssl::verify_none);
  } else {
    connection->tls->set_verify_mode(asio::ssl::verify_peer);
    connection->tls->set_verify_callback(asio::ssl::host_name_verification(name));
  }
  auto [error] = co_await connection->tls->async_handshake(asio::ssl::stream_base::client, kAwait);
  if (!error) co_return absl::OkStatus();
  absl::Status status = Fail("agree on TLS with", url.Authority(), timeout_ms, error);
  const long verified = SSL_get_verify_result(handle);
  if (verified != X509_V_OK) {
    status = absl::UnavailableError(
        base::StrCat("cannot agree on TLS with ", url.Authority(),
                     ": its certificate is refused: ", X509_verify_cert_error_string(verified)));
  }
  connection.reset();
  co_return status;
}

asio::awaitable<absl::Status> HttpClient::Impl::Connect(Url url, int64_t timeout_ms,
                                                        Deadline deadline) {
  connection.reset();
  BARO_CO_TRY_ASSIGN(const auto endpoints, co_await Resolve(url));
  connection.emplace(executor);
  connection->stream.expires_at(deadline);
  auto [error, endpoint] = co_await connection->stream.async_connect(endpoints, kAwait);
  if (error) {
    connection.reset();
    co_return Fail("connect to", url.Authority(), timeout_ms, error);
  }
  connection->authority = url.Authority();
  connection->loopback = endpoint.address().is_loopback();
  boost::system::error_code ignored;
  connection->stream.socket().set_option(tcp::no_delay(true), ignored);
  KeepAlive(&connection->stream.socket());
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> HttpClient::Impl::Reach(const HttpRequest& request, Url url,
                                                      Deadline deadline) {
  if (request.proxy_url.empty()) {
    co_return co_await Connect(url, request.timeout_ms, deadline);
  }
  BARO_CO_TRY_ASSIGN(Url proxy, ParseUrl(request.proxy_url));
  if (proxy.scheme != "http") {
    co_return absl::InvalidArgumentError(
        base::StrCat("cannot use proxy ", proxy.ToString(), ": only http proxies are supported"));
  }
  BARO_CO_TRY(co_await Connect(proxy, request.timeout_ms, deadline));
  connection->authority = ConnectionName(request, url);
  connection->loopback = false;  // what is behind it may be far
  if (url.scheme == "https") {
    absl::Status status = co_await OpenTunnel(request, proxy, url);
    if (!status.ok()) connection.reset();
    co_return status;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> HttpClient::Impl::OpenTunnel(const HttpRequest& request, Url proxy,
                                                           Url url) {
  http::request<http::string_body> message(http::verb::connect, ToBeast(url.Authority()), 11);
  message.set(http::field::host, ToBeast(url.Authority()));
  if (!proxy.user.empty()) {
    message.set(http::field::proxy_authorization,
                ToBeast(BasicAuthorization(proxy.user, proxy.password).value));
  }
  for (const HttpHeader& header : request.proxy_headers) {
    message.set(ToBeast(header.name), ToBeast(header.value));
  }
  const std::string peer = proxy.Authority();
  const boost::system::error_code write_error = co_await Write(message);
  if (write_error) co_return Fail("write to", peer, request.timeout_ms, write_error);
  ResponseParser parser;
  parser.header_limit(kHeaderBytesMax);
  parser.skip(true);  // a tunnel's answer has no body
  const boost::system::error_code read_error = co_await ReadHeader(&parser);
  if (read_error) co_return Fail("read from", peer, request.timeout_ms, read_error);
  const auto status = static_cast<int>(parser.get().result_int());
  if (status / 100 == 2) co_return absl::OkStatus();
  co_return absl::UnavailableError(base::StrCat("cannot connect to ", url.Authority(), ": proxy ",
                                                peer, " answers ", status, " ",
                                                View(parser.get().reason())));
}

asio::awaitable<absl::StatusOr<HttpResponse>> HttpClient::Impl::RoundTrip(
    const HttpRequest& request, Url url, bool* retry) {
  const std::string peer = url.Authority();
  const bool may_retry = connection->answered && (request.repeatable || request.method == "GET");
  const bool ask_gzip =
      !request.body_sink && (request.gzip == GzipUse::kAlways ||
                             (request.gzip == GzipUse::kOffNode && !connection->loopback));
  http::request<http::string_body> message = BuildRequest(request, url, ask_gzip);
  const boost::system::error_code write_error = co_await Write(message);
  if (write_error) {
    *retry = may_retry && write_error != beast::error::timeout;
    co_return Fail("write to", peer, request.timeout_ms, write_error);
  }
  ResponseParser parser;
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(boost::none);  // ReadBody() keeps the limit, with a clearer error
  const boost::system::error_code header_error = co_await ReadHeader(&parser);
  if (header_error) {
    *retry = may_retry && (header_error == http::error::end_of_stream ||
                           header_error == asio::ssl::error::stream_truncated ||
                           header_error == asio::error::connection_reset);
    co_return Fail("read from", peer, request.timeout_ms, header_error);
  }
  connection->answered = true;
  HttpResponse response;
  response.status = static_cast<int>(parser.get().result_int());
  response.reason = View(parser.get().reason());
  for (const auto& field : parser.get()) {
    response.headers.push_back(
        {std::string(View(field.name_string())), std::string(View(field.value()))});
  }
  if (request.body_sink && response.status / 100 == 2) {
    BARO_CO_TRY(co_await StreamBody(request, peer, &parser));
  } else {
    BARO_CO_TRY(co_await ReadBody(request, peer, &parser, &response.body));
  }
  if (!parser.get().keep_alive()) connection.reset();
  co_return response;
}

asio::awaitable<boost::system::error_code> HttpClient::Impl::Write(
    http::request<http::string_body>& message) {
  if (connection->tls) {
    co_return std::get<0>(co_await http::async_write(*connection->tls, message, kAwait));
  }
  co_return std::get<0>(co_await http::async_write(connection->stream, message, kAwait));
}

asio::awaitable<boost::system::error_code> HttpClient::Impl::ReadHeader(ResponseParser* parser) {
  beast::flat_buffer& buffer = connection->buffer;
  if (connection->tls) {
    co_return std::get<0>(
        co_await http::async_read_header(*connection->tls, buffer, *parser, kAwait));
  }
  co_return std::get<0>(
      co_await http::async_read_header(connection->stream, buffer, *parser, kAwait));
}

asio::awaitable<HttpClient::Impl::Piece> HttpClient::Impl::ReadParsed(ResponseParser* parser,
                                                                      char* data, size_t room) {
  parser->get().body() = {data, room, true};
  boost::system::error_code error;
  if (connection->tls) {
    error = std::get<0>(
        co_await http::async_read(*connection->tls, connection->buffer, *parser, kAwait));
  } else {
    error = std::get<0>(
        co_await http::async_read(connection->stream, connection->buffer, *parser, kAwait));
  }
  if (error == http::error::need_buffer) error = {};
  co_return Piece{error, room - parser->get().body().size};
}

asio::awaitable<HttpClient::Impl::Piece> HttpClient::Impl::ReadDirect(char* data, size_t room) {
  const size_t behind_header = std::min(room, connection->buffer.size());
  if (behind_header > 0) {
    std::memcpy(data, connection->buffer.data().data(), behind_header);
    connection->buffer.consume(behind_header);
    co_return Piece{{}, behind_header};
  }
  boost::system::error_code error;
  size_t got = 0;
  if (connection->tls) {
    std::tie(error, got) =
        co_await connection->tls->async_read_some(asio::buffer(data, room), kAwait);
  } else {
    std::tie(error, got) =
        co_await connection->stream.async_read_some(asio::buffer(data, room), kAwait);
  }
  if (error == asio::error::eof) error = http::make_error_code(http::error::partial_message);
  co_return Piece{error, got};
}

asio::awaitable<absl::Status> HttpClient::Impl::ReadBody(const HttpRequest& request,
                                                         std::string peer, ResponseParser* parser,
                                                         std::string* body) {
  std::optional<Gunzip> gunzip;
  const std::string_view encoding = View(parser->get()[http::field::content_encoding]);
  if (SameHeader(encoding, "gzip")) {
    gunzip.emplace(request.body_bytes_max);
  } else if (!encoding.empty() && !SameHeader(encoding, "identity")) {
    co_return absl::InvalidArgumentError(
        base::StrCat("cannot read from ", peer, ": unknown content encoding \"", encoding, "\""));
  }
  const size_t told = static_cast<size_t>(parser->content_length().value_or(0));
  // A body of known length is read straight into its place: Beast would fetch it in pieces of the
  // header buffer's size and copy each.
  const bool direct = told > 0 && !parser->is_done() && !parser->chunked();
  std::string piece;
  std::string& packed = gunzip ? piece : *body;
  size_t total = 0;
  while (direct ? total < told : !parser->is_done()) {
    // Memory follows what has arrived, not what was announced. One byte over the limit, so that
    // "too large" is noticed.
    const size_t used = gunzip ? 0 : total;
    size_t room = std::min(std::max(kReadBytes, total), request.body_bytes_max - total + 1);
    if (direct) room = std::min(room, told - total);
    packed.resize(used + room);
    auto [error, got] = direct ? co_await ReadDirect(packed.data() + used, room)
                               : co_await ReadParsed(parser, packed.data() + used, room);
    if (error) co_return Fail("read from", peer, request.timeout_ms, error);
    packed.resize(used + got);
    total += got;
    if (total > request.body_bytes_max) {
      co_return absl::ResourceExhaustedError(base::StrCat(
          "cannot read from ", peer, ": body exceeds ", request.body_bytes_max, " bytes"));
    }
    if (gunzip) BARO_CO_TRY(gunzip->Append(packed, body));
  }
  if (gunzip && total > 0) BARO_CO_TRY(gunzip->Finish());
  co_return absl::OkStatus();
}

asio::awaitable<HttpClient::Impl::Piece> HttpClient::Impl::ReadArrived(ResponseParser* parser,
                                                                       char* data, size_t room) {
  parser->get().body() = {data, room, true};
  boost::system::error_code error;
  if (connection->tls) {
    error = std::get<0>(
        co_await http::async_read_some(*connection->tls, connection->buffer, *parser, kAwait));
  } else {
    error = std::get<0>(
        co_await http::async_read_some(connection->stream, connection->buffer, *parser, kAwait));
  }
  if (error == http::error::need_buffer) error = {};
  co_return Piece{error, room - parser->get().body().size};
}

asio::awaitable<absl::Status> HttpClient::Impl::StreamBody(const HttpRequest& request,
                                                           std::string peer,
                                                           ResponseParser* parser) {
  std::string piece(kReadBytes, '\0');
  while (!parser->is_done()) {
    auto [error, got] = co_await ReadArrived(parser, piece.data(), piece.size());
    if (error) co_return Fail("read from", peer, request.timeout_ms, error);
    if (got > 0) BARO_CO_TRY(request.body_sink(std::string_view(piece).substr(0, got)));
  }
  co_return absl::OkStatus();
}

HttpClient::HttpClient(asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(executor))) {}
HttpClient::~HttpClient() = default;

asio::awaitable<absl::StatusOr<HttpResponse>> HttpClient::Send(HttpRequest request) {
  return impl_->Send(std::move(request));
}

void HttpClient::Close() {
  impl_->closing = true;
  impl_->resolver.cancel();
  // Not cancel(): an operation whose end is already queued would go on to the next one.
  if (impl_->connection) impl_->connection->stream.close();
}

absl::StatusOr<HttpResponse> HttpSend(HttpRequest request) {
  asio::io_context io(1);
  HttpClient client(io.get_executor());
  absl::StatusOr<HttpResponse> result = absl::InternalError("cannot send: no result");
  asio::co_spawn(
      io, client.Send(std::move(request)),
      [&result](const std::exception_ptr& thrown, absl::StatusOr<HttpResponse> response) {
        if (!thrown) result = std::move(response);
      });
  io.run();
  return result;
}

}  // namespace baro::net
