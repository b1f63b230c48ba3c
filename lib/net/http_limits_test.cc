// What a client may send and how slowly it may read has an end, and the right code says so.
// Method: raw sockets on loopback; slow clients are clients that stop.

#include <future>

#include "baro/base/eventually.h"
#include "baro/base/strings.h"
#include "baro/net/http_server.h"
#include "baro/net/testing/raw_client.h"
#include "gtest/gtest.h"

namespace baro::net {
namespace {

using base::Eventually;
using testing::RawClient;

ServerResponse Echo(const ServerRequest& request) {
  return ServerResponse::Text(200, base::StrCat(request.query.size(), " ", request.body));
}

HttpRouter EchoRouter() {
  HttpRouter router;
  router.Handle({"GET", "POST"}, "/echo", HttpLane::kQuick, Echo);
  router.Handle({"GET"}, "/inline", HttpLane::kInline, Echo);
  return router;
}

std::unique_ptr<HttpServer> StartServer(HttpRouter router, HttpServerOptions options = {}) {
  auto server = HttpServer::Start(std::move(options), std::move(router));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

TEST(HttpLimits, TakesUrisAsLongAsPrometheusDoes) {
  const auto server = StartServer(EchoRouter());
  RawClient client(server->port());
  const std::string query(1'000'000, 'x');
  ASSERT_TRUE(client.Send("GET /echo?" + query + " HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(client.ReadAnswer().second, "1000000 ");
  EXPECT_TRUE(Eventually([&] { return server->GetStats().bodies_bytes == 0; }));
}

TEST(HttpLimits, NamesWhatIsTooLong) {
  HttpServerOptions options;
  options.uri_bytes_max = 1'000;
  options.head_bytes_max = 4'000;
  options.headers_max = 20;
  const auto server = StartServer(EchoRouter(), options);
  std::string many = "GET /echo HTTP/1.1\r\n";
  for (int i = 0; i < 21; ++i) many += "a: b\r\n";
  const std::pair<std::string, std::string> cases[] = {
      {"GET /echo?" + std::string(990, 'x') + " HTTP/1.1\r\n\r\n", "HTTP/1.1 200 "},
      {"GET /echo?" + std::string(995, 'x') + " HTTP/1.1\r\n\r\n", "HTTP/1.1 414 "},
      {"GET /echo?" + std::string(9'000, 'x') + " HTTP/1.1\r\n\r\n", "HTTP/1.1 414 "},
      {"GET /echo?" + std::string(9'000, 'x'), "HTTP/1.1 414 "},
      {"GET /echo HTTP/1.1\r\nX: " + std::string(9'000, 'x') + "\r\n\r\n", "HTTP/1.1 431 "},
      {many + "\r\n", "HTTP/1.1 431 "},
      {"POST /echo HTTP/1.1\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 417 "},
  };
  for (const auto& [sent, status] : cases) {
    RawClient client(server->port());
    client.Send(sent);
    EXPECT_EQ(client.ReadAnswer().first.substr(0, status.size()), status) << sent.substr(0, 60);
  }
}

TEST(HttpLimits, CountsLongHeadsAsBodiesWhileTheyGrow) {
  HttpServerOptions options;
  options.bodies_bytes_max = 100'000;
  const auto server = StartServer(EchoRouter(), options);
  RawClient client(server->port());
  client.Send("GET /echo?" + std::string(300'000, 'x') + " HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client.ReadAll().starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(Eventually([&] { return server->GetStats().bodies_bytes == 0; }));
}

TEST(HttpLimits, TellsTheClientToGoOnWhateverTheCase) {
  const auto server = StartServer(EchoRouter());
  for (const char* expect : {"100-continue", "100-Continue"}) {
    RawClient client(server->port());
    ASSERT_TRUE(client.Send(base::StrCat("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: ", expect,
                                         "\r\nContent-Length: 2\r\n\r\n")));
    EXPECT_EQ(client.ReadAnswer().first, "HTTP/1.1 100 Continue\r\n\r\n");
    ASSERT_TRUE(client.Send("hi"));
    EXPECT_EQ(client.ReadAnswer().second, "0 hi");
  }
}

TEST(HttpLimits, AnswersClientsThatHaveSaidTheirLastWord) {
  const auto server = StartServer(EchoRouter());
  for (int i = 0; i < 20; ++i) {
    RawClient client(server->port());
    ASSERT_TRUE(client.Send("GET /echo?abc HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    client.SayNoMore();
    EXPECT_TRUE(client.ReadAll().ends_with("\r\n\r\n3 "));
  }
  EXPECT_EQ(server->GetStats().requests_cancelled_total, 0u);
}

TEST(HttpLimits, CutsOffReadersThatStopAndGivesTheirMemoryBack) {
  HttpRouter router;
  router.Handle({"GET"}, "/large", HttpLane::kQuick, [](const ServerRequest&) {
    ServerResponse response;
    for (int i = 0; i < 64; ++i) response.body.emplace_back(size_t{512} << 10, 'x');
    return response;
  });
  HttpServerOptions options;
  options.write_timeout_ms = 50;
  const auto server = StartServer(std::move(router), options);
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(Eventually([&] { return server->GetStats().timeouts_total == 1; }));
  EXPECT_TRUE(Eventually([&] { return server->GetStats().answers_bytes == 0; }));
}

TEST(HttpLimits, ShedsAnswersThatDoNotFitBesideThoseBeingRead) {
  HttpRouter router;
  router.Handle({"GET"}, "/large", HttpLane::kQuick, [](const ServerRequest&) {
    ServerResponse response;
    response.body.emplace_back(size_t{16} << 20, 'x');
    return response;
  });
  HttpServerOptions options;
  options.answers_bytes_max = size_t{20} << 20;
  const auto server = StartServer(std::move(router), options);
  constexpr std::string_view kLarge = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
  RawClient slow(server->port());
  ASSERT_TRUE(slow.Send(kLarge));
  ASSERT_TRUE(Eventually([&] { return server->GetStats().answers_bytes > 0; }));
  RawClient second(server->port());
  ASSERT_TRUE(second.Send(kLarge));
  const std::string head = second.ReadAnswer().first;
  EXPECT_TRUE(head.starts_with("HTTP/1.1 503 ")) << head;
  EXPECT_NE(head.find("Retry-After: "), std::string::npos);
  EXPECT_EQ(server->GetStats().answers_shed_total, 1u);
  EXPECT_EQ(slow.ReadAnswer().second.size(), size_t{16} << 20);
  EXPECT_TRUE(Eventually([&] { return server->GetStats().answers_bytes == 0; }));
}

TEST(HttpLimits, AsksTheGuardBeforeEveryAnswer) {
  HttpServerOptions options;
  options.guard = [](const ServerRequest& request) -> std::optional<ServerResponse> {
    if (request.Header("Authorization") == "let me in") return std::nullopt;
    return ServerResponse::Text(401, "Unauthorized\n");
  };
  options.decorate = [](ServerResponse* response) {
    response->headers.emplace_back("X-Frame-Options", "deny");
  };
  const auto server = StartServer(EchoRouter(), options);
  RawClient client(server->port());
  for (const char* path : {"/echo", "/inline", "/nothing"}) {
    ASSERT_TRUE(client.Send(base::StrCat("GET ", path, " HTTP/1.1\r\nHost: a\r\n\r\n")));
    const std::string head = client.ReadAnswer().first;
    EXPECT_TRUE(head.starts_with("HTTP/1.1 401 Unauthorized\r\n")) << path << head;
    EXPECT_NE(head.find("X-Frame-Options: deny\r\n"), std::string::npos);
  }
  ASSERT_TRUE(client.Send("GET /inline HTTP/1.1\r\nAuthorization: let me in\r\n\r\n"));
  EXPECT_TRUE(client.ReadAnswer().first.starts_with("HTTP/1.1 200 "));
}

TEST(HttpLimits, TellsOtherOriginsOnlyWhereTheyMayKnow) {
  HttpServerOptions options;
  options.cors = true;
  options.cors_prefix = "/ec";
  options.cors_allows = [](std::string_view origin) { return origin == "http://good"; };
  const auto server = StartServer(EchoRouter(), options);
  const auto head_of = [&server](std::string_view method, std::string_view path,
                                 std::string_view origin) {
    RawClient client(server->port());
    client.Send(base::StrCat(method, " ", path, " HTTP/1.1\r\nOrigin: ", origin, "\r\n\r\n"));
    return client.ReadAnswer().first;
  };
  EXPECT_NE(head_of("GET", "/echo", "http://good").find("Allow-Origin: http://good\r\n"),
            std::string::npos);
  const std::string bad = head_of("GET", "/echo", "http://bad");
  EXPECT_EQ(bad.find("Allow-Origin"), std::string::npos);
  EXPECT_NE(bad.find("Vary: Origin\r\n"), std::string::npos);
  EXPECT_EQ(head_of("GET", "/inline", "http://good").find("Access-Control"), std::string::npos);
  EXPECT_TRUE(head_of("OPTIONS", "/echoes", "http://x").starts_with("HTTP/1.1 204 "));
  const std::string options_answer = head_of("OPTIONS", "/inline", "http://x");
  EXPECT_TRUE(options_answer.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(options_answer.find("Allow: GET, HEAD, OPTIONS\r\n"), std::string::npos);
  EXPECT_TRUE(head_of("OPTIONS", "/nothing", "http://x").starts_with("HTTP/1.1 404 "));
}

TEST(HttpLimits, RedirectsToThePathThatIsMeantWithItsQuery) {
  const auto server = StartServer(EchoRouter());
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET //echo?a=b HTTP/1.1\r\nHost: a\r\n\r\n"));
  const std::string head = client.ReadAnswer().first;
  EXPECT_TRUE(head.starts_with("HTTP/1.1 307 "));
  EXPECT_NE(head.find("Location: /echo?a=b\r\n"), std::string::npos);
}

}  // namespace
}  // namespace baro::net
