// HttpServer: HTTP/1.1 for queries, ingestion and health.
//
//   accept ─► io_context (one a thread) ─► read head, body ─► lane's queue ─► worker ─► handler
//                                     ◄─ write pieces ◄───────── HttpReply::Send ◄──────┘
//
// I/O threads only read, hand over and write. Everything is bounded: connections, head, body, all
// bodies together, queues, and the time each phase may take (a client that sends a byte a second
// is cut off). Keep-alive and pipelining; answers are compressed when the client accepts it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/net/http_message.h"
#include "baro/net/http_router.h"

namespace boost::asio::ssl {
class context;
}

namespace baro::net {

struct HttpLaneOptions {
  size_t threads = 1;
  size_t queue_requests_max = 256;  // full: 503 with Retry-After
};

// What one exchange came to; for metrics and the access log.
struct HttpExchange {
  std::string_view pattern;  // the route's; empty when there is none
  std::string_view method;
  int status = 0;
  double seconds = 0;  // from the whole request read to the answer ready
  size_t request_bytes = 0;
  size_t response_bytes = 0;  // after compression, without the head
};

struct HttpServerOptions {
  std::string address = "127.0.0.1:0";  // port 0: any free one
  size_t io_threads = 1;
  std::array<HttpLaneOptions, kHttpLanes> lanes = {{{0, 0}, {2, 256}, {4, 256}, {2, 256}}};
  size_t connections_max = 4'096;  // beyond: 503 and closed, counted
  // What Prometheus (Go) takes, for queries in URLs; counted as a body while it grows.
  size_t uri_bytes_max = 1024 * 1024;          // beyond: 414
  size_t head_bytes_max = 1024 * 1024 + 4096;  // beyond: 431
  size_t headers_max = 1'000;                  // beyond: 431
  size_t body_bytes_max = 64 * 1024 * 1024;
  size_t bodies_bytes_max = 512 * 1024 * 1024;  // all requests in flight together; beyond: 503
  int64_t idle_timeout_ms = 120'000;            // between two requests of a connection
  int64_t head_timeout_ms = 10'000;             // from the first byte of a head to its last
  int64_t body_timeout_ms = 60'000;
  int64_t write_timeout_ms = 60'000;    // for each 256 KiB
  int64_t answer_timeout_ms = 600'000;  // for a whole answer: a reader that drips is cut off
  // All answers that wait for their readers, together; beyond: 503 in their place.
  size_t answers_bytes_max = size_t{1} << 30;
  int64_t drain_timeout_ms = 10'000;  // Stop(): then requests are cancelled and connections cut
  size_t compress_bytes_min = 1'024;  // smaller bodies are sent as they are
  // Cross-origin headers for browsers, as Prometheus sends them, for paths that start with
  // cors_prefix; OPTIONS is answered for all of those.
  bool cors = false;
  std::string cors_prefix;
  std::function<bool(std::string_view origin)> cors_allows;  // null: every origin
  // What this gives is the answer, and the handler is not called; asked before every handler, on
  // its lane (inline routes move to kQuick), and for paths without one.
  std::function<std::optional<ServerResponse>(const ServerRequest&)> guard;
  // TLS for the connections from now on; asked for each; null, or giving null: plain HTTP. Made by
  // MakeTlsServerContext() in tls_server.h.
  std::function<std::shared_ptr<boost::asio::ssl::context>()> tls;
  // Last word on every answer's headers; any thread; must be quick.
  std::function<void(ServerResponse*)> decorate;
  std::function<void(const HttpExchange&)> on_exchange;  // any thread; must be quick
  const base::Clock* clock = base::RealClock();
};

// Counters since start, but for connections_open, bodies_bytes and answers_bytes.
struct HttpServerStats {
  uint64_t connections_open = 0;
  uint64_t connections_total = 0;
  uint64_t connections_refused_total = 0;  // connections_max
  uint64_t accept_failures_total = 0;
  uint64_t requests_total = 0;
  uint64_t requests_shed_total = 0;    // queue full, or bodies_bytes_max
  uint64_t requests_broken_total = 0;  // not HTTP, or too large
  uint64_t requests_cancelled_total = 0;
  uint64_t timeouts_total = 0;
  uint64_t answers_shed_total = 0;  // answers_bytes_max
  uint64_t bodies_bytes = 0;
  uint64_t answers_bytes = 0;  // ready, and not yet read by their clients
  std::array<uint64_t, kHttpLanes> queue_depth{};
};

// Thread-safe. The destructor stops.
class HttpServer {
 public:
  // Takes the port: clients can connect, and wait. No thread runs and no handler is called before
  // Serve(), so that handlers may use the pointer this returns.
  // Errors: InvalidArgument (address), Unavailable (cannot listen, with the system's reason).
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(HttpServerOptions options,
                                                            HttpRouter router);
  // Listen() and Serve(): for handlers that do not know their server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           HttpRouter router);
  virtual ~HttpServer() = default;

  // Answers from now on. Once, before Stop().
  virtual void Serve() = 0;

  virtual uint16_t port() const = 0;
  // "127.0.0.1:9490", with the port that was bound.
  virtual std::string address() const = 0;
  virtual HttpServerStats GetStats() const = 0;

  // Accepts nothing new, lets requests in flight finish for drain_timeout_ms, then cuts them; waits
  // for all threads. May be called twice.
  virtual void Stop() = 0;
};

}  // namespace baro::net
