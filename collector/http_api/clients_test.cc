// What real clients send, byte for byte, and what they need to see in the answer.
// Method: all routes over a MemorySource behind a real socket. Traps are those that have broken
// other servers (their issue trackers tell).

#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "baro/net/http_server.h"
#include "baro/net/testing/raw_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http_api/api.h"
#include "web_routes.h"

namespace baro::collector {
namespace {

using net::testing::RawClient;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int64_t kNowMs = 1'000'000'000;

class Clients : public testing::Test {
 protected:
  Clients() : clock_(kNowMs), engine_(Options()) {
    for (int64_t time_ms = kNowMs - 600'000; time_ms <= kNowMs; time_ms += 15'000) {
      source_.Append({{"__name__", "up"}, {"job", "a"}}, {time_ms, 1});
      source_.Append({{"__name__", "up"}, {"job", "b"}}, {time_ms, 0});
    }
    source_.Append({{"__name__", "odd"}, {"a.b", "x"}}, {kNowMs, 1});
    source_.Describe({"up", model::MetricType::kGauge, "Alive.", ""});
    parts_.source = &source_;
    parts_.engine = &engine_;
    parts_.clock = &clock_;
    net::HttpRouter router;
    WebParts web;
    web.is_ready = [] { return true; };
    web.metrics = [] { return std::string("up 1\n"); };
    AddWebRoutes(std::move(web), &router);
    AddApiRoutes(&parts_, &router);
    net::HttpServerOptions options;
    options.cors = true;
    options.cors_prefix = "/api/v1/";
    auto server = net::HttpServer::Start(options, std::move(router));
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = std::make_unique<RawClient>(server_->port());
  }

  promql::EngineOptions Options() {
    promql::EngineOptions options;
    options.clock = &clock_;
    return options;
  }

  // Head and body; one kept connection for the whole test, as clients keep theirs.
  std::string Say(const std::string& line, const std::string& body = "",
                  const std::string& headers = "") {
    std::string request = base::StrCat(line, " HTTP/1.1\r\nHost: localhost\r\n", headers);
    if (!body.empty()) {
      base::StrAppend(&request, "Content-Type: application/x-www-form-urlencoded\r\n",
                      "Content-Length: ", body.size(), "\r\n");
    }
    EXPECT_TRUE(client_->Send(request + "\r\n" + body));
    const auto [head, answer] = client_->ReadAnswer();
    return head + answer;
  }

  base::FakeClock clock_;
  model::MemorySource source_;
  promql::Engine engine_;
  ApiParts parts_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<RawClient> client_;
};

constexpr char kOk[] = "HTTP/1.1 200 OK\r\n";

TEST_F(Clients, GrafanaFindsTheDataSourceHealthy) {
  // In 1970, with the features that its own headers name.
  const std::string answer = Say(
      "POST /api/v1/query", "query=1%2B1&time=4",
      "X-Dashboard-Uid: d\r\nX-Panel-Id: 1\r\nX-Grafana-Org-Id: 1\r\nAccept-Encoding: gzip\r\n");
  EXPECT_THAT(answer, StartsWith(kOk));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr(R"({"resultType":"scalar","result":[4,"2"]})"));
}

TEST_F(Clients, GrafanaIsNotToldToTakeThisForMimir) {
  const std::string post = Say("POST /api/v1/status/buildinfo", "x=y");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  const std::string get = Say("GET /api/v1/status/buildinfo");
  EXPECT_THAT(get, HasSubstr(base::StrCat(R"({"version":")", kApiVersion, "\"")));
  EXPECT_THAT(get, Not(HasSubstr("features")));
  const std::string ruler = Say("GET /rules/test/test");
  EXPECT_THAT(ruler, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ruler, HasSubstr("page not found"));
}

TEST_F(Clients, GrafanaProbesExemplarsInMilliseconds) {
  EXPECT_THAT(
      Say("POST /api/v1/query_exemplars", "query=test&start=1700000000000&end=1700000060000"),
      HasSubstr(R"({"status":"success","data":[]})"));
}

TEST_F(Clients, GrafanaListsLabelsByPostAndFallsBackToGet) {
  const std::string window = "start=999400&end=1000000&limit=40000";
  EXPECT_THAT(Say("POST /api/v1/labels", window), HasSubstr(R"(["__name__","a.b","job"])"));
  EXPECT_THAT(Say("GET /api/v1/labels?limit=0"), HasSubstr(R"(["__name__","a.b","job"])"));
  EXPECT_THAT(Say("GET /api/v1/label/U__a_2e_b/values?" + window), HasSubstr(R"(["x"])"));
  EXPECT_THAT(Say("POST /api/v1/label/job/values", window), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Say("POST /api/v1/series", "match%5B%5D=%7B__name__%21%3D%22%22%7D&" + window),
              HasSubstr(R"({"__name__":"up","job":"a"})"));
  EXPECT_THAT(Say("GET /api/v1/metadata?limit=1000"),
              HasSubstr(R"({"up":[{"type":"gauge","help":"Alive.","unit":""}]})"));
}

