// OTLP requests are read as protobuf's own parser reads them, and values print as OpenTelemetry's
// Go libraries print them.

#include "baro/wire/otlp.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace baro::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace otel = opentelemetry::proto;
using otel::common::v1::AnyValue;
using Request = otel::collector::metrics::v1::ExportMetricsServiceRequest;

// Everything that is seen, as lines.
class Recorder final : public OtlpVisitor {
 public:
  absl::Status OnResource(const OtlpResource& resource) override {
    return Line("resource", resource.attributes);
  }
  absl::Status OnScope(const OtlpScope& scope) override {
    return Line("scope " + std::string(scope.name) + " " + std::string(scope.version) + " " +
                    std::string(scope.schema_url),
                scope.attributes);
  }
  absl::StatusOr<bool> OnMetric(const OtlpMetric& metric) override {
    lines.push_back("metric " + std::string(metric.name) + " " + std::string(metric.unit) + " " +
                    std::to_string(static_cast<int>(metric.kind)) + " " +
                    std::to_string(static_cast<int>(metric.temporality)) +
                    (metric.monotonic ? " monotonic" : "") + " " + std::to_string(metric.points));
    return metric.name != "hidden";
  }
  absl::Status OnNumber(const OtlpNumber& point) override {
    return Line("number " + std::to_string(point.time_ns) + " " + PlainNumber(point.value),
                point.attributes);
  }
  absl::Status OnHistogram(const OtlpHistogram& point) override {
    std::string line = "histogram " + std::to_string(point.count) + " " +
                       (point.sum ? PlainNumber(*point.sum) : "-");
    for (const uint64_t count : point.bucket_counts) line += " " + std::to_string(count);
    for (const double bound : point.bounds) line += " <" + PlainNumber(bound);
    return Line(line, point.attributes);
  }
  absl::Status OnExponential(const OtlpExponential& point) override {
    std::string line = "exponential " + std::to_string(point.scale) + " " +
                       std::to_string(point.zero_count) + " @" +
                       std::to_string(point.positive.offset);
    for (const uint64_t count : point.positive.counts) line += " " + std::to_string(count);
    line += " @" + std::to_string(point.negative.offset);
    for (const uint64_t count : point.negative.counts) line += " " + std::to_string(count);
    return Line(line, point.attributes);
  }
  absl::Status OnSummary(const OtlpSummary& point) override {
    std::string line = "summary " + std::to_string(point.count) + " " + PlainNumber(point.sum);
    for (const OtlpQuantile& each : point.quantiles) {
      line += " " + PlainNumber(each.quantile) + "=" + PlainNumber(each.value);
    }
    return Line(line, point.attributes);
  }
  absl::Status OnResourceEnd() override { return Line("end", {}); }

  std::vector<std::string> lines;

 private:
  absl::Status Line(std::string line, OtlpAttributes bytes) {
    std::vector<OtlpAttribute> attributes;
    const absl::Status status = ReadOtlpAttributes(bytes, &attributes);
    for (const OtlpAttribute& attribute : attributes) {
      line += " " + std::string(attribute.key) + "=";
      EXPECT_TRUE(AppendOtlpText(attribute.value, &line).ok());
    }
    lines.push_back(line);
    return status;
  }
};

template <typename Message>
void AddText(const char* key, const char* value, Message* message) {
  auto* const attribute = message->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(value);
}

Request Everything() {
  Request request;
  auto* const resource = request.add_resource_metrics();
  AddText("service.name", "shop", resource->mutable_resource());
  AddText("host.name", "h", resource->mutable_resource());
  auto* const scope = resource->add_scope_metrics();
  scope->set_schema_url("url");
  scope->mutable_scope()->set_name("lib");
  scope->mutable_scope()->set_version("1");
  auto* const sum = scope->add_metrics();
  sum->set_name("requests");
  sum->set_unit("1");
  sum->mutable_sum()->set_is_monotonic(true);
  sum->mutable_sum()->set_aggregation_temporality(otel::metrics::v1::AGGREGATION_TEMPORALITY_DELTA);
  auto* const number = sum->mutable_sum()->add_data_points();
  number->set_as_int(-3);
  number->set_time_unix_nano(9);
  AddText("a", "b", number);
  auto* const h = scope->add_metrics()->mutable_histogram()->add_data_points();
  h->set_count(3);
  for (const uint64_t count : {1u, 2u}) h->add_bucket_counts(count);
  h->add_explicit_bounds(0.5);
  auto* const e = scope->add_metrics()->mutable_exponential_histogram()->add_data_points();
  e->set_scale(-2);
  e->set_zero_count(4);
  e->mutable_positive()->set_offset(-7);
  e->mutable_positive()->add_bucket_counts(300);
  e->mutable_negative()->add_bucket_counts(1);
  auto* const s = scope->add_metrics()->mutable_summary()->add_data_points();
  s->set_count(2);
  s->set_sum(1.5);
  s->add_quantile_values()->set_quantile(0.5);
  scope->add_metrics()->set_name("empty");
  return request;
}

