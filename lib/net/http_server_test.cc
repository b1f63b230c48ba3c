// The server keeps HTTP's promises to good clients and bounds what bad ones can take.
// Method: real sockets on loopback; every wait is for a condition and has a deadline.

#include "baro/net/http_server.h"

#include <zlib.h>
#include <zstd.h>

#include <future>

#include "baro/base/eventually.h"
#include "baro/base/strings.h"
#include "baro/net/listen.h"
#include "baro/net/testing/raw_client.h"
#include "gtest/gtest.h"

namespace baro::net {
namespace {

using std::chrono::seconds;
using testing::RawClient;

ServerResponse Echo(const ServerRequest& request) {
  return ServerResponse::Text(
      200, base::StrCat(request.method, " ", request.path, "?", request.query, " ", request.body));
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

constexpr std::string_view kGet = "GET /echo?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";

using base::Eventually;

TEST(HttpServer, AnswersManyRequestsOnOneConnection) {
  const auto server = StartServer(EchoRouter());
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(kGet));
    EXPECT_EQ(client.ReadAnswer().second, "GET /echo?x=1 ");
  }
  ASSERT_TRUE(client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_EQ(client.ReadAnswer().second, "POST /echo? hello");
  EXPECT_EQ(server->GetStats().connections_total, 1u);
  EXPECT_EQ(server->GetStats().requests_total, 4u);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = StartServer(EchoRouter());
  RawClient client(server->port());
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    const char* path = i % 2 == 0 ? "/echo" : "/inline";
    base::StrAppend(&requests, "GET ", path, "?", i, " HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < 20; ++i) {
    const char* path = i % 2 == 0 ? "/echo" : "/inline";
    EXPECT_EQ(client.ReadAnswer().second, base::StrCat("GET ", path, "?", i, " "));
  }
}

TEST(HttpServer, ReadsChunkedBodies) {
  const auto server = StartServer(EchoRouter());
  RawClient client(server->port());
  ASSERT_TRUE(
      client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_EQ(client.ReadAnswer().second, "POST /echo? abcde");
}

TEST(HttpServer, ClosesWhenTheClientAsksForIt) {
  const auto server = StartServer(EchoRouter());
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(client.ReadAll().ends_with("GET /echo? "));
  RawClient old(server->port());
  ASSERT_TRUE(old.Send("GET /echo HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(old.ReadAll().ends_with("GET /echo? "));
}

TEST(HttpServer, SaysWhatIsNotThere) {
  const auto server = StartServer(EchoRouter());
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(client.ReadAnswer().first.starts_with("HTTP/1.1 404 Not Found\r\n"));
  ASSERT_TRUE(client.Send("POST /inline HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"));
  const std::string head = client.ReadAnswer().first;
  EXPECT_TRUE(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n")) << head;
  EXPECT_NE(head.find("Allow: GET, HEAD, OPTIONS\r\n"), std::string::npos) << head;
  ASSERT_TRUE(client.Send("HEAD /inline HTTP/1.1\r\nConnection: close\r\n\r\n"));
  const std::string answer = client.ReadAll();
  EXPECT_NE(answer.find("Content-Length: 14\r\n"), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(HttpServer, RefusesWhatIsNotHttpOrTooLarge) {
  HttpServerOptions options;
  options.head_bytes_max = 1'024;
  options.body_bytes_max = 100;
  const auto server = StartServer(EchoRouter(), options);
  const std::string long_head = "GET /echo HTTP/1.1\r\nX: " + std::string(4'096, 'x') + "\r\n\r\n";
  const struct {
    std::string_view sent;
    std::string_view status;
  } cases[] = {
      {"garbage\r\n\r\n", "HTTP/1.1 400 "},
      {"\x16\x03\x01\x02 a TLS hello\r\n\r\n", "HTTP/1.1 400 "},
      {long_head, "HTTP/1.1 431 "},
      {"POST /echo HTTP/1.1\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 413 "},
      {"POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 400 "},
      {"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", "HTTP/1.1 413 "},
  };
  for (const auto& test : cases) {
    RawClient client(server->port());
    client.Send(test.sent);
    EXPECT_TRUE(client.ReadAll().starts_with(test.status)) << test.sent.substr(0, 60);
  }
  EXPECT_EQ(server->GetStats().requests_broken_total, std::size(cases));
}

TEST(HttpServer, CallsNoHandlerBeforeItIsToldToServe) {
  HttpRouter router;
  std::unique_ptr<HttpServer> server;
  router.Handle({"GET"}, "/stats", HttpLane::kQuick, [&server](const ServerRequest&) {
    return ServerResponse::Text(200, base::StrCat(server->GetStats().connections_total));
  });
  auto listening = HttpServer::Listen({}, std::move(router));
  ASSERT_TRUE(listening.ok()) << listening.status();
  RawClient client((*listening)->port());
  ASSERT_TRUE(client.Send("GET /stats HTTP/1.1\r\n\r\n"));
  server = *std::move(listening);
  server->Serve();
  EXPECT_EQ(client.ReadAnswer().second, "1");
}

TEST(HttpServer, StopsWithoutHavingServed) {
  const auto server = HttpServer::Listen({}, EchoRouter());
  ASSERT_TRUE(server.ok()) << server.status();
  RawClient client((*server)->port());
  (*server)->Stop();
  // Whoever waited hears that there is nobody.
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServer, EndsHalfReadHeadsAtOnceWhenItStops) {
  HttpServerOptions options;
  options.drain_timeout_ms = 60'000;
  options.head_timeout_ms = 60'000;
  const auto server = StartServer(EchoRouter(), options);
  RawClient fresh(server->port());
  ASSERT_TRUE(fresh.Send("GET /echo HT"));
  RawClient second(server->port());  // the half head follows a whole request
  ASSERT_TRUE(second.Send(base::StrCat(kGet, "GET /ec")));
  ASSERT_FALSE(second.ReadAnswer().first.empty());
  const auto started = std::chrono::steady_clock::now();
  server->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(20));
  EXPECT_EQ(fresh.ReadAll(), "");
  EXPECT_EQ(second.ReadAll(), "");
}

TEST(HttpServer, CutsOffClientsThatNeverFinishTheirHead) {
  HttpServerOptions options;
  options.head_timeout_ms = 30;
  const auto server = StartServer(EchoRouter(), options);
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /echo HT"));
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(Eventually([&] { return server->GetStats().timeouts_total == 1; }));
}

TEST(HttpServer, ClosesIdleConnections) {
  HttpServerOptions options;
  options.idle_timeout_ms = 30;
  const auto server = StartServer(EchoRouter(), options);
  RawClient client(server->port());
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpServer, RefusesConnectionsBeyondItsLimit) {
  HttpServerOptions options;
  options.connections_max = 1;
  const auto server = StartServer(EchoRouter(), options);
  RawClient first(server->port());
  ASSERT_TRUE(first.Send(kGet));
  EXPECT_EQ(first.ReadAnswer().second, "GET /echo?x=1 ");
  RawClient second(server->port());
  EXPECT_TRUE(second.ReadAll().starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(server->GetStats().connections_refused_total, 1u);
  first.Close();
  EXPECT_TRUE(Eventually([&] { return server->GetStats().connections_open == 0; }));
}

std::string Gunzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(8 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

// Three pieces, larger together than one write.
ServerResponse LargeAnswer(const ServerRequest&) {
  ServerResponse response;
  for (const char c : {'a', 'b', 'c'}) {
    std::string piece(700'000, c);
    for (size_t i = 0; i < piece.size(); i += 97) piece[i] = static_cast<char>('0' + i % 10);
    response.body.push_back(std::move(piece));
  }
  return response;
}

TEST(HttpServer, SendsLargeBodiesPlainAndCompressed) {
  HttpRouter router;
  router.Handle({"GET"}, "/large", HttpLane::kQuick, LargeAnswer);
  const auto server = StartServer(std::move(router));
  std::string expected;
  for (const std::string& piece : LargeAnswer({}).body) expected += piece;
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(client.ReadAnswer().second, expected);
  ASSERT_TRUE(client.Send("GET /large HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n"));
  const auto gzip = client.ReadAnswer();
  EXPECT_NE(gzip.first.find("Content-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_LT(gzip.second.size(), expected.size() / 10);
  EXPECT_EQ(Gunzip(gzip.second), expected);
  ASSERT_TRUE(client.Send("GET /large HTTP/1.1\r\nAccept-Encoding: zstd\r\n\r\n"));
  const auto zstd = client.ReadAnswer();
  std::string plain(expected.size() + 1, '\0');
  plain.resize(ZSTD_decompress(plain.data(), plain.size(), zstd.second.data(), zstd.second.size()));
  EXPECT_EQ(plain, expected);
}

// A handler that waits for the test, one request at a time.
struct Gate {
  std::promise<void> entered;
  std::promise<void> open;
  std::promise<bool> saw_cancel;
};

HttpRouter GateRouter(Gate* gate) {
  HttpRouter router;
  router.Handle({"GET"}, "/gate", HttpLane::kQuery, [gate](const ServerRequest& request) {
    gate->entered.set_value();
    gate->open.get_future().wait();
    gate->saw_cancel.set_value(Eventually([&] { return request.cancelled->load(); }));
    return ServerResponse::Text(200, "late");
  });
  return router;
}

TEST(HttpServer, TellsTheHandlerWhenTheClientHasGone) {
  Gate gate;
  const auto server = StartServer(GateRouter(&gate));
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /gate HTTP/1.1\r\n\r\n"));
  gate.entered.get_future().wait();
  client.Close();
  gate.open.set_value();
  EXPECT_TRUE(gate.saw_cancel.get_future().get());
  EXPECT_EQ(server->GetStats().requests_cancelled_total, 1u);
}

TEST(HttpServer, CancelsWhatOutlivesTheDrainTimeout) {
  Gate gate;
  HttpServerOptions options;
  options.drain_timeout_ms = 10;
  const auto server = StartServer(GateRouter(&gate), options);
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /gate HTTP/1.1\r\n\r\n"));
  gate.entered.get_future().wait();
  gate.open.set_value();
  server->Stop();
  EXPECT_TRUE(gate.saw_cancel.get_future().get());
}

TEST(HttpServer, ShedsWhenALaneIsFullAndStillAnswersHealth) {
  std::promise<void> open;
  const std::shared_future<void> opened(open.get_future());
  std::atomic<int> entered{0};
  HttpRouter router = EchoRouter();
  router.Handle({"GET"}, "/slow", HttpLane::kQuery, [&entered, opened](const ServerRequest&) {
    ++entered;
    opened.wait();
    return ServerResponse::Text(200, "done");
  });
  HttpServerOptions options;
  options.lanes[static_cast<size_t>(HttpLane::kQuery)] = {1, 1};
  const auto server = StartServer(std::move(router), options);
  constexpr std::string_view kSlow = "GET /slow HTTP/1.1\r\n\r\n";
  RawClient running(server->port());
  ASSERT_TRUE(running.Send(kSlow));
  ASSERT_TRUE(Eventually([&] { return entered == 1; }));
  RawClient queued(server->port());
  ASSERT_TRUE(queued.Send(kSlow));
  ASSERT_TRUE(Eventually(
      [&] { return server->GetStats().queue_depth[static_cast<size_t>(HttpLane::kQuery)] == 1; }));
  RawClient shed(server->port());
  ASSERT_TRUE(shed.Send(kSlow));
  EXPECT_TRUE(shed.ReadAnswer().first.starts_with("HTTP/1.1 503 "));
  ASSERT_TRUE(shed.Send("GET /inline HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(shed.ReadAnswer().first.starts_with("HTTP/1.1 200 "));
  open.set_value();
  EXPECT_EQ(running.ReadAnswer().second, "done");
  EXPECT_EQ(queued.ReadAnswer().second, "done");
  EXPECT_EQ(server->GetStats().requests_shed_total, 1u);
}

TEST(HttpServer, BoundsAllBodiesTogether) {
  HttpServerOptions options;
  options.bodies_bytes_max = 10;
  const auto server = StartServer(EchoRouter(), options);
  RawClient client(server->port());
  client.Send("POST /echo HTTP/1.1\r\nContent-Length: 11\r\n\r\n12345678901");
  EXPECT_TRUE(client.ReadAll().starts_with("HTTP/1.1 503 "));
  RawClient next(server->port());
  ASSERT_TRUE(next.Send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\n1234567890"));
  EXPECT_EQ(next.ReadAnswer().second, "POST /echo? 1234567890");
}

TEST(HttpServer, TurnsExceptionsOfHandlersIntoFiveHundred) {
  HttpRouter router;
  router.Handle({"GET"}, "/throw", HttpLane::kQuick,
                [](const ServerRequest&) -> ServerResponse { throw std::bad_alloc(); });
  const auto server = StartServer(std::move(router));
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /throw HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(client.ReadAnswer().first.starts_with("HTTP/1.1 500 "));
}

TEST(HttpServer, AnswersFromAnotherThreadAndReportsTheExchange) {
  std::promise<HttpExchange> reported;
  std::promise<HttpReply> asked;
  HttpRouter router;
  router.Handle(
      {{"POST"},
       "/later",
       HttpLane::kWrite,
       [&asked](const ServerRequest&, HttpReply reply) { asked.set_value(std::move(reply)); },
       0});
  HttpServerOptions options;
  options.on_exchange = [&reported](const HttpExchange& exchange) { reported.set_value(exchange); };
  const auto server = StartServer(std::move(router), options);
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("POST /later HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"));
  ServerResponse answer;
  answer.status = 204;
  asked.get_future().get().Send(answer);
  EXPECT_TRUE(client.ReadAnswer().first.starts_with("HTTP/1.1 204 No Content\r\n"));
  const HttpExchange exchange = reported.get_future().get();
  EXPECT_EQ(exchange.pattern, "/later");
  EXPECT_EQ(exchange.status, 204);
  EXPECT_EQ(exchange.request_bytes, 3u);
}

TEST(HttpServer, SaysWhyItCannotListen) {
  const auto server = StartServer(EchoRouter());
  HttpServerOptions options;
  options.address = server->address();
  const auto second = HttpServer::Start(options, EchoRouter());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(),
            base::StrCat("cannot listen on ", server->address(), ": Address already in use"));
  EXPECT_EQ(ProbeListen(server->address()), second.status());
  EXPECT_TRUE(ProbeListen("127.0.0.1:0").ok());
  EXPECT_TRUE(ProbeListen(":0").ok());
  EXPECT_EQ(ProbeListen("127.0.0.1:99999").code(), absl::StatusCode::kInvalidArgument);
  options.address = "nonsense";
  EXPECT_EQ(HttpServer::Start(options, EchoRouter()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(HttpServer, AllowsOtherOriginsWhenToldTo) {
  HttpServerOptions options;
  options.cors = true;
  const auto server = StartServer(EchoRouter(), options);
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("OPTIONS /echo HTTP/1.1\r\nOrigin: http://x\r\n\r\n"));
  const std::string preflight = client.ReadAnswer().first;
  EXPECT_TRUE(preflight.starts_with("HTTP/1.1 204 ")) << preflight;
  EXPECT_NE(preflight.find("Access-Control-Allow-Origin: http://x\r\n"), std::string::npos);
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.ReadAnswer().first.find("Access-Control"), std::string::npos);
}

}  // namespace
}  // namespace baro::net
