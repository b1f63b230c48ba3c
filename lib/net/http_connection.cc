#include "http_connection.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <chrono>
#include <iterator>
#include <utility>

#include "baro/base/strings.h"
#include "http_head.h"

namespace baro::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// One write, and the piece that write_timeout_ms is for.
constexpr size_t kWriteBytesMax = 256 * 1024;
constexpr size_t kReadBytes = 8 * 1024;
constexpr size_t kBodyReadBytes = 64 * 1024;
// A query whose client has gone stops within 100 ms: this, and the engine's own checks.
constexpr std::chrono::milliseconds kGoneGrace{50};
// How long a TLS client may take to say goodbye.
constexpr std::chrono::seconds kTlsCloseMax{1};

std::chrono::milliseconds Ms(int64_t ms) { return std::chrono::milliseconds(ms); }

// Walks through the pieces of a body in steps of bounded size.
class BodyCursor {
 public:
  explicit BodyCursor(std::vector<std::string>* pieces) : pieces_(pieces) {}

  // Gives back the memory of pieces that have been sent whole.
  void Release() {
    for (; released_ < piece_; ++released_) std::string().swap((*pieces_)[released_]);
  }

  // Adds the next `bytes_max` bytes to `batch`, fewer at the end.
  void Fill(size_t bytes_max, std::vector<asio::const_buffer>* batch) {
    while (piece_ < pieces_->size() && bytes_max > 0) {
      const std::string_view rest = std::string_view((*pieces_)[piece_]).substr(offset_);
      const std::string_view part = rest.substr(0, bytes_max);
      if (!part.empty()) batch->emplace_back(part.data(), part.size());
      bytes_max -= part.size();
      offset_ += part.size();
      if (part.size() == rest.size()) {
        ++piece_;
        offset_ = 0;
      }
    }
  }

 private:
  std::vector<std::string>* const pieces_;
  size_t piece_ = 0;
  size_t offset_ = 0;
  size_t released_ = 0;
};

std::string_view FromBeast(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

bool HttpShared::ReserveBody(size_t bytes) {
  const uint64_t before = bodies_bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes <= options.bodies_bytes_max) return true;
  ReleaseBody(bytes);
  return false;
}

void RunJob(const HttpShared& shared, HttpJob job) {
  try {
    if (shared.options.guard) {
      if (auto answer = shared.options.guard(job.request)) {
        job.reply.Send(*std::move(answer));
        return;
      }
    }
    if (job.route == nullptr) {
      const auto found = shared.router.Find(job.request.method, job.request.path);
      job.reply.Send(NoRoute(job.request, found, shared.CorsFor(job.request.path)));
      return;
    }
    job.route->handler(std::move(job.request), std::move(job.reply));
  } catch (const std::exception&) {
    // The reply went down with the handler, and has sent the 500.
  }
}

// Made for one exchange; the reply may outlive the connection, which closes it when it ends.
class HttpExchangeState : public std::enable_shared_from_this<HttpExchangeState> {
 public:
  HttpExchangeState(std::shared_ptr<HttpConnection> connection, ContentCoding coding,
                    HttpExchange exchange)
      : shared_(connection->shared_),
        connection_(std::move(connection)),
        coding_(coding),
        exchange_(exchange),
        method_(exchange.method),
        started_ns_(shared_->options.clock->MonotonicNs()) {
    exchange_.method = method_;
  }
  ~HttpExchangeState() {
    shared_->answers_bytes.fetch_sub(reserved_bytes_, std::memory_order_relaxed);
  }

  // Any thread, once.
  void Deliver(ServerResponse response) {
    Encode(&response);
    Reserve(&response);
    Report(response);
    base::MutexLock lock(&mutex_);
    if (connection_ == nullptr) return;
    response_ = std::move(response);
    // Posted even from the I/O thread itself, so that the coroutine is resumed in one way only.
    asio::post(connection_->stream_.get_executor(),
               [connection = connection_] { connection->OnReplied(); });
  }

  // The connection's thread: takes the answer and lets no later one come.
  ServerResponse Close() {
    base::MutexLock lock(&mutex_);
    connection_ = nullptr;
    return response_ ? *std::exchange(response_, std::nullopt)
                     : ServerResponse::Text(503, "cancelled\n");
  }

