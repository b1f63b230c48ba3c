#include "baro/net/testing/test_server.h"

#include <zlib.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "absl/strings/match.h"
#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"

namespace baro::net::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
}

std::string_view TestRequest::Header(std::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (absl::EqualsIgnoreCase(base::ToAbsl(header.name), base::ToAbsl(name))) return header.value;
  }
  return {};
}

TestReply Answer(int status, std::string_view body, const std::vector<HttpHeader>& headers) {
  std::string text = base::StrCat("HTTP/1.1 ", status, " Status ", status,
                                  "\r\nContent-Length: ", body.size(), "\r\n");
  for (const HttpHeader& header : headers) {
    base::StrAppend(&text, header.name, ": ", header.value, "\r\n");
  }
  return {base::StrCat(text, "\r\n", body)};
}

std::string GzipPack(std::string_view plain) {
  z_stream z = {};
  BARO_CHECK_EQ(
      deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
      Z_OK);
  std::string packed(deflateBound(&z, plain.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(packed.size());
  BARO_CHECK_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  packed.resize(z.total_out);
  deflateEnd(&z);
  return packed;
}

struct TestServer::Impl {
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(tcp::socket socket);
  asio::awaitable<bool> Reply(tcp::socket* socket, TestReply reply);

  std::function<TestReply(const TestRequest&)> handler;
  asio::io_context io{1};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::atomic<int> connections = 0;
  base::TaskGroup tasks;
};

asio::awaitable<void> TestServer::Impl::Accept() {
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (error) co_return;
    ++connections;
    asio::co_spawn(io, Serve(std::move(socket)),
                   asio::detached);  // tidy: ok (io.run() ends with it)
  }
}

// False when the connection is done with.
asio::awaitable<bool> TestServer::Impl::Reply(tcp::socket* socket, TestReply reply) {
  do {
    auto [error, bytes] = co_await asio::async_write(*socket, asio::buffer(reply.bytes), kAwait);
    if (error) co_return false;
  } while (reply.endless);
  if (reply.hang) {
    char byte = 0;
    co_await socket->async_read_some(asio::buffer(&byte, 1), kAwait);
  }
  co_return !reply.hang && !reply.close;
}

asio::awaitable<void> TestServer::Impl::Serve(tcp::socket socket) {
  boost::beast::flat_buffer buffer;
  while (true) {
    http::request<http::string_body> message;
    auto [error, bytes] = co_await http::async_read(socket, buffer, message, kAwait);
    if (error) co_return;
    TestRequest request{.method = std::string(message.method_string()),
                        .target = std::string(message.target()),
                        .headers = {},
                        .body = message.body()};
    for (const auto& field : message) {
      request.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
    const bool more = co_await Reply(&socket, handler(request));
    if (!more) co_return;
  }
}

TestServer::TestServer(std::function<TestReply(const TestRequest&)> handler)
    : impl_(std::make_unique<Impl>()) {
  impl_->handler = std::move(handler);
  asio::co_spawn(impl_->io, impl_->Accept(), asio::detached);  // tidy: ok (io.run() ends with it)
  Impl* impl = impl_.get();
  impl_->tasks.Start("test-server", [impl] { impl->io.run(); });
}

TestServer::~TestServer() {
  impl_->io.stop();
  impl_->tasks.Stop();
}

uint16_t TestServer::port() const { return impl_->acceptor.local_endpoint().port(); }
std::string TestServer::address() const { return base::StrCat("127.0.0.1:", port()); }
std::string TestServer::Url(std::string_view target) const {
  return base::StrCat("http://", address(), target);
}
int TestServer::connections() const { return impl_->connections; }

uint16_t ClosedPort() {
  asio::io_context io(1);
  const tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

}  // namespace baro::net::testing
