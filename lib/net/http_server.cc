#include "baro/net/http_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "acceptor.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "http_connection.h"

namespace baro::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kAcceptRetry{100};

// One io_context and the connections that live on it. All but the constructor runs on its thread.
class IoLoop {
 public:
  explicit IoLoop(std::shared_ptr<HttpShared> shared)
      : shared_(std::move(shared)), io_(1), guard_(io_.get_executor()), cut_(io_) {}

  asio::io_context& io() { return io_; }
  void Run() { io_.run(); }

  void Adopt(tcp::socket socket) {
    auto connection = std::make_shared<HttpConnection>(std::move(socket), shared_);
    if (draining_) return;
    const uint64_t number = next_number_++;
    connections_.emplace(number, connection);
    asio::co_spawn(io_, HttpConnection::Run(std::move(connection)),
                   [this, number](const std::exception_ptr&) { Forget(number); });
  }

  // Ends the loop when the last connection has ended, at the latest after `timeout`.
  void Drain(std::chrono::milliseconds timeout) {
    draining_ = true;
    guard_.reset();
    for (auto& [number, connection] : Snapshot()) connection->Drain();
    if (connections_.empty()) return;
    cut_.expires_after(timeout);
    cut_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      for (auto& [number, connection] : Snapshot()) connection->Abort();
    });
  }

 private:
  using Connections = std::map<uint64_t, std::shared_ptr<HttpConnection>>;

  // A copy: ending a connection changes the map.
  Connections Snapshot() const { return connections_; }

  void Forget(uint64_t number) {
    connections_.erase(number);
    if (draining_ && connections_.empty()) cut_.cancel();
  }

  const std::shared_ptr<HttpShared> shared_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  asio::steady_timer cut_;
  Connections connections_;
  uint64_t next_number_ = 0;
  bool draining_ = false;
};

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, HttpRouter router)
      : shared_(std::make_shared<HttpShared>()), drain_timeout_ms_(options.drain_timeout_ms) {
    shared_->options = std::move(options);
    shared_->router = std::move(router);
    for (size_t i = 0; i < std::max<size_t>(shared_->options.io_threads, 1); ++i) {
      loops_.push_back(std::make_unique<IoLoop>(shared_));
    }
    for (size_t lane = 1; lane < kHttpLanes; ++lane) {
      const size_t capacity = std::max<size_t>(shared_->options.lanes[lane].queue_requests_max, 1);
      shared_->lanes[lane] = std::make_unique<JobQueue<HttpJob>>(capacity);
    }
  }
  ~Server() override { Stop(); }

  absl::Status Bind();
  void Serve() override;

  uint16_t port() const override { return endpoint_.port(); }
  std::string address() const override {
    const std::string host = endpoint_.address().to_string();
    return endpoint_.address().is_v6() ? base::StrCat("[", host, "]:", endpoint_.port())
                                       : base::StrCat(host, ":", endpoint_.port());
  }
  HttpServerStats GetStats() const override;
  void Stop() override ABSL_LOCKS_EXCLUDED(stop_mutex_);

 private:
  static asio::awaitable<void> AcceptLoop(Server* server);
  void Accepted(tcp::socket socket, IoLoop* loop);
  void RunLane(size_t lane);

  const std::shared_ptr<HttpShared> shared_;
  const int64_t drain_timeout_ms_;
  std::vector<std::unique_ptr<IoLoop>> loops_;
  std::optional<tcp::acceptor> acceptor_;
  tcp::endpoint endpoint_;
  bool accepting_ = true;  // first loop's thread
  base::Mutex stop_mutex_;
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
  base::TaskGroup io_threads_;
  base::TaskGroup workers_;
};

absl::Status Server::Bind() {
  BARO_TRY_ASSIGN(acceptor_, ListenOn(&loops_[0]->io(), shared_->options.address));
  boost::system::error_code error;
  endpoint_ = acceptor_->local_endpoint(error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      base::StrCat("cannot listen on ", shared_->options.address, ": ", error.message()));
}

void Server::Serve() {
  asio::co_spawn(loops_[0]->io(), AcceptLoop(this),
                 [shared = shared_](const std::exception_ptr& thrown) {
                   if (thrown) ++shared->accept_failures_total;
                 });
  for (size_t i = 0; i < loops_.size(); ++i) {
    io_threads_.Start(base::StrCat("http-io-", i), [loop = loops_[i].get()] { loop->Run(); });
  }
  static constexpr std::array<const char*, kHttpLanes> kNames = {"", "quick", "query", "write"};
  for (size_t lane = 1; lane < kHttpLanes; ++lane) {
    for (size_t i = 0; i < std::max<size_t>(shared_->options.lanes[lane].threads, 1); ++i) {
      workers_.Start(base::StrCat("http-", kNames[lane], "-", i), [this, lane] { RunLane(lane); });
    }
  }
}