 private:
  // Answers wait in memory for their readers; slow ones must not fill it.
  void Reserve(ServerResponse* response) {
    const size_t bytes = response->BodyBytes();
    const uint64_t before = shared_->answers_bytes.fetch_add(bytes, std::memory_order_relaxed);
    reserved_bytes_ = bytes;
    if (before == 0 || before + bytes <= shared_->options.answers_bytes_max) return;
    shared_->answers_shed_total.fetch_add(1, std::memory_order_relaxed);
    *response = Overloaded();
  }

  void Encode(ServerResponse* response) const {
    if (exchange_.pattern.empty()) return;  // not found, not allowed: a line of text
    response->headers.emplace_back("Vary", "Accept-Encoding");
    if (coding_ == ContentCoding::kIdentity) return;
    if (response->BodyBytes() < shared_->options.compress_bytes_min) return;
    for (const auto& [name, value] : response->headers) {
      if (name == "Content-Encoding") return;  // the handler has packed it already
    }
    std::string compressed = Compress(coding_, response->body);
    if (compressed.empty()) return;
    response->body.clear();
    response->body.push_back(std::move(compressed));
    response->headers.emplace_back("Content-Encoding", CodingName(coding_));
  }

  void Report(const ServerResponse& response) {
    if (!shared_->options.on_exchange) return;
    const int64_t elapsed_ns = shared_->options.clock->MonotonicNs() - started_ns_;
    exchange_.status = response.status;
    exchange_.seconds = static_cast<double>(elapsed_ns) / 1e9;
    exchange_.response_bytes = response.BodyBytes();
    shared_->options.on_exchange(exchange_);
  }

  const std::shared_ptr<HttpShared> shared_;
  base::Mutex mutex_;
  std::shared_ptr<HttpConnection> connection_ ABSL_GUARDED_BY(mutex_);
  std::optional<ServerResponse> response_ ABSL_GUARDED_BY(mutex_);
  const ContentCoding coding_;
  HttpExchange exchange_;
  const std::string method_;
  const int64_t started_ns_;
  size_t reserved_bytes_ = 0;
};

HttpConnection::HttpConnection(asio::ip::tcp::socket socket, std::shared_ptr<HttpShared> shared)
    : stream_(std::move(socket), shared->Tls()),
      shared_(std::move(shared)),
      buffer_(shared_->options.head_bytes_max + kWriteBytesMax),
      wake_(stream_.get_executor(), asio::steady_timer::time_point::max()),
      gone_(stream_.get_executor()),
      cancelled_(std::make_shared<std::atomic<bool>>(false)) {
  beast::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto peer = stream_.socket().remote_endpoint(ignored);
  if (!ignored) remote_address_ = base::StrCat(peer.address().to_string(), ":", peer.port());
}

HttpConnection::~HttpConnection() {
  shared_->ReleaseBody(body_reserved_);
  shared_->connections_open.fetch_sub(1, std::memory_order_relaxed);
}

void HttpConnection::Drain() {
  draining_ = true;
  if (reading_head_) stream_.close();
}

void HttpConnection::Abort() {
  draining_ = true;
  aborted_ = true;
  cancelled_->store(true, std::memory_order_release);
  stream_.close();
  wake_.cancel();
}

asio::awaitable<void> HttpConnection::Run(std::shared_ptr<HttpConnection> connection) {
  co_await connection->Serve();
}

asio::awaitable<void> HttpConnection::Serve() {
  bool open = co_await ShakeHands();
  while (open && !draining_) {
    open = co_await ServeOne();
    exchange_ = nullptr;
    shared_->ReleaseBody(std::exchange(body_reserved_, 0));
  }
  co_await Close();
}

asio::awaitable<bool> HttpConnection::ShakeHands() {
  if (stream_.tls() == nullptr) co_return true;
  reading_head_ = true;
  stream_.expires_after(Ms(shared_->options.head_timeout_ms));
  const auto [error] =
      co_await stream_.tls()->async_handshake(asio::ssl::stream_base::server, kAwait);
  reading_head_ = false;
  if (!error) co_return true;
  (void)ReadFailure(error);  // counted; there is no channel to say it
  co_return false;
}

