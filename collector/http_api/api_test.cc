// The API answers with Prometheus' shapes, words and status codes.
// Method: the routes over a MemorySource, without a socket. What is expected here is what
// Prometheus 3.5.3 answers to the same calls.

#include "http_api/api.h"

#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kNowMs = 1'000'000'000;

class Api : public testing::Test {
 protected:
  Api() : clock_(kNowMs), engine_(EngineOptions()) {
    for (int64_t time_ms = kNowMs - 600'000; time_ms <= kNowMs; time_ms += 15'000) {
      const double seconds = static_cast<double>(time_ms) / 1000;
      source_.Append({{"__name__", "requests_total"}, {"job", "a"}, {"instance", "i1"}},
                     {time_ms, seconds});
      source_.Append({{"__name__", "up"}, {"job", "a"}, {"instance", "i1"}}, {time_ms, 1});
      source_.Append({{"__name__", "up"}, {"job", "b"}, {"instance", "i2"}}, {time_ms, 0});
      source_.Append({{"__name__", "scrape_duration_seconds"}, {"job", "a"}, {"instance", "i1"}},
                     {time_ms, 0.25});
    }
    source_.Append({{"__name__", "odd"}, {"a.b", "c\"d\\e\n"}, {"job", "a"}}, {kNowMs, 0.1});
    source_.Describe({"requests_total", model::MetricType::kCounter, "Requests \"all\".", ""});
    source_.Describe({"up", model::MetricType::kGauge, "", ""});
    parts_.source = &source_;
    parts_.engine = &engine_;
    parts_.clock = &clock_;
    parts_.facts.version = "0.1.0";
    AddApiRoutes(&parts_, &router_);
  }

  promql::EngineOptions EngineOptions() {
    promql::EngineOptions options;
    options.clock = &clock_;
    return options;
  }

  net::ServerResponse Call(const std::string& method, const std::string& path,
                           const std::string& query, const std::string& body = "") {
    auto found = router_.Find(method, "/api/v1/" + path);
    if (found.route == nullptr) {
      return net::ServerResponse::Text(found.allow.empty() ? 404 : 405, found.allow);
    }
    net::ServerRequest request;
    request.method = method;
    request.path = "/api/v1/" + path;
    request.query = query;
    request.path_values = found.path_values;
    request.cancelled = std::make_shared<std::atomic<bool>>(false);
    if (!body.empty()) {
      request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
      request.body = body;
    }
    net::ServerResponse answer;
    found.route->handler(std::move(request), net::HttpReply([&answer](net::ServerResponse sent) {
                           answer = std::move(sent);
                         }));
    return answer;
  }

  // "status body"
  std::string Get(const std::string& path, const std::string& query = "") {
    return Text(Call("GET", path, query));
  }
  static std::string Text(const net::ServerResponse& answer) {
    std::string text = base::StrCat(answer.status, " ");
    for (const std::string& piece : answer.body) text += piece;
    return text;
  }

  base::FakeClock clock_;
  model::MemorySource source_;
  promql::Engine engine_;
  ApiParts parts_;
  net::HttpRouter router_;
};

std::string Bad(const std::string& error) {
  return R"(400 {"status":"error","errorType":"bad_data","error":")" + error + R"("})";
}

TEST_F(Api, AnswersGrafanasHealthProbe) {
  EXPECT_EQ(Text(Call("POST", "query", "", "query=1%2B1&time=4")),
            R"(200 {"status":"success","data":{"resultType":"scalar","result":[4,"2"]}})");
}

TEST_F(Api, AnswersGrafanasHeuristics) {
  // Buildinfo by POST first, which must be refused with 405; then by GET.
  const net::ServerResponse post = Call("POST", "status/buildinfo", "");
  EXPECT_EQ(post.status, 405);
  const std::string get = Get("status/buildinfo");
  EXPECT_THAT(get, StartsWith(R"(200 {"status":"success","data":{"version":"3.14.0")"));
  EXPECT_EQ(get.find("features"), std::string::npos);
  EXPECT_EQ(Call("GET", "nothing", "").status, 404);
  // Exemplars: times in milliseconds.
  EXPECT_EQ(Get("query_exemplars", "query=test&start=1700000000000&end=1700000060000"),
            R"(200 {"status":"success","data":[]})");
  EXPECT_EQ(Get("rules", "file[]=a&rule_group[]=b&group_next_token=c&exclude_alerts=true"),
            R"(200 {"status":"success","data":{"groups":[]}})");
  EXPECT_EQ(Get("alerts"), R"(200 {"status":"success","data":{"alerts":[]}})");
}