const std::vector<std::string> kEverything = {
    "resource service.name=shop host.name=h",
    "scope lib 1 url",
    "metric requests 1 2 1 monotonic 1",
    "number 9 -3 a=b",
    "metric   3 0 1",
    "histogram 3 - 1 2 <0.5",
    "metric   4 0 1",
    "exponential -2 4 @-7 300 @0 1",
    "metric   5 0 1",
    "summary 2 1.5 0.5=0",
    "metric empty  0 0 0",
    "end",
};

TEST(Otlp, ShowsEverythingOfARequest) {
  Recorder recorder;
  ASSERT_TRUE(ReadOtlp(Everything().SerializeAsString(), &recorder).ok());
  EXPECT_EQ(recorder.lines, kEverything);
}

TEST(Otlp, RefusesEveryTruncation) {
  const std::string good = Everything().SerializeAsString();
  for (size_t size = 1; size < good.size(); ++size) {
    Recorder recorder;
    const absl::Status status = ReadOtlp(good.substr(0, size), &recorder);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << size;
    EXPECT_THAT(std::string(status.message()), HasSubstr("at byte")) << size;
  }
}

TEST(Otlp, HidesThePointsOfAMetricThatIsNotWanted) {
  Request request = Everything();
  request.mutable_resource_metrics(0)->mutable_scope_metrics(0)->mutable_metrics(0)->set_name(
      "hidden");
  Recorder recorder;
  ASSERT_TRUE(ReadOtlp(request.SerializeAsString(), &recorder).ok());
  EXPECT_THAT(recorder.lines, testing::Not(testing::Contains(HasSubstr("number"))));
}

// Fields in any order, and messages told in pieces, mean what they mean to protobuf.
TEST(Otlp, ReadsFieldsInAnyOrder) {
  const Request whole = Everything();
  const auto& resource = whole.resource_metrics(0);
  Request metrics_only = whole;
  metrics_only.mutable_resource_metrics(0)->clear_resource();
  Request first;
  AddText("service.name", "shop", first.add_resource_metrics()->mutable_resource());
  Request second;
  AddText("host.name", "h", second.add_resource_metrics()->mutable_resource());
  // One ResourceMetrics: metrics, then the resource in two pieces.
  const std::string body = metrics_only.resource_metrics(0).SerializeAsString() +
                           first.resource_metrics(0).SerializeAsString() +
                           second.resource_metrics(0).SerializeAsString();
  std::string bytes = "\x0a";
  bytes.push_back(static_cast<char>(body.size() % 128 | 128));
  bytes.push_back(static_cast<char>(body.size() / 128));
  bytes += body;
  Request parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  ASSERT_EQ(parsed.resource_metrics(0).resource().SerializeAsString(),
            resource.resource().SerializeAsString());
  Recorder recorder;
  ASSERT_TRUE(ReadOtlp(bytes, &recorder).ok());
  EXPECT_EQ(recorder.lines, kEverything);
}

std::string TextOf(const AnyValue& value) {
  std::string text;
  const absl::Status status = AppendOtlpText(value.SerializeAsString(), &text);
  return status.ok() ? text : std::string(status.message());
}
std::string NumberText(double number) {
  AnyValue value;
  value.set_double_value(number);
  return TextOf(value);
}

TEST(OtlpText, PrintsScalarsAsTheyAre) {
  AnyValue value;
  EXPECT_EQ(TextOf(value), "");
  value.set_string_value("a<b>\n");
  EXPECT_EQ(TextOf(value), "a<b>\n");
  value.set_bool_value(true);
  EXPECT_EQ(TextOf(value), "true");
  value.set_int_value(INT64_MIN);
  EXPECT_EQ(TextOf(value), "-9223372036854775808");
  value.set_bytes_value(std::string("\0\xff", 2));
  EXPECT_EQ(TextOf(value), "AP8=");
}