asio::awaitable<void> HttpConnection::Close() {
  if (stream_.tls() != nullptr && !aborted_) {
    stream_.expires_after(kTlsCloseMax);
    co_await stream_.tls()->async_shutdown(kAwait);
  }
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

asio::awaitable<bool> HttpConnection::ServeOne() {
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(shared_->options.head_bytes_max));
  parser.body_limit(shared_->options.body_bytes_max);
  reading_head_ = true;
  std::optional<Refusal> refusal = co_await AwaitFirstByte();
  if (!refusal) refusal = co_await ReadHead(&parser);
  reading_head_ = false;
  if (!refusal) refusal = co_await ReadBody(&parser);
  if (refusal) {
    co_await Refuse(*std::move(refusal));
    co_return false;
  }
  shared_->requests_total.fetch_add(1, std::memory_order_relaxed);
  const bool keep_alive = parser.get().keep_alive();
  ServerRequest request = TakeRequest(&parser);
  const bool head_only = request.method == "HEAD";
  const ContentCoding coding = ChooseCoding(request.Header("Accept-Encoding"));
  cors_ = shared_->CorsFor(request.path);
  const std::string origin(cors_ ? request.Header("Origin") : std::string_view());
  ServerResponse response = co_await Answer(std::move(request), coding);
  if (aborted_) co_return false;
  if (cors_) {
    const auto& allows = shared_->options.cors_allows;
    AddCorsHeaders(origin, !allows || allows(origin), &response);
  }
  co_return co_await Write(std::move(response), head_only, keep_alive && !draining_);
}

asio::awaitable<std::optional<HttpConnection::Refusal>> HttpConnection::AwaitFirstByte() {
  if (buffer_.size() > 0) co_return std::nullopt;  // a pipelined request
  stream_.expires_after(Ms(shared_->options.idle_timeout_ms));
  const auto [error, bytes] = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), kAwait);
  if (error) co_return Refusal{};
  buffer_.commit(bytes);
  co_return std::nullopt;
}

// Reads in steps, so that a head that grows counts as it does.
asio::awaitable<std::optional<HttpConnection::Refusal>> HttpConnection::ReadHead(Parser* parser) {
  stream_.expires_after(Ms(shared_->options.head_timeout_ms));
  for (;;) {
    beast::error_code parse_error;
    const size_t used = parser->put(buffer_.data(), parse_error);
    if (parse_error && parse_error != http::error::need_more) co_return ReadFailure(parse_error);
    buffer_.consume(used);
    if (parser->is_header_done()) co_return JudgeHead(parser);
    const size_t held = buffer_.size();
    if (held > kReadBytes && held > body_reserved_ && !GrowBody(held - body_reserved_)) {
      shared_->requests_shed_total.fetch_add(1, std::memory_order_relaxed);
      co_return Refusal{503, "too many requests in flight, try again later\n"};
    }
    const size_t room = std::max(kReadBytes, std::min(held, kBodyReadBytes));
    const auto [error, bytes] = co_await stream_.async_read_some(buffer_.prepare(room), kAwait);
    if (error) co_return ReadFailure(error);
    buffer_.commit(bytes);
  }
}

std::optional<HttpConnection::Refusal> HttpConnection::JudgeHead(Parser* parser) {
  const auto& head = parser->get();
  const HttpServerOptions& options = shared_->options;
  if (head.target().size() > options.uri_bytes_max) {
    return Broken(414, base::StrCat("URI is longer than ", options.uri_bytes_max, " bytes\n"));
  }
  if (static_cast<size_t>(std::distance(head.begin(), head.end())) > options.headers_max) {
    return Broken(431, base::StrCat("more than ", options.headers_max, " header fields\n"));
  }
  const std::string_view expected = FromBeast(head[http::field::expect]);
  if (!expected.empty() && !beast::iequals(head[http::field::expect], "100-continue")) {
    return Broken(417, base::StrCat("cannot do what is expected: \"", expected, "\"\n"));
  }
  const HttpRouter::Found found = shared_->router.Find(FromBeast(head.method_string()),
                                                       SplitTarget(FromBeast(head.target())).path);
  if (found.route == nullptr || found.route->body_bytes_max == 0) return std::nullopt;
  const size_t body_max = std::min(found.route->body_bytes_max, options.body_bytes_max);
  if (parser->content_length().value_or(0) > body_max) {
    return Broken(413, base::StrCat("request body is larger than ", body_max, " bytes\n"));
  }
  if (!parser->content_length()) parser->body_limit(body_max);
  return std::nullopt;
}