TEST_F(Api, AnswersExemplarsOfEverySelectorInTheQuery) {
  std::vector<size_t> selectors;
  parts_.facts.exemplars = [&selectors](const model::LabelRequest& request) {
    for (const auto& matchers : request.selectors) selectors.push_back(matchers.size());
    model::ExemplarSeries series{{{"__name__", "requests_total"}, {"job", "a"}}, {}};
    series.exemplars.push_back({{{"trace_id", "x"}}, 1'600'096'945'479, 6});
    series.exemplars.push_back({{}, 1'600'096'946'000, 0.25});
    return std::vector<model::ExemplarSeries>{series};
  };
  EXPECT_EQ(
      Get("query_exemplars",
          "query=sum(rate(a%7Bb%3D%22c%22%7D[5m]))/b%20offset%201m&start=1&end=2"),
      R"(200 {"status":"success","data":[{"seriesLabels":{"__name__":"requests_total",)"
      R"("job":"a"},"exemplars":[{"labels":{"trace_id":"x"},"value":"6",)"
      R"("timestamp":1600096945.479},{"labels":{},"value":"0.25","timestamp":1600096946}]}]})");
  EXPECT_EQ(selectors, (std::vector<size_t>{2, 1}));
  EXPECT_EQ(Get("query_exemplars", "query=1%2B1"), "204 ");
  EXPECT_EQ(Get("query_exemplars", "query=up&start=2&end=1"),
            Bad("end timestamp must not be before start timestamp"));
  EXPECT_THAT(Get("query_exemplars", "query=%7B"), StartsWith("400 "));
}

TEST_F(Api, WritesNativeHistograms) {
  model::Histogram histogram;
  histogram.schema = 0;
  histogram.count = 6;
  histogram.sum = 1.5;
  histogram.zero_threshold = 0.25;
  histogram.zero_count = 1;
  histogram.positive = {{1, 2}};
  histogram.negative = {{0, 3}};
  source_.Append({{"__name__", "latency"}}, kNowMs, histogram);
  const std::string value = R"([1000000,{"count":"6","sum":"1.5","buckets":[[1,"-1","-0.5","3"],)"
                            R"([3,"-0.25","0.25","1"],[0,"1","2","2"]]}])";
  EXPECT_EQ(Get("query", "query=latency&time=1000000"),
            R"(200 {"status":"success","data":{"resultType":"vector","result":[{"metric":)"
            R"({"__name__":"latency"},"histogram":)" +
                value + "}]}}");
  EXPECT_EQ(Get("query_range", "query=latency&start=1000000&end=1000000&step=1"),
            R"(200 {"status":"success","data":{"resultType":"matrix","result":[{"metric":)"
            R"({"__name__":"latency"},"histograms":[)" +
                value + "]}]}}");
}