TEST_F(Clients, GrafanaSendsWhatItsUsersAdd) {
  EXPECT_THAT(Say("POST /api/v1/query_range?max_source_resolution=5m&dedup=true",
                  "query=up&start=999985.0&end=1000000&step=15&timeout=30s"),
              HasSubstr(R"("values":[[999985,"1"],[1000000,"1"]])"));
  // The body and the URL are one form; the body comes first.
  EXPECT_THAT(Say("POST /api/v1/query?query=1&time=4", "query=2"), HasSubstr(R"([4,"2"])"));
}

TEST_F(Clients, GrafanaListsRulesWithAllItsFilters) {
  EXPECT_THAT(Say("GET /api/v1/rules?file=a&file%5B%5D=a&rule_group%5B%5D=b&rule_name%5B%5D=c"
                  "&exclude_alerts=true&group_limit=10"),
              HasSubstr(R"("data":{"groups":[)"));
  EXPECT_THAT(Say("GET /api/v1/alerts"), HasSubstr(R"("data":{"alerts":[)"));
}

TEST_F(Clients, KedaGetsOneElementOrNone) {
  EXPECT_THAT(
      Say("GET /api/v1/query?query=sum(up)&time=1970-01-12T13:46:40Z"),
      HasSubstr(R"({"resultType":"vector","result":[{"metric":{},"value":[1000000,"1"]}]})"));
  EXPECT_THAT(Say("GET /api/v1/query?query=nothing&time=1970-01-12T13:46:40Z"),
              HasSubstr(R"({"resultType":"vector","result":[]})"));
}

TEST_F(Clients, GoClientsReadErrorsAsJson) {
  // client_golang, and so promtool and Argo Rollouts, decode only 400 and 422; the adapter 503,
  // too.
  for (const auto& [query, status] : std::vector<std::pair<std::string, std::string>>{
           {"up%7B", "400 "}, {"up%2Bon()up", "422 "}}) {
    const std::string answer = Say("POST /api/v1/query", "query=" + query);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(answer, HasSubstr(R"({"status":"error","errorType":")"));
  }
}

TEST_F(Clients, PrometheusAdapterListsSeriesWithAStart) {
  EXPECT_THAT(Say("GET /api/v1/series?match%5B%5D=%7B__name__%3D~%22%5Eup.%2A%22%2Cjob%21%3D%22"
                  "%22%7D&start=999400"),
              HasSubstr(R"("data":[{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}])"));
}

TEST_F(Clients, PersesParsesQueriesByPost) {
  EXPECT_THAT(Say("GET /-/healthy"), StartsWith(kOk));
  const std::string answer = Say("POST /api/v1/parse_query", "query=rate(a%5B5m%5D%20offset%201m)");
  EXPECT_THAT(answer, HasSubstr(R"("type":"call")"));
  for (const char* key : {R"("anchored":false)", R"("smoothed":false)", R"("rangeExpr":null)",
                          R"("offset":60000)", R"("offsetExpr":null)", R"("range":300000)"}) {
    EXPECT_THAT(answer, HasSubstr(key));
  }
}

TEST_F(Clients, BrowsersOfOtherOriginsAreAnswered) {
  const std::string origin = "Origin: http://grafana\r\n";
  const std::string preflight = Say("OPTIONS /api/v1/anything", "", origin);
  EXPECT_THAT(preflight, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Origin: http://grafana\r\n"));
  EXPECT_THAT(preflight, Not(HasSubstr("Content-Type")));
  EXPECT_THAT(Say("GET /api/v1/labels", "", origin), HasSubstr("Vary: Origin\r\n"));
  EXPECT_THAT(Say("GET /metrics", "", origin), Not(HasSubstr("Access-Control")));
}

TEST_F(Clients, ScriptsMayPackTheirForms) {
  const std::string boundary = "--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n";
  const std::string multipart = boundary + "1+1\r\n--x--\r\n";
  EXPECT_TRUE(client_->Send(base::StrCat(
      "POST /api/v1/query?time=4 HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
      "Content-Length: ",
      multipart.size(), "\r\n\r\n", multipart)));
  EXPECT_THAT(client_->ReadAnswer().second, HasSubstr(R"([4,"2"])"));
  EXPECT_THAT(Say("POST /api/v1/query", "query=1", "Content-Encoding: br\r\n"),
              StartsWith("HTTP/1.1 415 "));
  EXPECT_THAT(Say("POST /api/v1/query", "query=1", "Content-Encoding: gzip\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(Clients, NobodyReloadsOrQuitsWhatIsNotMeantTo) {
  EXPECT_THAT(Say("POST /-/quit", "x"), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Say("GET /-/quit"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Say("GET /-/reload"), HasSubstr("Only POST or PUT requests allowed"));
}

TEST_F(Clients, PeopleFindTheirWay) {
  const std::string page = Say("GET /");
  EXPECT_THAT(page, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(page, HasSubstr("href=\"/api/v1/openapi.yaml\""));
  EXPECT_THAT(Say("GET //api/v1/labels?limit=1"),
              HasSubstr("Location: /api/v1/labels?limit=1\r\n"));
}

}  // namespace
}  // namespace baro::collector
