// Federation shows what Prometheus would, in both formats.
// Method: a MemorySource; the texts are what Prometheus 3.14 answers for the same samples.

#include "http_api/federation.h"

#include <limits>

#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "gtest/gtest.h"
#include "http_api/exposition_writer.h"

namespace baro::collector {
namespace {

constexpr int64_t kNowMs = 1'000'000'000;

class Federation : public testing::Test {
 protected:
  Federation() : clock_(kNowMs), engine_(promql::EngineOptions()) {
    parts_.source = &source_;
    parts_.engine = &engine_;
    parts_.clock = &clock_;
  }

  net::ServerResponse Ask(const std::string& query, const std::string& accept = "") {
    net::ServerRequest request;
    request.method = "GET";
    request.query = query;
    request.headers = {{"Accept", accept}};
    request.cancelled = std::make_shared<std::atomic<bool>>(false);
    return Federate(parts_, request);
  }
  std::string Text(const std::string& query, const std::string& accept = "") {
    std::string text;
    for (const std::string& piece : Ask(query, accept).body) text += piece;
    return text;
  }

  base::FakeClock clock_;
  model::MemorySource source_;
  promql::Engine engine_;
  ApiParts parts_;
};

TEST_F(Federation, ShowsTheLastSampleOfEachSeriesThatLives) {
  source_.Append({{"__name__", "up"}, {"job", "b"}}, {kNowMs - 20'000, 5});
  source_.Append({{"__name__", "up"}, {"job", "b"}}, {kNowMs - 10'000, 1});
  source_.Append({{"__name__", "up"}, {"job", "a"}, {"instance", "i"}}, {kNowMs, 0.5});
  source_.Append({{"__name__", "up"}, {"job", "old"}}, {kNowMs - 300'001, 1});
  source_.Append({{"__name__", "up"}, {"job", "edge"}}, {kNowMs - 300'000, 1e6});
  source_.Append({{"__name__", "up"}, {"job", "gone"}}, {kNowMs - 30'000, 1});
  source_.Append({{"__name__", "up"}, {"job", "gone"}}, {kNowMs - 20'000, model::kStaleNan});
  source_.Append({{"job", "nameless"}}, {kNowMs, 1});
  source_.Append({{"__name__", "a"}, {"job", "a\"\\\n"}}, {kNowMs, -0.0});
  const std::string expected =
      "# TYPE a untyped\n"
      "a{job=\"a\\\"\\\\\\n\",instance=\"\"} 0 1000000000\n"
      "# TYPE up untyped\n"
      "up{instance=\"i\",job=\"a\"} 0.5 1000000000\n"
      "up{job=\"b\",instance=\"\"} 1 999990000\n"
      "up{job=\"edge\",instance=\"\"} 1e+06 999700000\n";
  EXPECT_EQ(Text("match[]={job!=\"\"}"), expected);
  EXPECT_EQ(Text("match[]=up&match[]={job!=\"\"}&match[]=a"), expected);
  EXPECT_EQ(Text(""), "");
  EXPECT_EQ(Text("match[]={}"), "");
  EXPECT_EQ(Ask("").content_type, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
}

TEST_F(Federation, AddsExternalLabelsWhereThereAreNone) {
  parts_.facts.external_labels = [] {
    return std::map<std::string, std::string>{{"cluster", "c"}, {"zone", "z"}};
  };
  source_.Append({{"__name__", "up"}, {"cluster", "own"}, {"job", "a"}}, {kNowMs, 1});
  EXPECT_EQ(Text("match[]=up"),
            "# TYPE up untyped\nup{cluster=\"own\",job=\"a\",instance=\"\",zone=\"z\"} 1 "
            "1000000000\n");
}

TEST_F(Federation, EscapesNamesAsTheScraperWishes) {
  source_.Append({{"__name__", "a.b"}, {"l.é", "x"}}, {kNowMs, 1});
  const std::string query = "match[]={\"a.b\"}";
  const auto line = [&](const std::string& accept) {
    const std::string text = Text(query, accept);
    return text.substr(text.find('\n') + 1);
  };
  EXPECT_EQ(line(""), "a_b{l__=\"x\",instance=\"\"} 1 1000000000\n");
  EXPECT_EQ(line("text/plain;escaping=dots"),
            "a_dot_b{l_dot___=\"x\",instance=\"\"} 1 1000000000\n");
  EXPECT_EQ(line("text/plain;escaping=values"),
            "U__a_2e_b{U__l_2e__e9_=\"x\",instance=\"\"} 1 1000000000\n");
  EXPECT_EQ(line("text/plain;escaping=allow-utf-8"),
            "{\"a.b\",\"l.é\"=\"x\",instance=\"\"} 1 1000000000\n");
}

TEST_F(Federation, ShowsHistogramsWhereTheFormatHasAPlaceForThem) {
  model::Histogram exponential;
  exponential.schema = 1;
  exponential.count = 6;
  exponential.sum = 1.5;
  exponential.zero_threshold = 0.25;
  exponential.zero_count = 1;
  exponential.positive = {{-1, 2}, {0, 1}, {3, 1}};
  exponential.negative = {{0, 1}};
  source_.Append({{"__name__", "native"}}, kNowMs, exponential);
  model::Histogram custom;
  custom.schema = model::kCustomBoundsSchema;
  custom.count = 4;
  custom.sum = 2;
  custom.custom_bounds = {0.5, 1};
  custom.positive = {{0, 1}, {1, 2}, {2, 1}};
  source_.Append({{"__name__", "custom"}}, kNowMs, custom);
  EXPECT_EQ(Text("match[]={__name__!=\"\"}"),
            "# TYPE custom histogram\n"
            "custom_bucket{instance=\"\",le=\"0.5\"} 1 1000000000\n"
            "custom_bucket{instance=\"\",le=\"1\"} 3 1000000000\n"
            "custom_bucket{instance=\"\",le=\"+Inf\"} 4 1000000000\n"
            "custom_sum{instance=\"\"} 2 1000000000\n"
            "custom_count{instance=\"\"} 4 1000000000\n");
  const std::string protobuf =
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
      "encoding=delimited;q=0.7,text/plain;q=0.5";
  const std::string bytes = Text("match[]=native", protobuf);
  // Spans: at -1 two buckets, then 2 further on one.
  EXPECT_NE(bytes.find(std::string("\x62\x04\x08\x01\x10\x02\x62\x04\x08\x04\x10\x01", 12)),
            std::string::npos);
  EXPECT_EQ(static_cast<size_t>(bytes.front()), bytes.size() - 1) << "the length comes first";
}

TEST_F(Federation, SaysWhatIsWrongInPlainText) {
  const net::ServerResponse answer = Ask("match[]=up{");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body.front(), "1:4: parse error: unexpected end of input inside braces\n");
  EXPECT_EQ(Ask("match[]=%zz").body.front(),
            "error parsing form values: invalid URL escape \"%zz\"\n");
}

TEST(Exposition, WritesNumbersAsGoDoes) {
  const std::pair<double, const char*> cases[] = {
      {1, "1"},
      {123456, "123456"},
      {1234567, "1.234567e+06"},
      {999999.5, "999999.5"},
      {1e20, "1e+20"},
      {1e21, "1e+21"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {-123456789.25, "-1.2345678925e+08"},
      {5e-324, "5e-324"},
      {std::numeric_limits<double>::infinity(), "+Inf"}};
  for (const auto& [value, text] : cases) {
    std::string written;
    AppendShortest(value, &written);
    EXPECT_EQ(written, text);
  }
}

TEST(Exposition, ChoosesTheFormatThatIsLikedBest) {
  // What Prometheus 3 sends: OpenMetrics is not for federation, but its escaping holds.
  const ExpositionFormat format = ChooseExposition(
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
      "text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
  EXPECT_FALSE(format.protobuf);
  EXPECT_EQ(format.escaping, NameEscaping::kNone);
  for (const char* odd : {";;;,,=", "a/b;q=x", "text/plain;version=\"0.0.4", ",", ";q="}) {
    EXPECT_FALSE(ChooseExposition(odd).protobuf) << odd;
  }
}

}  // namespace
}  // namespace baro::collector