TEST_F(Api, WritesScalarsStringsVectorsAndMatrices) {
  EXPECT_EQ(Get("query", "query=1e22&time=1.05"),
            R"(200 {"status":"success","data":{"resultType":"scalar","result":[1.05,)"
            R"("10000000000000000000000"]}})");
  EXPECT_EQ(Get("query", "query=%22a%3Cb%22&time=1.5"),
            R"(200 {"status":"success","data":{"resultType":"string","result":[1.5,"a<b"]}})");
  EXPECT_EQ(Get("query", "query=vector(1e22)&time=1.5"),
            R"(200 {"status":"success","data":{"resultType":"vector","result":[)"
            R"({"metric":{},"value":[1.500,"1e+22"]}]}})");
  EXPECT_EQ(Get("query", "query=nothing"),
            R"(200 {"status":"success","data":{"resultType":"vector","result":[]}})");
  EXPECT_EQ(Get("query", "query=odd&time=1000000"),
            R"(200 {"status":"success","data":{"resultType":"vector","result":[)"
            R"({"metric":{"__name__":"odd","a.b":"c\"d\\e\n","job":"a"},)"
            R"("value":[1000000,"0.1"]}]}})");
  EXPECT_EQ(Get("query_range", "query=up{job=\"b\"}&start=999985&end=1000000&step=15"),
            R"(200 {"status":"success","data":{"resultType":"matrix","result":[)"
            R"({"metric":{"__name__":"up","instance":"i2","job":"b"},)"
            R"("values":[[999985,"0"],[1000000,"0"]]}]}})");
}

TEST_F(Api, UsesNowWhenThereIsNoTime) {
  EXPECT_EQ(
      Get("query", "query=time()"),
      R"(200 {"status":"success","data":{"resultType":"scalar","result":[1000000,"1000000"]}})");
}

TEST_F(Api, TruncatesToTheLimitAndSaysSo) {
  const std::string answer = Get("query", "query=up&limit=1");
  EXPECT_THAT(answer, HasSubstr(R"("warnings":["results truncated due to limit"])"));
  EXPECT_EQ(Get("query", "query=up&limit=2").find("warnings"), std::string::npos);
}

TEST_F(Api, TellsStatisticsBehindTheResult) {
  const std::string answer = Get("query", "query=up&stats=all");
  const size_t stats = answer.find(R"("stats":{"timings":{"evalTotalTime":)");
  ASSERT_NE(stats, std::string::npos) << answer;
  EXPECT_LT(answer.find(R"("result":)"), stats);
  EXPECT_THAT(answer, HasSubstr(R"("samples":{"totalQueryableSamples":)"));
}

TEST_F(Api, ComplainsInPrometheusWords) {
  const std::string when =
      R"(invalid time value for 'time': cannot parse \"x\" to a valid timestamp)";
  const struct {
    const char* path;
    const char* query;
    std::string error;
  } cases[] = {
      {"query", "query=up&time=x", R"(invalid parameter \"time\": )" + when},
      {"query_range", "query=up&start=x",
       R"(invalid parameter \"start\": cannot parse \"x\" to a valid timestamp)"},
      {"query_range", "query=up&start=1&end=x",
       R"(invalid parameter \"end\": cannot parse \"x\" to a valid timestamp)"},
      {"query_range", "query=up&start=2&end=1&step=1",
       R"(invalid parameter \"end\": end timestamp must not be before start time)"},
      {"query_range", "query=up&start=1&end=2&step=0",
       R"(invalid parameter \"step\": zero or negative query resolution step widths are not )"
       R"(accepted. Try a positive integer)"},
      {"query_range", "query=up&start=1&end=2&step=a",
       R"(invalid parameter \"step\": cannot parse \"a\" to a valid duration)"},
      {"query_range", "query=up&start=0&end=11001&step=1",
       "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
       "resolution (?step=XX)"},
      {"query_range", "query=up&start=1&end=2&step=1&timeout=x",
       R"(invalid parameter \"timeout\": cannot parse \"x\" to a valid duration)"},
      {"query_range", "query=up&start=1&end=2&step=0.0001",
       R"(invalid parameter \"step\": step is shorter than 1 ms)"},
      {"query", "query=up&lookback_delta=x",
       R"(error parsing lookback delta duration: cannot parse \"x\" to a valid duration)"},
      {"query", "query=up&limit=x",
       R"(invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax)"},
      {"series", "", "no match[] parameter provided"},
      {"series", "match[]={}",
       R"(invalid parameter \"match[]\": match[] must contain at least one non-empty matcher)"},
      {"labels", "match[]={a=~\".*\"}", "match[] must contain at least one non-empty matcher"},
      {"metadata", "limit=x", "limit must be a number"},
      {"metadata", "limit_per_metric=x", "limit_per_metric must be a number"},
      {"status/tsdb", "limit=0", "limit must be a positive number"},
      {"status/tsdb", "limit=10001", "limit must not exceed 10000"},
      {"query", "query=up&limit=99999999999999999999",
       R"(invalid parameter \"limit\": strconv.Atoi: parsing \"99999999999999999999\": value out )"
       "of range"},
      {"series", "match[]=%zz", R"(error parsing form values: invalid URL escape \"%zz\")"},
      {"series", "match[]=a;b", "error parsing form values: invalid semicolon separator in query"},
  };
  for (const auto& test : cases) EXPECT_EQ(Get(test.path, test.query), Bad(test.error));
}

