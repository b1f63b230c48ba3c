// HttpConnection: one client's socket, from accept to close, on one io_context.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <string>

#include "baro/base/mutex.h"
#include "baro/net/http_server.h"
#include "compression.h"
#include "http_stream.h"
#include "job_queue.h"

namespace baro::net {

// One request on its way to a worker.
struct HttpJob {
  const HttpRoute* route = nullptr;  // null: answered by NoRoute()
  ServerRequest request;
  HttpReply reply;
};

struct HttpShared;

// Asks the guard, then runs the job's handler; what it throws becomes a 500 through the dropped
// reply.
void RunJob(const HttpShared& shared, HttpJob job);

// What all connections of a server share. Outlives every connection and every reply. Thread-safe.
struct HttpShared {
  HttpServerOptions options;
  HttpRouter router;
  std::array<std::unique_ptr<JobQueue<HttpJob>>, kHttpLanes> lanes;

  std::atomic<uint64_t> connections_open{0};
  std::atomic<uint64_t> connections_total{0};
  std::atomic<uint64_t> connections_refused_total{0};
  std::atomic<uint64_t> accept_failures_total{0};
  std::atomic<uint64_t> requests_total{0};
  std::atomic<uint64_t> requests_shed_total{0};
  std::atomic<uint64_t> requests_broken_total{0};
  std::atomic<uint64_t> requests_cancelled_total{0};
  std::atomic<uint64_t> timeouts_total{0};
  std::atomic<uint64_t> answers_shed_total{0};
  std::atomic<uint64_t> bodies_bytes{0};
  std::atomic<uint64_t> answers_bytes{0};

  // Whether browsers of other origins are told about this path.
  bool CorsFor(std::string_view path) const {
    return options.cors && path.starts_with(options.cors_prefix);
  }
  // What new connections are given; null: plain. Any thread.
  std::shared_ptr<boost::asio::ssl::context> Tls() const {
    return options.tls ? options.tls() : nullptr;
  }
  // Takes `bytes` of the budget for bodies in flight; false when it is used up.
  bool ReserveBody(size_t bytes);
  void ReleaseBody(size_t bytes) { bodies_bytes.fetch_sub(bytes, std::memory_order_relaxed); }
};

// The answer's way back from any thread to the connection's. Thread-safe.
class HttpExchangeState;

// Strand-bound: everything runs on its io_context's only thread. Kept alive by its coroutine.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(boost::asio::ip::tcp::socket socket, std::shared_ptr<HttpShared> shared);
  ~HttpConnection();

  // Serves requests until the peer goes, breaks the rules, or Drain().
  static boost::asio::awaitable<void> Run(std::shared_ptr<HttpConnection> connection);

  // Closes after the exchange in flight; at once when there is none, or only a part of its head.
  void Drain();
  // Cancels the exchange in flight and closes.
  void Abort();

 private:
  friend class HttpExchangeState;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  // The reason why a request cannot be read: 0 ends the connection silently.
  struct Refusal {
    int status = 0;
    std::string text;
  };

  boost::asio::awaitable<void> Serve();
  // False: the client does not speak TLS as it must.
  boost::asio::awaitable<bool> ShakeHands();
  boost::asio::awaitable<void> Close();
  // One request and its answer. False: close.
  boost::asio::awaitable<bool> ServeOne();
  boost::asio::awaitable<std::optional<Refusal>> AwaitFirstByte();
  boost::asio::awaitable<std::optional<Refusal>> ReadHead(Parser* parser);
  boost::asio::awaitable<std::optional<Refusal>> ReadBody(Parser* parser);
  boost::asio::awaitable<void> SendContinue();
  // The refusal of a head that is whole but that we do not serve.
  std::optional<Refusal> JudgeHead(Parser* parser);
  boost::asio::awaitable<ServerResponse> Answer(ServerRequest request, ContentCoding coding);
  boost::asio::awaitable<bool> Write(ServerResponse response, bool head_only, bool keep_alive);
  boost::asio::awaitable<void> Refuse(Refusal refusal);

  ServerRequest TakeRequest(Parser* parser);
  Refusal Broken(int status, std::string text);
  Refusal ReadFailure(const boost::beast::error_code& error);
  Refusal HeadTooLarge();
  bool GrowBody(size_t bytes);
  void Dispatch(HttpJob job);
  void WatchPeer();
  void CancelSoon(uint64_t number);
  void OnReplied();

  HttpStream stream_;
  const std::shared_ptr<HttpShared> shared_;
  boost::beast::flat_buffer buffer_;
  // Never expires: cancelled when the answer is there or the connection must end.
  boost::asio::steady_timer wake_;
  boost::asio::steady_timer gone_;
  std::string remote_address_;
  size_t body_reserved_ = 0;
  bool draining_ = false;
  bool aborted_ = false;
  bool reading_head_ = false;  // or waiting for one
  bool replied_ = false;
  bool cors_ = false;  // the exchange's path is one that browsers of other origins are told about
  uint64_t exchange_number_ = 0;
  std::shared_ptr<std::atomic<bool>> cancelled_;
  // Of the answer that is being written: it counts as long as this lives.
  std::shared_ptr<HttpExchangeState> exchange_;
};

}  // namespace baro::net
