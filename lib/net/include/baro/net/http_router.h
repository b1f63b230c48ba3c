// HttpRouter: which handler answers which method and path.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baro/net/http_message.h"

namespace baro::net {

// The right and the duty to answer one request. Move-only; any thread; may outlive the handler.
// Dropped without Send(), the client gets a 500.
class HttpReply {
 public:
  using Deliver = std::function<void(ServerResponse)>;

  HttpReply() = default;
  explicit HttpReply(Deliver deliver) : deliver_(std::move(deliver)) {}
  ~HttpReply();
  HttpReply(HttpReply&& other) noexcept : deliver_(std::exchange(other.deliver_, nullptr)) {}
  HttpReply& operator=(HttpReply&& other) noexcept;

  // Once; later calls do nothing.
  void Send(ServerResponse response);

 private:
  Deliver deliver_;
};

// Called from many threads at once. An exception that escapes becomes a 500.
using HttpHandler = std::function<ServerResponse(const ServerRequest&)>;
using HttpAsyncHandler = std::function<void(ServerRequest, HttpReply)>;

// Where a handler runs. Each pool has threads and a queue of its own, so that slow queries cannot
// hold up writes.
enum class HttpLane : uint8_t {
  kInline,  // on the I/O thread: for answers that are ready in microseconds (health)
  kQuick,   // small work: labels, status, metrics
  kQuery,   // long work
  kWrite,   // ingestion
};
inline constexpr size_t kHttpLanes = 4;

struct HttpRoute {
  std::vector<std::string> methods;  // {"GET", "POST"}; GET brings HEAD with it
  // "/api/v1/label/{name}/values": a {place} stands for one segment; "{rest...}" at the end for
  // all that follow.
  std::string pattern;
  HttpLane lane = HttpLane::kQuick;
  HttpAsyncHandler handler;
  size_t body_bytes_max = 0;  // 0: the server's
};

// Thread-compatible while routes are added, immutable and thread-safe afterwards.
class HttpRouter {
 public:
  struct Found {
    const HttpRoute* route = nullptr;  // null: see `allow`
    FormPairs path_values;
    std::string allow;  // not empty: the path exists, but for these methods only (405); sorted
    // Not empty: the client means this path (double slashes, dots, a slash too many or too few).
    std::string redirect;
  };

  void Handle(HttpRoute route);
  // The same for handlers that answer before they return.
  void Handle(std::vector<std::string> methods, std::string pattern, HttpLane lane,
              HttpHandler handler);

  // Below which path all routes lie: "/prometheus". "/" then leads there. Empty: none.
  void SetPrefix(std::string prefix) { prefix_ = std::move(prefix); }

  // `path` as sent. Paths that cannot be decoded find nothing.
  Found Find(std::string_view method, std::string_view path) const;

  // Path of the request below the prefix; nothing when it lies elsewhere.
  std::optional<std::string_view> Below(std::string_view path) const;
  // Every route, in the order of registration; for descriptions and tests.
  const std::vector<std::unique_ptr<HttpRoute>>& routes() const { return routes_; }

 private:
  // Finds methods and places; no redirects.
  Found FindExactly(std::string_view method, std::string_view path) const;

  std::string prefix_;
  std::vector<std::unique_ptr<HttpRoute>> routes_;
};

}  // namespace baro::net