TEST_F(Api, NamesThePlaceInAQueryThatCannotBeParsed) {
  EXPECT_THAT(Get("query", "query=up{"),
              StartsWith(R"(400 {"status":"error","errorType":"bad_data","error":)"
                         R"("invalid parameter \"query\": 1:)"));
}

TEST_F(Api, AcceptsTheElevenThousandthPoint) {
  EXPECT_EQ(Call("GET", "query_range", "query=1&start=0&end=11000&step=1").status, 200);
}

TEST_F(Api, RefusesRangesThatOverflow) {
  const auto answer = Call("GET", "query_range",
                           "query=1&start=-292273086-05-16T16:47:06Z"
                           "&end=292277025-08-18T07:12:54.999999999Z&step=1");
  EXPECT_EQ(answer.status, 400);
}

TEST_F(Api, MapsExecutionErrorsTo422) {
  EXPECT_THAT(Get("query", "query=up%2Bon()up"),
              StartsWith(R"(422 {"status":"error","errorType":"execution")"));
  EXPECT_THAT(Get("query", "query=up&timeout=0"),
              StartsWith(R"(503 {"status":"error","errorType":"timeout")"));
}

TEST_F(Api, ListsSeriesLabelsAndValues) {
  EXPECT_EQ(Get("series", "match[]=up{job=\"a\"}&match[]=up{instance=\"i1\"}"),
            R"(200 {"status":"success","data":[{"__name__":"up","instance":"i1","job":"a"}]})");
  EXPECT_EQ(Text(Call("POST", "series", "", "match[]=nothing")),
            R"(200 {"status":"success","data":[]})");
  EXPECT_EQ(Get("labels"),
            R"(200 {"status":"success","data":["__name__","a.b","instance","job"]})");
  EXPECT_EQ(Text(Call("POST", "labels", "", "match[]=up")),
            R"(200 {"status":"success","data":["__name__","instance","job"]})");
  EXPECT_EQ(Get("labels", "limit=1"), R"(200 {"status":"success","data":["__name__"],)"
                                      R"("warnings":["results truncated due to limit"]})");
  EXPECT_EQ(Get("label/job/values"), R"(200 {"status":"success","data":["a","b"]})");
  EXPECT_EQ(Get("label/job/values", "match[]=odd"), R"(200 {"status":"success","data":["a"]})");
  EXPECT_EQ(Get("label/U__a_2e_b/values"), R"(200 {"status":"success","data":["c\"d\\e\n"]})");
  EXPECT_EQ(Get("label/a%ff/values").substr(0, 3), "400");
  EXPECT_EQ(Call("POST", "label/job/values", "").status, 405);
}

TEST_F(Api, TellsMetadata) {
  EXPECT_EQ(
      Get("metadata"),
      R"(200 {"status":"success","data":{"requests_total":[{"type":"counter",)"
      R"("help":"Requests \"all\".","unit":""}],"up":[{"type":"gauge","help":"","unit":""}]}})");
  EXPECT_EQ(Get("metadata", "limit=0"), R"(200 {"status":"success","data":{}})");
  EXPECT_EQ(Get("metadata", "limit=-1"), Get("metadata"));
  EXPECT_EQ(Get("metadata", "metric=nothing"), R"(200 {"status":"success","data":{}})");
  EXPECT_EQ(Get("targets/metadata", "metric=requests_total"),
            R"(200 {"status":"success","data":[{"target":{"instance":"i1","job":"a"},)"
            R"("type":"counter","help":"Requests \"all\".","unit":""}]})");
}

