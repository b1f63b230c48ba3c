// Queries are explained, listed, ended and refused as the API says.
// Method: the routes over series in memory; and a real server with a query that would run for
// minutes, to see how soon it stops.
#include <atomic>
#include <thread>

#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "baro/net/http_server.h"
#include "baro/net/testing/raw_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http_api/api.h"
#include "queries/query_log.h"

namespace baro::collector {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kNowMs = 1'000'000'000;

// A selector finds a hundred million series of a thousand samples: nobody reads them to the end.
class EndlessSource final : public model::SeriesSource {
 public:
  EndlessSource() {
    for (int64_t i = 0; i < 1'000; ++i) times_ms_.push_back(i * 15'000);
    values_.assign(times_ms_.size(), 1.5);
  }
  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest&) const override {
    return std::make_unique<Set>(this);
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(const model::LabelRequest&) const override {
    return std::vector<std::string>();
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string&,
                                                       const model::LabelRequest&) const override {
    return std::vector<std::string>();
  }
  std::vector<model::Metadata> MetricMetadata(const std::string&, size_t) const override {
    return {};
  }

 private:
  class Reader final : public model::SeriesReader {
   public:
    Reader(const EndlessSource* source, size_t end) : source_(source), end_(end) {}
    absl::StatusOr<bool> Next(model::SeriesView* view) override {
      if (next_ == end_) return false;
      *view = {next_++, source_->times_ms_, source_->values_};
      return true;
    }

   private:
    const EndlessSource* const source_;
    const size_t end_;
    size_t next_ = 0;
  };
  class Set final : public model::SeriesSet {
   public:
    explicit Set(const EndlessSource* source) : source_(source) {}
    size_t size() const override { return 100'000'000; }
    model::LabelsRef labels(size_t) const override {
      return {&source_->target_, &source_->column_};
    }
    std::unique_ptr<model::SeriesReader> Read(size_t, size_t end) const override {
      return std::make_unique<Reader>(source_, end);
    }
    const std::vector<std::string>& warnings() const override { return none_; }

   private:
    const EndlessSource* const source_;
    const std::vector<std::string> none_;
  };

  const model::Labels target_{{"job", "a"}};
  const model::Labels column_{{"__name__", "x"}};
  std::vector<int64_t> times_ms_;
  std::vector<double> values_;
};

std::string BodyOf(const net::ServerResponse& response) {
  std::string body;
  for (const std::string& piece : response.body) body += piece;
  return body;
}

class QueryServices : public testing::Test {
 protected:
  QueryServices() : clock_(kNowMs) {
    for (int64_t time_ms = kNowMs - 600'000; time_ms <= kNowMs; time_ms += 15'000) {
      for (const char* instance : {"i1", "i2", "i3"}) {
        source_.Append({{"__name__", "up"}, {"job", "a"}, {"instance", instance}}, {time_ms, 1});
      }
    }
    QueryLogOptions options;
    options.slow_seconds = 0.001;
    options.clock = &clock_;
    options.write_line = [this](std::string_view line) {
      lines_.emplace_back(line);
      return true;
    };
    log_ = std::make_unique<QueryLog>(std::move(options));
    UseEngine({});
    parts_.source = &source_;
    parts_.clock = &clock_;
    parts_.queries = log_.get();
    AddApiRoutes(&parts_, &router_);
  }
  void UseEngine(promql::EngineOptions options) {
    options.clock = &clock_;
    engine_ = std::make_unique<promql::Engine>(options);
    parts_.engine = engine_.get();
  }

  net::ServerResponse Call(const std::string& method, const std::string& path,
                           const std::string& query, net::HttpHeaders headers = {}) {
    auto found = router_.Find(method, "/api/v1/" + path);
    if (found.route == nullptr) return net::ServerResponse::Text(404, "");
    net::ServerRequest request;
    request.method = method;
    request.path = "/api/v1/" + path;
    request.query = query;
    request.headers = std::move(headers);
    request.remote_address = "127.0.0.1:5";
    request.cancelled = std::make_shared<std::atomic<bool>>(false);
    net::ServerResponse answer;
    found.route->handler(std::move(request), net::HttpReply([&answer](net::ServerResponse sent) {
                           answer = std::move(sent);
                         }));
    return answer;
  }
  std::string Get(const std::string& path, const std::string& query) {
    const net::ServerResponse answer = Call("GET", path, query);
    return base::StrCat(answer.status, " ", BodyOf(answer));
  }