TEST(OtlpText, PrintsNumbersAsJavaScriptDoes) {
  EXPECT_EQ(NumberText(0), "0");
  EXPECT_EQ(NumberText(-0.0), "-0");
  EXPECT_EQ(NumberText(100), "100");
  EXPECT_EQ(NumberText(1e-6), "0.000001");
  EXPECT_EQ(NumberText(9.9e-7), "9.9e-7");
  EXPECT_EQ(NumberText(123456789012345680000.0), "123456789012345680000");
  EXPECT_EQ(NumberText(1e21), "1e+21");
  EXPECT_EQ(NumberText(5e-324), "5e-324");
  EXPECT_EQ(NumberText(std::numeric_limits<double>::infinity()), "Infinity");
}

TEST(OtlpText, PrintsListsAndMapsAsJson) {
  AnyValue value;
  auto* const list = value.mutable_array_value();
  list->add_values()->set_string_value("<&>\"\\\n\x01 \xc3\xa9 \xe2\x80\xa8");
  list->add_values();
  list->add_values()->set_double_value(1e-9);
  auto* const map = list->add_values()->mutable_kvlist_value();
  for (const auto& [key, text] : {std::pair("b", "1"), std::pair("a", "2"), std::pair("b", "3")}) {
    auto* const entry = map->add_values();
    entry->set_key(key);
    entry->mutable_value()->set_string_value(text);
  }
  EXPECT_EQ(TextOf(value), R"(["<&>\"\\\n\u0001 )"
                           "\xc3\xa9"
                           R"( \u2028",null,1e-9,{"a":"2","b":"3"}])");
  list->add_values()->set_double_value(std::nan(""));
  EXPECT_EQ(TextOf(value), "") << "JSON has no word for it";
}

TEST(OtlpText, RefusesWhatIsNestedTooDeep) {
  AnyValue value;
  AnyValue* inner = &value;
  for (int depth = 0; depth < 63; ++depth) inner = inner->mutable_array_value()->add_values();
  EXPECT_EQ(TextOf(value), std::string(63, '[') + "null" + std::string(63, ']'));
  inner->mutable_array_value()->add_values();
  EXPECT_THAT(TextOf(value), HasSubstr("nested deeper"));
}

TEST(OtlpText, PrintsPlainNumbers) {
  EXPECT_EQ(PlainNumber(0.005), "0.005");
  EXPECT_EQ(PlainNumber(1), "1");
  EXPECT_EQ(PlainNumber(-2.5), "-2.5");
  EXPECT_EQ(PlainNumber(1e23), "100000000000000000000000");
  EXPECT_EQ(PlainNumber(1e-9), "0.000000001");
  EXPECT_EQ(PlainNumber(1234.5), "1234.5");
  EXPECT_EQ(PlainNumber(HUGE_VAL), "+Inf");
  EXPECT_EQ(PlainNumber(-HUGE_VAL), "-Inf");
  EXPECT_EQ(PlainNumber(std::nan("")), "NaN");
}

TEST(OtlpExemplars, AreReadWithTheirIds) {
  otel::metrics::v1::NumberDataPoint point;
  auto* const exemplar = point.add_exemplars();
  exemplar->set_as_int(7);
  exemplar->set_trace_id("0123456789abcdef");
  exemplar->set_span_id(std::string("\0\0\0\0\0\0\0\1", 8));
  std::vector<OtlpExemplar> exemplars;
  ASSERT_TRUE(ReadOtlpExemplars(point.SerializeAsString(), &exemplars).ok());
  ASSERT_EQ(exemplars.size(), 1u);
  EXPECT_EQ(exemplars[0].value, 7);
  EXPECT_EQ(exemplars[0].trace_id, "30313233343536373839616263646566");
  EXPECT_EQ(exemplars[0].span_id, "0000000000000001");
  exemplar->set_span_id("seven b");
  EXPECT_FALSE(ReadOtlpExemplars(point.SerializeAsString(), &exemplars).ok());
}

}  // namespace
}  // namespace baro::wire
