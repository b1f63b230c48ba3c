// The parser reads what Prometheus reads and says where and why it refuses the rest.
#include "baro/exposition/parser.h"

#include <gtest/gtest.h>

#include <bit>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "series_labels.h"
#include "testing.h"

namespace baro::exposition {
namespace {

using model::Labels;
using model::MetricType;

std::vector<ParsedSample> Parse(std::string_view body, Format format = Format::kText) {
  const auto samples = ParseExposition(body, format);
  EXPECT_TRUE(samples.ok()) << samples.status() << "\n" << body;
  return samples.ok() ? *samples : std::vector<ParsedSample>();
}

// A body of one sample.
void ExpectSample(std::string_view body, const Labels& labels, double value,
                  std::optional<int64_t> time_ms = std::nullopt, Format format = Format::kText) {
  const auto samples = Parse(body, format);
  ASSERT_EQ(samples.size(), 1u) << body;
  EXPECT_EQ(samples[0].labels, labels) << samples[0].labels.ToString();
  EXPECT_EQ(samples[0].value, value) << body;
  EXPECT_EQ(samples[0].time_ms, time_ms) << body;
}

void ExpectError(std::string_view body, std::string_view place_and_cause,
                 Format format = Format::kText) {
  const auto samples = ParseExposition(body, format);
  ASSERT_FALSE(samples.ok()) << body;
  EXPECT_EQ(base::FromAbsl(samples.status().message()),
            base::StrCat("cannot parse exposition: ", place_and_cause));
}

TEST(Parser, ReadsEveryShapeOfATextSample) {
  ExpectSample("m 1", {{"__name__", "m"}}, 1);
  ExpectSample("m 1\n", {{"__name__", "m"}}, 1);
  ExpectSample("m\t1 \n", {{"__name__", "m"}}, 1);
  ExpectSample("m{} 1\n", {{"__name__", "m"}}, 1);
  ExpectSample("m{a=\"b\"}1\n", {{"__name__", "m"}, {"a", "b"}}, 1);
  ExpectSample("a:b_1{c=\"d\",} 1e3\n", {{"__name__", "a:b_1"}, {"c", "d"}}, 1000);
  ExpectSample("m { z = \"1\" , a=\"2\" } -Inf  \t1700000000123\n",
               {{"__name__", "m"}, {"a", "2"}, {"z", "1"}},
               -std::numeric_limits<double>::infinity(), 1700000000123);
  ExpectSample("m{a=\"1\" b=\"2\"} 1\n", {{"__name__", "m"}, {"a", "1"}, {"b", "2"}}, 1);
  ExpectSample("m{a=\"\"} 1 -5\n", {{"__name__", "m"}}, 1, -5);
  ExpectSample("m{a=\"x\\\\y\\\"z\\n\\t\"} 1\n", {{"__name__", "m"}, {"a", "x\\y\"z\n\\t"}}, 1);
  ExpectSample("m{a=\"line\nbreak\"} 1\n", {{"__name__", "m"}, {"a", "line\nbreak"}}, 1);
  ExpectSample(std::string_view("m{a=\"nul\0\"} 1\n", 13),
               {{"__name__", "m"}, {"a", std::string("nul\0", 4)}}, 1);
}

TEST(Parser, ReadsQuotedNames) {
  ExpectSample("{\"go.gc_seconds\",q=\"0\"} 1\n", {{"__name__", "go.gc_seconds"}, {"q", "0"}}, 1);
  ExpectSample("{ \"höhe\" , \"my label\"=\"1\", } 2\n", {{"__name__", "höhe"}, {"my label", "1"}},
               2);
  ExpectSample("{a=\"b\",\"n\\\"q\\\"\"} 3\n", {{"__name__", "n\"q\""}, {"a", "b"}}, 3);
}

TEST(Parser, TellsTheFamilyOfASample) {
  const auto samples = Parse(
      "# HELP h Help \\\\ with \\n escapes \\\" \n# TYPE h histogram\n"
      "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\nh_other 1\n"
      "# TYPE s summary\ns{quantile=\"0.50\"} 1\n"
      "# comment\n#TYPE s gauge\n# TYPE\n\n  \nplain 1\n");
  ASSERT_EQ(samples.size(), 7u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(samples[i].metadata.family, "h");
    EXPECT_EQ(samples[i].metadata.type, MetricType::kHistogram);
    EXPECT_EQ(samples[i].metadata.help, "Help \\ with \n escapes \\\" ");
  }
  EXPECT_EQ(samples[0].labels.Get("le"), "1.0") << "as Prometheus 3 normalises it";
  EXPECT_EQ(samples[1].labels.Get("le"), "+Inf");
  EXPECT_EQ(samples[4].metadata, UnknownFamily("h_other"));
  EXPECT_EQ(samples[5].labels.Get("quantile"), "0.5");
  EXPECT_EQ(samples[6].metadata.type, MetricType::kUnknown);
}

TEST(Parser, CanonicalisesBucketBoundsAsPrometheus) {
  const std::pair<const char*, const char*> kBounds[] = {
      {"0", "0.0"},          {"1", "1.0"},           {"0.5", "0.5"},
      {"1000000", "1e+06"},  {"100000", "100000.0"}, {"1e5", "100000.0"},
      {"0.0001", "0.0001"},  {"0.00001", "1e-05"},   {"inf", "+Inf"},
      {"2.5e10", "2.5e+10"}, {"abc", "abc"},         {"1048576", "1.048576e+06"}};
  for (const auto& [written, canonical] : kBounds) {
    const auto samples =
        Parse(base::StrCat("# TYPE h histogram\nh_bucket{le=\"", written, "\"} 1\n"));
    EXPECT_EQ(samples[0].labels.Get("le"), canonical) << written;
  }
}

TEST(Parser, ReadsOpenMetrics) {
  const auto samples = Parse(
      "# TYPE foo_seconds counter\n# UNIT foo_seconds seconds\n# HELP foo_seconds a \\\"b\\\"\n"
      "foo_seconds_total{a=\"b\"} 17.0 1520879607.789 # {id=\"x\"} 0.5 1520879607.1\n"
      "foo_seconds_created{a=\"b\"} 1520872607.123\n"
      "# TYPE i info\ni_info{v=\"1\"} 1\n"
      "{\"q.n\",a=\"1\"} 2 # {} 1\n# EOF\n",
      Format::kOpenMetrics);
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples[0].metadata,
            (model::Metadata{"foo_seconds", MetricType::kCounter, "a \"b\"", "seconds"}));
  EXPECT_EQ(samples[0].time_ms, 1520879607789);
  ASSERT_TRUE(samples[0].exemplar);
  EXPECT_EQ(*samples[0].exemplar, (Exemplar{{{"id", "x"}}, 0.5, 1520879607100}));
  EXPECT_EQ(samples[1].metadata.family, "foo_seconds");
  EXPECT_EQ(samples[2].metadata.type, MetricType::kInfo);
  EXPECT_EQ(samples[3].labels, (Labels{{"__name__", "q.n"}, {"a", "1"}}));
  EXPECT_TRUE(Parse("# EOF", Format::kOpenMetrics).empty());
}

TEST(Parser, SaysWhereAndWhyItRefusesText) {
  ExpectError("a 1\nb", "2:2: expected a space and a value, got the end");
  ExpectError("a \n", "1:3: expected a value, got the end of the line");
  ExpectError("a{b='c'} 1\n", "1:5: expected a quoted label value, got '''");
  ExpectError("a{b=\n", "1:5: expected a quoted label value, got the end of the line");
  ExpectError("a{\xff=\"foo\"} 1\n", "1:3: expected a label name or '}', got byte 0xff");
  ExpectError("a{b=\"\xff\"} 1\n", "1:5: the label value is not UTF-8");
  ExpectError("{\"\xc0\xaf\"} 1\n", "1:2: the name is not UTF-8");
  ExpectError("{\"\"} 1\n", "1:2: the name is empty");
  ExpectError("{\"a\",\"b\"} 1\n", "1:6: the metric has a name already");
  ExpectError("a{\"b\"} 1\n", "1:3: the metric has a name already");
  ExpectError("{a=\"ok\"} 1\n", "1:1: the metric has no name");
  ExpectError("{} 1\n", "1:1: the metric has no name");
  ExpectError("a{,} 1\n", "1:3: expected a label name or '}', got ','");
  ExpectError("a{b=\"c\",,} 1\n", "1:9: expected a label name or '}', got ','");
  ExpectError("a{b=\"c\n", "1:5: the string is never closed");
  ExpectError("a{b=\"c\\", "1:5: the string is never closed");
  ExpectError("a{=\"\"} 0", "1:3: expected a label name or '}', got '='");
  ExpectError("\na true\n", "2:3: \"true\" is not a number");
  ExpectError("a 1_2\n", "1:3: \"1_2\" is not a number");
  ExpectError("a 0x1p-3\n", "1:3: \"0x1p-3\" is not a number");
  ExpectError("a 1e400\n", "1:3: \"1e400\" is not a number");
  ExpectError("a 1\r\n", "1:3: \"1\r\" is not a number");
  ExpectError("a 1 1.5\n", "1:6: expected the end of the line after the timestamp, got '.'");
  ExpectError("a 1 x\n", "1:5: expected a timestamp or the end of the line, got 'x'");
  ExpectError("a 1 99999999999999999999\n", "1:5: the timestamp does not fit 64 bits");
  ExpectError("a 1 # {b=\"c\"} 1\n", "1:5: expected a timestamp or the end of the line, got '#'");
  ExpectError("1a 1\n", "1:1: expected a metric name, got '1'");
  ExpectError("a-b 1\n", "1:2: expected a space and a value, got '-'");
  ExpectError("# TYPE a typo\n", "1:10: \"typo\" is not a metric type");
  ExpectError("# TYPE #\n", "1:8: expected a metric name, got '#'");
  ExpectError("# HELP a \xff\n", "1:10: the text is not UTF-8");
  ExpectError("a{b=\"1\",b=\"2\"} 1\n", "1:1: label \"b\" occurs twice");
  ExpectError("a{__name__=\"b\"} 1\n", "1:1: label \"__name__\" occurs twice");
  ExpectError(std::string_view("\0\n", 2), "1:1: expected a metric name, got byte 0x00");
}

TEST(Parser, IsStricterWithOpenMetrics) {
  const auto refuse = [](std::string_view body, std::string_view cause) {
    ExpectError(body, cause, Format::kOpenMetrics);
  };
  refuse("", "1:1: the body does not end with \"# EOF\"");
  refuse("a 1\n", "2:1: the body does not end with \"# EOF\"");
  refuse("a 1", "1:4: the body does not end with \"# EOF\"");
  refuse("# EOF\na 1\n", "2:1: the body goes on after \"# EOF\"");
  refuse("\n# EOF\n", "1:1: expected a metric name, got the end of the line");
  refuse("# note\n# EOF\n", "1:1: expected HELP, TYPE, UNIT or EOF after '#' and one space");
  refuse("a  1\n# EOF\n", "1:3: \"\" is not a number");
  refuse("a{b=\"c\" } 1\n# EOF\n", "1:8: expected ',' or '}', got ' '");
  refuse("a{b=\"c\nd\"} 1\n# EOF\n", "1:5: the string is not closed on its line");
  refuse("a 1 NaN\n# EOF\n", "1:5: the timestamp is not a time");
  refuse("a 1 1e300\n# EOF\n", "1:5: the timestamp is not a time");
  refuse("a 1 # {b=\"c\"}\n# EOF\n",
         "1:14: expected a space and the exemplar's value, got the end of the line");
  refuse("a 1 # {\"b\"} 1\n# EOF\n", "1:11: expected '=' after the label name, got '}'");
  refuse("a 1 # {b=\"c\",b=\"d\"} 1\n# EOF\n", "1:1: label \"b\" occurs twice");
  refuse("# TYPE a untyped\n# EOF\n", "1:10: \"untyped\" is not a metric type");
  refuse("# UNIT a_seconds meters\n# EOF\n",
         "1:18: unit \"meters\" is not the end of the metric's name");
  refuse("# HELP a\n# EOF\n", "1:9: expected a space and a text, got the end of the line");
}

Limits Only(size_t Limits::* limit, size_t value) {
  Limits limits;
  limits.*limit = value;
  return limits;
}

TEST(Parser, KeepsItsLimits) {
  const std::string long_line = base::StrCat("a{b=\"", std::string(100, 'x'), "\"} 1\n");
  const auto code = [](std::string_view body, const Limits& limits) {
    return ParseExposition(body, Format::kText, limits).status().code();
  };
  EXPECT_EQ(code(long_line, Only(&Limits::line_bytes_max, 110)), absl::StatusCode::kOk);
  EXPECT_EQ(code(long_line, Only(&Limits::line_bytes_max, 100)),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code("a{b=\"1\",c=\"2\"} 1\n", Only(&Limits::labels_max, 2)), absl::StatusCode::kOk);
  EXPECT_EQ(code("a{b=\"1\",c=\"2\"} 1\n", Only(&Limits::labels_max, 1)),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code("a 1\nb 1\n", Only(&Limits::series_max, 1)), absl::StatusCode::kResourceExhausted);
}

TEST(Parser, ReadsARealNodeExporter) {
  EXPECT_EQ(Parse(ReadCapture("node_exporter_1.txt.gz")).size(), 523u);
  EXPECT_EQ(
      Parse(AsOpenMetrics(ReadCapture("node_exporter_1.txt.gz")), Format::kOpenMetrics).size(),
      523u);
}

TEST(Parser, KnowsItsContentTypes) {
  EXPECT_EQ(FormatOfContentType("text/plain; version=0.0.4; charset=utf-8"), Format::kText);
  EXPECT_EQ(FormatOfContentType("Text/Plain"), Format::kText);
  EXPECT_EQ(FormatOfContentType("application/openmetrics-text;version=1.0.0"),
            Format::kOpenMetrics);
  EXPECT_EQ(FormatOfContentType("text/html"), std::nullopt);
  EXPECT_EQ(FormatOfContentType(""), std::nullopt);
}

}  // namespace
}  // namespace baro::exposition