  base::FakeClock clock_;
  model::MemorySource source_;
  std::vector<std::string> lines_;
  std::unique_ptr<QueryLog> log_;
  std::unique_ptr<promql::Engine> engine_;
  ApiParts parts_;
  net::HttpRouter router_;
};

TEST_F(QueryServices, ExplainsAQueryWithoutRunningIt) {
  const std::string answer =
      Get("baro/explain", "query=sum%20by(job)(rate(up[5m]))&start=999700&end=1000000&step=15");
  EXPECT_THAT(answer, StartsWith(R"~(200 {"status":"success","data":{"query":)~"
                                 R"~("sum by (job) (rate(up[5m]))","cost":{"series":3,)~"));
  EXPECT_THAT(answer, HasSubstr(R"~("allowed":true,"reason":"")~"));
  EXPECT_THAT(answer, HasSubstr(R"~("tree":{"node":"Aggregation","text":"sum by (job)",)~"
                                R"~("expression":"sum by (job) (rate(up[5m]))","series":1,)~"));
  EXPECT_THAT(answer, HasSubstr(R"~("children":[{"node":"Call","text":"rate",)~"));
  EXPECT_THAT(answer, HasSubstr(R"~("node":"RangeSelector","text":"up[5m]")~"));
  EXPECT_THAT(answer, HasSubstr("result cache: off"));
  EXPECT_TRUE(log_->Top(CostOrder::kCount, 0, 0).empty()) << "it is no query";
  EXPECT_THAT(Get("baro/explain", "query=up%7B"), StartsWith("400 "));
  EXPECT_THAT(Get("baro/explain", "query=up[5m]&start=0&end=60&step=15"),
              HasSubstr("must be Scalar or instant Vector"));
}

TEST_F(QueryServices, SaysWhichLimitIsInTheWay) {
  promql::EngineOptions options;
  options.series_max = 2;
  UseEngine(options);
  EXPECT_THAT(
      Get("baro/explain", "query=up&time=1000000"),
      HasSubstr(R"~("allowed":false,"reason":"about 3 series in one selector, the limit is 2)~"
                R"~( (--query.max-series)")~"));
}

TEST_F(QueryServices, ListsWhatWasAskedAndByWhom) {
  const net::HttpHeaders grafana = {{"X-Dashboard-Uid", "d1"}, {"X-Panel-Id", "7"}};
  for (int i = 0; i < 3; ++i) {
    Call("GET", "query", "query=sum(rate(up[" + std::to_string(i + 1) + "m]))&time=1000000",
         grafana);
  }
  Call("GET", "query", "query=up%7B", grafana);
  const std::string top = Get("baro/top_queries", "by=count&limit=5&since=3600000ms");
  EXPECT_THAT(top, HasSubstr(R"~({"query":"sum(rate(up[_]))","example":"sum(rate(up[3m]))",)~"
                             R"~("count":3,"errors":0,)~"));
  EXPECT_THAT(top,
              HasSubstr(R"~("dashboards":[{"dashboard_uid":"d1","panel_id":"7","count":3}])~"));
  EXPECT_THAT(top, HasSubstr(R"~({"query":"up{","example":"up{","count":1,"errors":1,)~"));
  EXPECT_THAT(Get("baro/top_queries", "by=beauty"), StartsWith("400 "));
  ASSERT_EQ(lines_.size(), 4u);
  EXPECT_THAT(lines_[0],
              HasSubstr(R"~("msg":"promql query logged","params":{"end":"1970-01-12T13)~"));
  EXPECT_THAT(lines_[0], HasSubstr(R"~("httpRequest":{"clientIP":"127.0.0.1","method":"GET",)~"
                                   R"~("path":"/api/v1/query"})~"));
  EXPECT_THAT(lines_[3], HasSubstr(R"~("error":")~"));
}

TEST_F(QueryServices, WritesStatsAsPrometheusDoesAndTheTreeBesideThem) {
  const std::string some = Get("query", "query=sum(up)&time=1000000&stats=true");
  EXPECT_THAT(some, HasSubstr(R"~("samples":{"totalQueryableSamples":3,"samplesRead":3,)~"));
  EXPECT_EQ(some.find("\"baro\""), std::string::npos);
  const std::string all =
      Get("query_range", "query=sum(up)&start=999970&end=1000000&step=15&stats=all");
  EXPECT_THAT(all, HasSubstr(R"~("totalQueryableSamplesPerStep":[[999970,3],[999985,3],)~"
                             R"~([1000000,3]],"totalQueryableSamples":9,)~"));
  EXPECT_THAT(all, HasSubstr(R"~("baro":{"tree":{"node":"Aggregation","text":"sum",)~"));
  EXPECT_THAT(Get("query", "query=up&time=1000000&stats=yes"),
              HasSubstr(R"~(value \"yes\" for parameter \"stats\" is deprecated)~"));
}

TEST_F(QueryServices, NamesTheLimitThatRefusesAQuery) {
  promql::EngineOptions options;
  options.series_max = 2;
  UseEngine(options);
  EXPECT_THAT(Get("query", "query=up&time=1000000"), HasSubstr("--query.max-series"));
  options = {};
  options.memory_bytes_max = 100;
  UseEngine(options);
  const std::string answer = Get("query_range", "query=up&start=999700&end=1000000&step=15");
  EXPECT_THAT(answer, StartsWith("422 "));
  EXPECT_THAT(answer, HasSubstr("--query.memory-limit"));
}

// A whole server, whose big queries never end by themselves.
class LongQueries : public testing::Test {
 protected:
  LongQueries() {
    promql::EngineOptions options;
    options.samples_max = 1'000'000'000;
    engine_ = std::make_unique<promql::Engine>(options);
    parts_.source = &source_;
    parts_.engine = engine_.get();
    parts_.queries = &log_;
    net::HttpRouter router;
    AddApiRoutes(&parts_, &router);
    auto server = net::HttpServer::Start(net::HttpServerOptions(), std::move(router));
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  static std::string Request(const std::string& target) {
    return "GET /api/v1/" + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  // Until so many queries run; the test fails when that takes too long.
  void AwaitActive(size_t count) const {
    const int64_t end_ns = clock_->MonotonicNs() + 20'000'000'000;
    while (log_.Active().size() != count) {
      ASSERT_LT(clock_->MonotonicNs(), end_ns);
      std::this_thread::yield();
    }
  }
  double SecondsUntilNoneRuns() const {
    const int64_t begin_ns = clock_->MonotonicNs();
    AwaitActive(0);
    return static_cast<double>(clock_->MonotonicNs() - begin_ns) / 1e9;
  }

  const base::Clock* const clock_ = base::RealClock();
  EndlessSource source_;
  QueryLog log_{{}};
  std::unique_ptr<promql::Engine> engine_;
  ApiParts parts_;
  std::unique_ptr<net::HttpServer> server_;
};

// These queries would run for hours. Alone on a machine the end comes within ten milliseconds;
// here no timing decides.
constexpr double kPatienceSeconds = 10;

TEST_F(LongQueries, StopWhenTheirClientGoes) {
  for (const char* query :
       {"sum(rate(x[5m]))", "x%20%2B%20x", "topk(3,x)", "count_values(%22a%22,x)",
        "quantile_over_time(0.5,x[1h])", "sum(max_over_time(x[5m:30s]))"}) {
    SCOPED_TRACE(query);
    net::testing::RawClient client(server_->port());
    client.Send(Request(std::string("query_range?start=0&end=14400&step=60&query=") + query));
    AwaitActive(1);
    client.Close();
    EXPECT_LT(SecondsUntilNoneRuns(), kPatienceSeconds);
  }
  EXPECT_EQ(log_.GetStats().cancelled_total, 6u);
}

TEST_F(LongQueries, StopWhenSomebodySaysSo) {
  net::testing::RawClient client(server_->port());
  client.Send(Request("query?time=14400&query=sum(x)"));
  AwaitActive(1);
  const uint64_t id = log_.Active().front().id;
  net::testing::RawClient other(server_->port());
  other.Send("POST /api/v1/baro/queries/cancel?id=" + std::to_string(id) +
             " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(other.ReadAnswer().second, HasSubstr("success"));
  EXPECT_LT(SecondsUntilNoneRuns(), kPatienceSeconds);
  const auto [head, body] = client.ReadAnswer();
  EXPECT_THAT(head, StartsWith("HTTP/1.1 499"));
  EXPECT_THAT(body, HasSubstr(R"~("errorType":"canceled")~"));
  other.Send("POST /api/v1/baro/queries/cancel?id=" + std::to_string(id) +
             " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(other.ReadAnswer().first, StartsWith("HTTP/1.1 404"));
}

}  // namespace
}  // namespace baro::collector