// Reads in steps, so that memory is taken from the budget as bytes arrive, never as announced.
asio::awaitable<std::optional<HttpConnection::Refusal>> HttpConnection::ReadBody(Parser* parser) {
  parser->eager(true);
  stream_.expires_after(Ms(shared_->options.body_timeout_ms));
  if (!parser->is_done() && !parser->get()[http::field::expect].empty()) co_await SendContinue();
  // Beast reads as much as there is room in the buffer for.
  if (!parser->is_done() && parser->content_length().value_or(kBodyReadBytes) > kReadBytes) {
    buffer_.reserve(kBodyReadBytes);
  }
  size_t seen = 0;
  while (!parser->is_done()) {
    const auto [error, bytes] = co_await http::async_read_some(stream_, buffer_, *parser, kAwait);
    if (error) co_return ReadFailure(error);
    const size_t size = parser->get().body().size();
    if (!GrowBody(size - seen)) {
      shared_->requests_shed_total.fetch_add(1, std::memory_order_relaxed);
      co_return Refusal{503, "too many request bodies in flight, try again later\n"};
    }
    seen = size;
  }
  stream_.expires_never();
  co_return std::nullopt;
}

asio::awaitable<void> HttpConnection::SendContinue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  co_await asio::async_write(stream_, asio::buffer(kContinue), kAwait);
}

bool HttpConnection::GrowBody(size_t bytes) {
  if (!shared_->ReserveBody(bytes)) return false;
  body_reserved_ += bytes;
  return true;
}

HttpConnection::Refusal HttpConnection::ReadFailure(const beast::error_code& error) {
  if (error == beast::error::timeout) {
    shared_->timeouts_total.fetch_add(1, std::memory_order_relaxed);
    return {};  // the stream has closed itself
  }
  if (error == http::error::end_of_stream || error == asio::error::eof ||
      error == asio::error::connection_reset || error == asio::error::operation_aborted ||
      error == asio::error::bad_descriptor || error == asio::ssl::error::stream_truncated) {
    return {};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return HeadTooLarge();
  }
  if (error == http::error::body_limit) return Broken(413, "request body is too large\n");
  return Broken(400, base::StrCat("cannot read request: ", error.message(), "\n"));
}

HttpConnection::Refusal HttpConnection::Broken(int status, std::string text) {
  shared_->requests_broken_total.fetch_add(1, std::memory_order_relaxed);
  return {status, std::move(text)};
}

// A request line that does not end is a URI that is too long.
HttpConnection::Refusal HttpConnection::HeadTooLarge() {
  const std::string_view held(static_cast<const char*>(buffer_.data().data()), buffer_.size());
  const size_t line = held.find('\n');
  if (line == std::string_view::npos || line > shared_->options.uri_bytes_max) {
    return Broken(414,
                  base::StrCat("URI is longer than ", shared_->options.uri_bytes_max, " bytes\n"));
  }
  return Broken(431, base::StrCat("request head is larger than ", shared_->options.head_bytes_max,
                                  " bytes\n"));
}

ServerRequest HttpConnection::TakeRequest(Parser* parser) {
  auto& message = parser->get();
  const Target target = SplitTarget(FromBeast(message.target()));
  ServerRequest request;
  request.method = FromBeast(message.method_string());
  request.path = target.path;
  request.query = target.query;
  for (const auto& field : message) {
    request.headers.emplace_back(FromBeast(field.name_string()), FromBeast(field.value()));
  }
  request.body = std::move(message.body());
  request.remote_address = remote_address_;
  request.received_ns = shared_->options.clock->MonotonicNs();
  cancelled_ = std::make_shared<std::atomic<bool>>(false);
  request.cancelled = cancelled_;
  return request;
}

asio::awaitable<ServerResponse> HttpConnection::Answer(ServerRequest request,
                                                       ContentCoding coding) {
  HttpRouter::Found found = shared_->router.Find(request.method, request.path);
  HttpExchange exchange;
  exchange.pattern = found.route == nullptr ? std::string_view() : found.route->pattern;
  exchange.method = request.method;
  exchange.request_bytes = request.body.size();
  const auto state =
      std::make_shared<HttpExchangeState>(shared_from_this(), coding, std::move(exchange));
  replied_ = false;
  ++exchange_number_;
  HttpReply reply([state](ServerResponse response) { state->Deliver(std::move(response)); });
  exchange_ = state;
  cors_ = cors_ && (found.route != nullptr || request.method == "OPTIONS");
  request.path_values = std::move(found.path_values);
  Dispatch({found.route, std::move(request), std::move(reply)});
  while (!replied_ && !aborted_) co_await wake_.async_wait(kAwait);
  ++exchange_number_;  // ends the watch
  co_return state->Close();
}

