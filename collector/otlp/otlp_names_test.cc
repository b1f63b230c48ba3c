// Names come out as Prometheus' receiver makes them.
// What is expected was printed by Prometheus' own library; tests/differential/otlp_test.py asks it
// about every name in every unit.

#include "otlp/otlp_names.h"

#include "gtest/gtest.h"

namespace baro::collector {
namespace {

using wire::OtlpKind;

std::string Name(std::string_view name, std::string_view unit, OtlpKind kind = OtlpKind::kHistogram,
                 bool monotonic = false, OtlpNames names = OtlpNames{}) {
  OtlpConfig config;
  config.translation_strategy = names;
  return PrometheusMetricName({name, unit, kind, monotonic}, config);
}
std::string Counter(std::string_view name, std::string_view unit) {
  return Name(name, unit, OtlpKind::kSum, true);
}
std::string Gauge(std::string_view name, std::string_view unit) {
  return Name(name, unit, OtlpKind::kGauge);
}

TEST(OtlpNames, PartWordsByUnderscores) {
  EXPECT_EQ(Name("http.server.duration", ""), "http_server_duration");
  EXPECT_EQ(Name("a..b__c", ""), "a_b_c");
  EXPECT_EQ(Name("_leading.", ""), "leading");
  EXPECT_EQ(Name("1st.metric", ""), "_1st_metric");
  EXPECT_EQ(Name("up:time", ""), "up:time");
  EXPECT_EQ(Name("gr\xc3\xb6\xc3\x9f"
                 "e",
                 ""),
            "gr_e");
  EXPECT_EQ(Name("\xe6\x97\xa5", ""), "");
}

TEST(OtlpNames, TellTheUnit) {
  EXPECT_EQ(Name("duration", "s"), "duration_seconds");
  EXPECT_EQ(Name("io", "By/s"), "io_bytes_per_second");
  EXPECT_EQ(Name("io.bytes", "By"), "io_bytes");
  EXPECT_EQ(Name("io.bytes.read", "By"), "io_bytes_read");
  EXPECT_EQ(Name("speed", "m/m"), "speed_meters_per_minute");
  EXPECT_EQ(Name("requests", "{request}/s"), "requests_per_second");
  EXPECT_EQ(Name("requests", "{request}"), "requests");
  EXPECT_EQ(Name("x", "foo/{bar}"), "x_foo");
  EXPECT_EQ(Name("x", "foo bar!"), "x_foo_bar_");
  EXPECT_EQ(Name("x", "a//b"), "x_a_per_b");
  EXPECT_EQ(Name("load", "%"), "load_percent");
  EXPECT_EQ(Name("load", "1"), "load");
}

TEST(OtlpNames, TellCountersAndRatios) {
  EXPECT_EQ(Counter("requests", "{request}"), "requests_total");
  EXPECT_EQ(Counter("requests_total", ""), "requests_total");
  EXPECT_EQ(Counter("total.requests", "s"), "requests_seconds_total");
  EXPECT_EQ(Counter("ratio", "1"), "ratio_total");
  EXPECT_EQ(Gauge("utilization", "1"), "utilization_ratio");
  EXPECT_EQ(Gauge("ratio.of.hits", "1"), "of_hits_ratio");
  EXPECT_EQ(Gauge("up", ""), "up");
  EXPECT_EQ(Name("queue", "1", OtlpKind::kSum, false), "queue");
}

TEST(OtlpNames, StayAsTheyAreWhenTheyShall) {
  constexpr auto kNo = OtlpNames::kNoTranslation;
  constexpr auto kSuffixes = OtlpNames::kNoUtf8EscapingWithSuffixes;
  constexpr auto kEscaped = OtlpNames::kUnderscoreEscapingWithoutSuffixes;
  EXPECT_EQ(Name("http.duration", "s", OtlpKind::kSum, true, kNo), "http.duration");
  EXPECT_EQ(Name("http.duration", "s", OtlpKind::kSum, true, kSuffixes),
            "http.duration_seconds_total");
  EXPECT_EQ(Name("requests.total", "", OtlpKind::kSum, true, kSuffixes), "requests_total");
  EXPECT_EQ(Name("hit.ratio", "1", OtlpKind::kGauge, false, kSuffixes), "hit_ratio");
  EXPECT_EQ(Name("ratio", "1", OtlpKind::kGauge, false, kSuffixes), "ratio_ratio");
  EXPECT_EQ(Name("io.seconds", "s", OtlpKind::kSum, true, kSuffixes), "io.seconds_total");
  EXPECT_EQ(Name("io.per_second.total", "By/s", OtlpKind::kSum, true, kSuffixes),
            "io_bytes_per_second_total");
  EXPECT_EQ(Name("http.duration", "s", OtlpKind::kSum, true, kEscaped), "http_duration");
}

TEST(OtlpNames, MakeLabelsOfAttributes) {
  const OtlpConfig escaping;
  EXPECT_EQ(PrometheusLabelName("http.method", escaping), "http_method");
  EXPECT_EQ(PrometheusLabelName("1st", escaping), "key_1st");
  EXPECT_EQ(PrometheusLabelName("_private", escaping), "key_private");
  EXPECT_EQ(PrometheusLabelName("__reserved", escaping), "__reserved");
  EXPECT_EQ(PrometheusLabelName("a..b", escaping), "a__b");
  EXPECT_EQ(PrometheusLabelName("\xc3\xa9t\xc3\xa9", escaping), "key_t_");
  EXPECT_EQ(PrometheusLabelName("\xff\xfe", escaping), "__");
  OtlpConfig strict;  // as OpenTelemetry's specification has it
  strict.label_name_underscore_sanitization = false;
  strict.label_name_preserve_multiple_underscores = false;
  EXPECT_EQ(PrometheusLabelName("_private", strict), "_private");
  EXPECT_EQ(PrometheusLabelName("a..b__c", strict), "a_b_c");
  EXPECT_EQ(PrometheusLabelName("__re..served__", strict), "__re_served__");
  EXPECT_EQ(PrometheusLabelName("__open", strict), "_open");
  EXPECT_EQ(PrometheusLabelName("1st", strict), "key_1st");
  OtlpConfig none;
  none.translation_strategy = OtlpNames::kNoTranslation;
  EXPECT_EQ(PrometheusLabelName("http.method", none), "http.method");
}

}  // namespace
}  // namespace baro::collector
