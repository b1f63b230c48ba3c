// TestServer: an HTTP server on a free loopback port that says exactly the bytes a test wants it to
// say, well-formed or not, or nothing at all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "baro/net/http_client.h"

namespace baro::net::testing {

struct TestRequest {
  std::string method;
  std::string target;
  std::vector<HttpHeader> headers;
  std::string body;
  std::string_view Header(std::string_view name) const;
};

struct TestReply {
  std::string bytes;     // sent as they are
  bool hang = false;     // then say nothing more until the client goes away
  bool close = false;    // then close
  bool endless = false;  // then repeat `bytes` until the client goes away
};

// A well-formed answer that keeps the connection.
TestReply Answer(int status, std::string_view body, const std::vector<HttpHeader>& headers = {});
// The body of a gzip stream.
std::string GzipPack(std::string_view plain);

// Thread-safe. The handler runs on the server's own thread, one request at a time.
class TestServer {
 public:
  explicit TestServer(std::function<TestReply(const TestRequest&)> handler);
  ~TestServer();

  uint16_t port() const;
  // 127.0.0.1:port
  std::string address() const;
  std::string Url(std::string_view target) const;
  // How many connections were ever accepted.
  int connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A loopback port at which nobody listens.
uint16_t ClosedPort();

}  // namespace baro::net::testing
