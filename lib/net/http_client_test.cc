// The client gives back what a server said, says clearly what went wrong, and keeps its limits
// whatever the server does. Method: a server in the same process that says any bytes.
#include "baro/net/http_client.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>

#include "baro/base/strings.h"
#include "baro/net/testing/test_server.h"

namespace baro::net {
namespace {

using testing::Answer;
using testing::ClosedPort;
using testing::GzipPack;
using testing::TestReply;
using testing::TestRequest;
using testing::TestServer;

// Sends requests one after the other on one client.
std::vector<absl::StatusOr<HttpResponse>> SendAll(std::vector<HttpRequest> requests) {
  boost::asio::io_context io(1);
  HttpClient client(io.get_executor());
  std::vector<absl::StatusOr<HttpResponse>> responses;
  for (HttpRequest& request : requests) {
    boost::asio::co_spawn(
        io, client.Send(std::move(request)),
        [&](const std::exception_ptr& thrown, absl::StatusOr<HttpResponse> response) {
          EXPECT_FALSE(thrown);
          responses.push_back(std::move(response));
        });
    io.run();
    io.restart();
  }
  return responses;
}

HttpRequest Get(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  request.timeout_ms = 10'000;
  return request;
}

void ExpectError(const absl::StatusOr<HttpResponse>& response, absl::StatusCode code,
                 std::string_view part) {
  EXPECT_EQ(response.status().code(), code) << response.status();
  EXPECT_NE(base::FromAbsl(response.status().message()).find(part), std::string_view::npos)
      << response.status();
}

TEST(HttpClient, GivesBackStatusHeadersAndBody) {
  TestServer server([](const TestRequest& request) {
    EXPECT_EQ(request.Header("Accept"), "text/plain");
    return Answer(404, "no " + request.target, {{"X-Thing", "7"}});
  });
  const auto response = HttpGet(server.Url("/a?b=c"), {.headers = {{"Accept", "text/plain"}}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->reason, "Status 404");
  EXPECT_EQ(response->body, "no /a?b=c");
  EXPECT_EQ(response->Header("x-thing"), "7");
}

TEST(HttpClient, PostsABody) {
  TestServer server([](const TestRequest& request) {
    return Answer(
        200, base::StrCat(request.method, " ", request.Header("content-type"), " ", request.body));
  });
  const auto response = HttpPost(server.Url("/"), "text/x", "hello");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "POST text/x hello");
}

TEST(HttpClient, KeepsTheConnection) {
  TestServer server([](const TestRequest&) { return Answer(200, "x"); });
  const auto responses =
      SendAll({Get(server.Url("/")), Get(server.Url("/")), Get(server.Url("/"))});
  for (const auto& response : responses) EXPECT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, ConnectsAgainWhenTheServerHasClosed) {
  TestServer server([](const TestRequest&) {
    TestReply reply = Answer(200, "x");  // promises keep-alive, then closes
    reply.close = true;
    return reply;
  });
  const auto responses = SendAll({Get(server.Url("/")), Get(server.Url("/"))});
  for (const auto& response : responses) EXPECT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClient, ReadsChunksAndBodiesThatEndWithTheConnection) {
  TestServer server([](const TestRequest& request) {
    if (request.target == "/chunked") {
      return TestReply{
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"};
    }
    return TestReply{.bytes = "HTTP/1.0 200 OK\r\n\r\nabcde", .close = true};
  });
  for (const auto& response : SendAll({Get(server.Url("/chunked")), Get(server.Url("/close"))})) {
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body, "abcde");
  }
}

TEST(HttpClient, AsksForGzipOnlyOffNodeAndUnpacksIt) {
  const std::string plain(200'000, 'a');
  TestServer server([&](const TestRequest& request) {
    if (request.Header("Accept-Encoding") != "gzip") return Answer(200, "plain");
    return Answer(200, GzipPack(plain), {{"Content-Encoding", "gzip"}});
  });
  HttpRequest always = Get(server.Url("/"));
  always.gzip = GzipUse::kAlways;
  const auto responses = SendAll({Get(server.Url("/")), always});
  ASSERT_TRUE(responses[0].ok() && responses[1].ok());
  EXPECT_EQ(responses[0]->body, "plain");
  EXPECT_EQ(responses[1]->body, plain);
}

TEST(HttpClient, KeepsTheBodyLimit) {
  TestServer server([](const TestRequest& request) {
    if (request.target == "/exact") return Answer(200, std::string(1000, 'x'));
    if (request.target == "/told") return Answer(200, std::string(1001, 'x'));
    if (request.target == "/gzip") {
      return Answer(200, GzipPack(std::string(5'000, 'x')), {{"Content-Encoding", "gzip"}});
    }
    return TestReply{.bytes = "HTTP/1.0 200 OK\r\n\r\n", .endless = true};
  });
  for (const char* path : {"/exact", "/told", "/gzip", "/endless"}) {
    HttpRequest request = Get(server.Url(path));
    request.body_bytes_max = 1000;
    const auto response = HttpSend(request);
    if (std::string_view(path) == "/exact") {
      EXPECT_TRUE(response.ok()) << response.status();
    } else {
      ExpectError(response, absl::StatusCode::kResourceExhausted, "exceeds 1000 bytes");
    }
  }
}

TEST(HttpClient, FollowsRedirectsAndKeepsSecretsAtHome) {
  TestServer other([](const TestRequest& request) {
    return Answer(200, base::StrCat(request.method, " ", request.target,
                                    " auth=", request.Header("Authorization")));
  });
  TestServer server([&](const TestRequest& request) {
    if (request.target == "/loop") return Answer(302, "", {{"Location", "/loop"}});
    if (request.target == "/here") return Answer(308, "", {{"Location", "there"}});
    if (request.target == "/there") {
      return Answer(200, std::string(request.Header("Authorization")));
    }
    return Answer(302, "", {{"Location", other.Url("/x")}});
  });
  HttpRequest away = Get(server.Url("/away"));
  away.headers.push_back(BasicAuthorization("u", "p"));
  HttpRequest here = Get(server.Url("/here"));
  here.headers.push_back(BasicAuthorization("u", "p"));
  const auto responses = SendAll({away, here, Get(server.Url("/loop"))});
  ASSERT_TRUE(responses[0].ok() && responses[1].ok());
  EXPECT_EQ(responses[0]->body, "GET /x auth=");
  EXPECT_EQ(responses[0]->url, other.Url("/x"));
  EXPECT_EQ(responses[1]->body, "Basic dTpw");
  ExpectError(responses[2], absl::StatusCode::kUnavailable, "more than 10 redirects");
}

TEST(HttpClient, NamesWhatWentWrong) {
  const uint16_t port = ClosedPort();
  ExpectError(HttpGet(base::StrCat("http://127.0.0.1:", port, "/")), absl::StatusCode::kUnavailable,
              base::StrCat("cannot connect to 127.0.0.1:", port, ": connection refused"));

  ExpectError(HttpGet("127.0.0.1"), absl::StatusCode::kInvalidArgument, "no scheme");
  ExpectError(HttpGet("http://127.0.0.1/", {.headers = {{"A", "b\r\nC: d"}}}),
              absl::StatusCode::kInvalidArgument, "header \"A\"");
}

TEST(HttpClient, SurvivesAnyServer) {
  TestServer server([](const TestRequest& request) -> TestReply {
    if (request.target == "/garbage") return {.bytes = "SSH-2.0-x\r\n\r\n", .close = true};
    if (request.target == "/closed") return {.bytes = "", .close = true};
    if (request.target == "/half") {
      return {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true};
    }
    if (request.target == "/headers") {
      return {.bytes = "HTTP/1.1 200 OK\r\nA: " + std::string(200'000, 'h'), .hang = true};
    }
    if (request.target == "/deflate") return Answer(200, "x", {{"Content-Encoding", "br"}});
    return Answer(200, "not gzip", {{"Content-Encoding", "gzip"}});
  });
  const auto get = [&](const char* path) { return HttpSend(Get(server.Url(path))); };
  ExpectError(get("/garbage"), absl::StatusCode::kInvalidArgument, "not an HTTP answer");
  ExpectError(get("/closed"), absl::StatusCode::kUnavailable, "closed before the answer");
  ExpectError(get("/half"), absl::StatusCode::kUnavailable, "closed within the answer");
  ExpectError(get("/headers"), absl::StatusCode::kResourceExhausted, "headers exceed");
  ExpectError(get("/deflate"), absl::StatusCode::kInvalidArgument, "content encoding \"br\"");
  ExpectError(get("/gzip"), absl::StatusCode::kInvalidArgument, "cannot unpack gzip");
}

TEST(HttpClient, EndsAtItsDeadline) {
  TestServer server([](const TestRequest& request) -> TestReply {
    if (request.target == "/body") {
      return {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .hang = true};
    }
    return {.bytes = "", .hang = true};
  });
  for (const char* path : {"/silent", "/body"}) {
    HttpRequest request = Get(server.Url(path));
    request.timeout_ms = 50;
    ExpectError(HttpSend(request), absl::StatusCode::kDeadlineExceeded, "timeout of 50 ms passed");
  }
}

}  // namespace
}  // namespace baro::net