void HttpConnection::Dispatch(HttpJob job) {
  HttpLane lane = job.route == nullptr ? HttpLane::kInline : job.route->lane;
  if (lane == HttpLane::kInline && shared_->options.guard) lane = HttpLane::kQuick;
  if (lane == HttpLane::kInline) {
    RunJob(*shared_, std::move(job));
  } else if (shared_->lanes[static_cast<size_t>(lane)]->TryPush(std::move(job))) {
    WatchPeer();
  } else {
    shared_->requests_shed_total.fetch_add(1, std::memory_order_relaxed);
    job.reply.Send(Overloaded());
  }
}

// Waits for the peer to go while its request is being worked on. Bytes instead of an end are the
// next request, and end the watch.
void HttpConnection::WatchPeer() {
  stream_.socket().async_wait(
      asio::ip::tcp::socket::wait_read,
      [self = shared_from_this(), number = exchange_number_](const beast::error_code& error) {
        if (error || self->exchange_number_ != number) return;
        char byte = 0;
        const ssize_t count =
            ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) return;
        self->CancelSoon(number);
      });
}

// A peer that has said its last word may still listen (half-closed); what is answered at once
// reaches it.
void HttpConnection::CancelSoon(uint64_t number) {
  gone_.expires_after(kGoneGrace);
  gone_.async_wait([self = shared_from_this(), number](const beast::error_code& error) {
    if (error || self->exchange_number_ != number) return;
    self->shared_->requests_cancelled_total.fetch_add(1, std::memory_order_relaxed);
    self->cancelled_->store(true, std::memory_order_release);
  });
}

void HttpConnection::OnReplied() {
  replied_ = true;
  wake_.cancel();
}

asio::awaitable<bool> HttpConnection::Write(ServerResponse response, bool head_only,
                                            bool keep_alive) {
  beast::error_code ignored;
  stream_.socket().cancel(ignored);  // the watch
  if (shared_->options.decorate) shared_->options.decorate(&response);
  const auto last = std::chrono::steady_clock::now() + Ms(shared_->options.answer_timeout_ms);
  const std::string head = WriteHead(response, keep_alive, shared_->options.clock->NowMs());
  if (head_only) response.body.clear();
  BodyCursor cursor(&response.body);
  std::vector<asio::const_buffer> batch = {asio::buffer(head)};
  cursor.Fill(kWriteBytesMax - std::min(head.size(), kWriteBytesMax), &batch);
  while (!batch.empty()) {
    stream_.expires_after(Ms(shared_->options.write_timeout_ms));
    const auto [error, bytes] = co_await asio::async_write(stream_, batch, kAwait);
    if (error == beast::error::timeout) {
      shared_->timeouts_total.fetch_add(1, std::memory_order_relaxed);
    }
    if (error) co_return false;
    batch.clear();
    cursor.Release();
    cursor.Fill(kWriteBytesMax, &batch);
    if (!batch.empty() && std::chrono::steady_clock::now() > last) {
      shared_->timeouts_total.fetch_add(1, std::memory_order_relaxed);
      co_return false;
    }
  }
  stream_.expires_never();
  co_return keep_alive;
}

asio::awaitable<void> HttpConnection::Refuse(Refusal refusal) {
  if (refusal.status == 0 || aborted_) co_return;
  ServerResponse response = ServerResponse::Text(refusal.status, std::move(refusal.text));
  if (refusal.status == 503) response.headers.emplace_back("Retry-After", "1");
  const bool written = co_await Write(std::move(response), false, false);
  // Reads on for a moment: closing on unread bytes would reset the connection before the client
  // has seen why.
  stream_.expires_after(std::chrono::seconds(1));
  for (size_t left = 64; written && left > 0; --left) {
    buffer_.clear();
    const auto [error, bytes] =
        co_await stream_.async_read_some(buffer_.prepare(kReadBytes), kAwait);
    if (error) break;
  }
}

}  // namespace baro::net