void Server::RunLane(size_t lane) {
  while (std::optional<HttpJob> job = shared_->lanes[lane]->Pop()) {
    if (job->request.cancelled->load(std::memory_order_acquire)) {
      job->reply.Send(ServerResponse::Text(499, "the client has gone\n"));
      continue;
    }
    RunJob(*shared_, *std::move(job));
  }
}

asio::awaitable<void> Server::AcceptLoop(Server* server) {
  asio::steady_timer pause(server->loops_[0]->io());
  for (size_t next = 0; server->accepting_; ++next) {
    IoLoop* const loop = server->loops_[next % server->loops_.size()].get();
    auto [error, socket] = co_await server->acceptor_->async_accept(loop->io(), kAwait);
    if (!server->accepting_) break;
    if (error) {
      // Out of descriptors, mostly: connections that end give some back.
      server->shared_->accept_failures_total.fetch_add(1, std::memory_order_relaxed);
      pause.expires_after(kAcceptRetry);
      co_await pause.async_wait(kAwait);
      continue;
    }
    server->Accepted(std::move(socket), loop);
  }
}

void Server::Accepted(tcp::socket socket, IoLoop* loop) {
  HttpShared& shared = *shared_;
  shared.connections_total.fetch_add(1, std::memory_order_relaxed);
  const uint64_t open = shared.connections_open.fetch_add(1, std::memory_order_relaxed);
  if (open >= shared.options.connections_max) {
    shared.connections_open.fetch_sub(1, std::memory_order_relaxed);
    shared.connections_refused_total.fetch_add(1, std::memory_order_relaxed);
    static constexpr std::string_view kRefusal =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kRefusal), ignored);
    return;
  }
  asio::post(loop->io(),
             [loop, peer = std::move(socket)]() mutable { loop->Adopt(std::move(peer)); });
}

HttpServerStats Server::GetStats() const {
  HttpServerStats stats;
  stats.connections_open = shared_->connections_open.load(std::memory_order_relaxed);
  stats.connections_total = shared_->connections_total.load(std::memory_order_relaxed);
  stats.connections_refused_total =
      shared_->connections_refused_total.load(std::memory_order_relaxed);
  stats.accept_failures_total = shared_->accept_failures_total.load(std::memory_order_relaxed);
  stats.requests_total = shared_->requests_total.load(std::memory_order_relaxed);
  stats.requests_shed_total = shared_->requests_shed_total.load(std::memory_order_relaxed);
  stats.requests_broken_total = shared_->requests_broken_total.load(std::memory_order_relaxed);
  stats.requests_cancelled_total =
      shared_->requests_cancelled_total.load(std::memory_order_relaxed);
  stats.timeouts_total = shared_->timeouts_total.load(std::memory_order_relaxed);
  stats.answers_shed_total = shared_->answers_shed_total.load(std::memory_order_relaxed);
  stats.bodies_bytes = shared_->bodies_bytes.load(std::memory_order_relaxed);
  stats.answers_bytes = shared_->answers_bytes.load(std::memory_order_relaxed);
  for (size_t lane = 1; lane < kHttpLanes; ++lane) {
    stats.queue_depth[lane] = shared_->lanes[lane]->depth();
  }
  return stats;
}

// First nothing new comes in, then what is in flight ends (on workers that still run), then the
// workers end.
void Server::Stop() {
  base::MutexLock lock(&stop_mutex_);
  if (std::exchange(stopped_, true)) return;
  asio::post(loops_[0]->io(), [this] {
    accepting_ = false;
    boost::system::error_code ignored;
    acceptor_->close(ignored);
  });
  for (const auto& loop : loops_) {
    asio::post(loop->io(), [loop = loop.get(), timeout_ms = drain_timeout_ms_] {
      loop->Drain(std::chrono::milliseconds(timeout_ms));
    });
  }
  io_threads_.Stop();
  boost::system::error_code ignored;
  if (acceptor_) acceptor_->close(ignored);  // when nothing ever ran on the loops
  for (size_t lane = 1; lane < kHttpLanes; ++lane) shared_->lanes[lane]->Close();
  workers_.Stop();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(HttpServerOptions options,
                                                               HttpRouter router) {
  auto server = std::make_unique<Server>(std::move(options), std::move(router));
  BARO_TRY(server->Bind());
  return server;
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              HttpRouter router) {
  BARO_TRY_ASSIGN(std::unique_ptr<HttpServer> server,
                  Listen(std::move(options), std::move(router)));
  server->Serve();
  return server;
}

}  // namespace baro::net