TEST_F(Api, DerivesTargetsFromUp) {
  const std::string answer = Get("targets");
  EXPECT_THAT(answer, HasSubstr(R"("labels":{"instance":"i1","job":"a"},"scrapePool":"a",)"
                                R"("scrapeUrl":"","globalUrl":"")"));
  EXPECT_THAT(answer, HasSubstr(R"("lastScrape":"1970-01-12T13:46:40.000Z",)"
                                R"("lastScrapeDuration":0.25,"health":"up")"));
  EXPECT_THAT(answer, HasSubstr(R"("health":"down")"));
  EXPECT_THAT(answer, HasSubstr(R"("droppedTargets":[],"droppedTargetCounts":{}})"));
  EXPECT_EQ(Get("targets", "state=any"), answer);
  EXPECT_THAT(Get("targets", "state=ACTIVE"), HasSubstr(R"("health":"down")"));
  EXPECT_THAT(Get("targets", "state=dropped"),
              HasSubstr(R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}})"));
  EXPECT_THAT(Get("targets", "state=bogus"),
              HasSubstr(R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":null})"));
  EXPECT_EQ(Get("targets/relabel_steps", "scrapePool=x"), Bad("no labels parameter provided"));
  EXPECT_EQ(Get("targets/relabel_steps", "scrapePool=x&labels={}"),
            Bad(R"(error retrieving scrape config: scrape pool \"x\" not found)"));
  EXPECT_EQ(Get("scrape_pools"), R"(200 {"status":"success","data":{"scrapePools":["a","b"]}})");
}

TEST_F(Api, TellsItsStatus) {
  parts_.facts.flags = {{"config.file", "c.yml"}};
  parts_.facts.config_yaml = [] { return std::string("global: {}\n"); };
  parts_.facts.cardinality = [](size_t) {
    tsdb::Cardinality cardinality;
    cardinality.series_by_metric = {{"up", 3}, {"down", 2}};
    cardinality.values_by_label = {{"job", 4}, {"le", 5}};
    cardinality.metrics = {{"up", 3, 1, 2, 4}};
    return cardinality;
  };
  EXPECT_EQ(Get("status/flags"), R"(200 {"status":"success","data":{"config.file":"c.yml"}})");
  EXPECT_EQ(Get("status/config"), R"(200 {"status":"success","data":{"yaml":"global: {}\n"}})");
  const std::string tsdb = Get("status/tsdb", "limit=1");
  EXPECT_THAT(tsdb, HasSubstr(R"("seriesCountByMetricName":[{"name":"up","value":3}])"));
  EXPECT_THAT(tsdb, HasSubstr(R"("numLabelPairs":9)"));
  EXPECT_THAT(Get("baro/cardinality"),
              HasSubstr(R"("metrics":[{"name":"up","series":3,"firstSeenMs":1,"lastSeenMs":2,)"
                        R"("lastReadMs":4}])"));
  EXPECT_THAT(Get("status/runtimeinfo"), HasSubstr(R"("storageRetention":"30d")"));
  parts_.facts.notifications = [] {
    return std::vector<ApiFacts::Notification>{{"Configuration reload has failed.", 1'000}};
  };
  EXPECT_EQ(Get("notifications"),
            R"(200 {"status":"success","data":[{"text":"Configuration reload has failed.",)"
            R"("date":"1970-01-01T00:00:01.000Z","active":true}]})");
  EXPECT_EQ(Get("status/walreplay"),
            R"(200 {"status":"success","data":{"min":0,"max":0,"current":0}})");
  EXPECT_THAT(Get("baro/status"), HasSubstr(R"("store":{"writable":true)"));
  EXPECT_EQ(Get("baro/agents"), R"(200 {"status":"success","data":{"agents":[]}})");
}

TEST_F(Api, IgnoresParametersItDoesNotKnow) {
  EXPECT_EQ(Call("GET", "query", "query=1&custom=x&_=123").status, 200);
}

}  // namespace
}  // namespace baro::collector
