// Text, numbers, tables, charts and CSV in detail; whole screens are in verbs_test.cc.

#include <gtest/gtest.h>

#include <cmath>

#include "render/chart.h"
#include "render/csv.h"
#include "render/json.h"
#include "render/number.h"
#include "render/series_table.h"
#include "render/table.h"
#include "render/text.h"

namespace baro::cli {
namespace {

TEST(Text, ControlsAreShownInsteadOfObeyed) {
  EXPECT_EQ(Harmless("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(Harmless("a\tb\nc\rd\x7f"), "a\\tb\\nc\\rd\\x7f");
  EXPECT_EQ(Harmless("\xc2\x9b"), "\\u009b");              // CSI as one character
  EXPECT_EQ(Harmless("\xe2\x80\xae"), "\\u202e");          // right-to-left override
  EXPECT_EQ(Harmless("\xff\xc3"), "\\xff\\xc3");           // no UTF-8
  EXPECT_EQ(Harmless("\xc0\x9b"), "\\xc0\\x9b");           // overlong ESC
  EXPECT_EQ(Harmless("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(Harmless(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(Harmless("grüße 日本"), "grüße 日本");
}

TEST(Text, WidthCountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("grüße"), 5);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1);
  EXPECT_EQ(DisplayWidth("🚀"), 2);
}

TEST(Text, CutKeepsWithinTheWidth) {
  EXPECT_EQ(CutToWidth("abcdef", 6, Cut::kEnd), "abcdef");
  EXPECT_EQ(CutToWidth("abcdef", 4, Cut::kEnd), "abc…");
  EXPECT_EQ(CutToWidth("checkout-7d9c-q2x9k", 11, Cut::kMiddle), "check…q2x9k");
  EXPECT_EQ(CutToWidth("日本語ポッド", 6, Cut::kMiddle), "日…ド");
  EXPECT_EQ(CutToWidth("abc", 0, Cut::kEnd), "");
  for (int width = 1; width < 12; ++width) {
    EXPECT_LE(DisplayWidth(CutToWidth("a日本b語cポッド", width, Cut::kMiddle)), width);
  }
}

TEST(Number, UnitsComeFromNames) {
  EXPECT_EQ(UnitOfMetric("node_memory_MemFree_bytes"), Unit::kBytes);
  EXPECT_EQ(UnitOfMetric("node_network_receive_bytes_total"), Unit::kBytes);
  EXPECT_EQ(UnitOfMetric("node_cpu_seconds_total"), Unit::kSeconds);
  EXPECT_EQ(UnitOfMetric("process_start_time_seconds"), Unit::kTimestamp);
  EXPECT_EQ(UnitOfMetric("node_disk_io_time_seconds_total"), Unit::kSeconds);
  EXPECT_EQ(UnitOfMetric("baro_slo_burn_rate"), Unit::kNone);
  EXPECT_EQ(UnitOfMetric("cache_hit_ratio"), Unit::kRatio);
}

TEST(Number, UnitOfAnExpressionIsKnownOnlyWhereItIsCertain) {
  EXPECT_EQ(UnitOfExpression("sum by (pod) (rate(http_bytes_total{a=\"}\"}[5m]))"),
            Unit::kBytesPerSecond);
  EXPECT_EQ(UnitOfExpression("rate(requests_total[5m])"), Unit::kPerSecond);
  EXPECT_EQ(UnitOfExpression("rate(node_cpu_seconds_total[5m])"), Unit::kNone);
  EXPECT_EQ(UnitOfExpression("topk by (a) (3, mem_bytes offset 5m)"), Unit::kBytes);
  EXPECT_EQ(UnitOfExpression("max_over_time(mem_bytes[1h])"), Unit::kBytes);
  EXPECT_EQ(UnitOfExpression("a_bytes / b_bytes"), Unit::kNone);
  EXPECT_EQ(UnitOfExpression("count(mem_bytes)"), Unit::kNone);
  EXPECT_EQ(UnitOfExpression("mem_bytes > 5"), Unit::kNone);
  EXPECT_EQ(UnitOfExpression(""), Unit::kNone);
  EXPECT_EQ(UnitOfExpression("\"unclosed"), Unit::kNone);
}

TEST(Number, ColumnsShareOneScale) {
  const CommonScale bytes =
      ChooseScale(Unit::kBytes, {3.5 * 1024 * 1024 * 1024, 512.0 * 1024 * 1024});
  ASSERT_TRUE(bytes.common);
  EXPECT_EQ(FormatScaled(512.0 * 1024 * 1024, bytes.scale), "0.500 GiB");
  // A few bytes beside gigabytes would be shown as nothing: each then has its own prefix.
  EXPECT_FALSE(ChooseScale(Unit::kBytes, {4e9, 1000}).common);
  const CommonScale plain = ChooseScale(Unit::kNone, {1, 22, 333});
  EXPECT_EQ(FormatScaled(22, plain.scale), "22");
  EXPECT_EQ(FormatScaled(0, ChooseScale(Unit::kNone, {0.5, 0}).scale), "0");
  EXPECT_EQ(FormatScaled(NAN, plain.scale), "NaN");
  EXPECT_EQ(FormatScaled(-INFINITY, plain.scale), "-Inf");
}

TEST(Number, OneNumberIsReadable) {
  EXPECT_EQ(FormatOne(0.0123, Unit::kSeconds), "12.30 ms");
  EXPECT_EQ(FormatOne(1536, Unit::kBytesPerSecond), "1.500 KiB/s");
  EXPECT_EQ(FormatOne(0.853, Unit::kRatio), "85.30 %");
  EXPECT_EQ(FormatOne(123456, Unit::kNone), "123456");
  EXPECT_EQ(FormatOne(12345678, Unit::kNone), "12.35 million");
  EXPECT_EQ(FormatOne(1e-7, Unit::kNone), "1e-07");
  EXPECT_EQ(FormatOne(1795414780, Unit::kTimestamp), "2026-11-23 06:19:40 UTC");
}

TEST(Number, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(FormatDuration(0.0034), "3.4 ms");
  EXPECT_EQ(FormatDuration(0.85), "850 ms");
  EXPECT_EQ(FormatDuration(3.21), "3.2 s");
  EXPECT_EQ(FormatDuration(250), "4m 10s");
  EXPECT_EQ(FormatDuration(183600), "2d 3h");
}

TEST(Table, AlignsPointsAndCutsNames) {
  Table table{{{"POD"}, {"VALUE", Align::kPoint}},
              {{{"a-very-long-pod-name-x1"}, {"1.5"}}, {{"b"}, {"22.25"}}, {{"c"}, {"NaN"}}}};
  EXPECT_EQ(RenderTable(table, {40, 24, true, false}, {}),
            "POD                       VALUE\n"
            "a-very-long-pod-name-x1    1.5\n"
            "b                         22.25\n"
            "c                        NaN\n");
  EXPECT_EQ(RenderTable(table, {20, 24, true, false}, {}),
            "POD            VALUE\n"
            "a-very…me-x1    1.5\n"
            "b              22.25\n"
            "c             NaN\n");
}

TEST(Csv, QuotesOnlyWhatMustBe) {
  EXPECT_EQ(CsvLine({"a", "b c", "d,e", "f\"g", "h\ni", ""}),
            "a,b c,\"d,e\",\"f\"\"g\",\"h\ni\",\n");
  EXPECT_EQ(CsvLine({""}), "\"\"\n");
}

TEST(Json, StringsAreValidAndHarmless) {
  EXPECT_EQ(JsonString("a\"b\\c\n\x1b"), "\"a\\\"b\\\\c\\n\\u001b\"");
  EXPECT_EQ(JsonString("\xe2\x80\xae"), "\"\\u202e\"");
  EXPECT_EQ(JsonString("\xff"), "\"\\ufffd\"");
  EXPECT_EQ(JsonString("日本"), "\"日本\"");
}

TEST(Series, SelectorsCanBePastedBack) {
  EXPECT_EQ(SelectorText({{"__name__", "up"}, {"job", "a\"b"}}), "up{job=\"a\\\"b\"}");
  EXPECT_EQ(SelectorText({{"__name__", "up"}}), "up");
  EXPECT_EQ(SelectorText({{"__name__", "http.requests"}, {"k8s.pod", "x"}}),
            "{\"http.requests\",\"k8s.pod\"=\"x\"}");
  EXPECT_EQ(SelectorText({}), "");
}

TEST(Series, NumbersInsideNamesSortByValue) {
  EXPECT_TRUE(LabelsLess({{"cpu", "2"}}, {{"cpu", "10"}}));
  EXPECT_TRUE(LabelsLess({{"pod", "web-9-a"}}, {{"pod", "web-10-a"}}));
  EXPECT_FALSE(LabelsLess({{"pod", "a"}}, {{"pod", "a"}}));
}

TEST(Chart, GapsAreNotJoined) {
  const ChartLine line = {{0, 1}, {10, 1}, {90, 1}, {100, 1}};
  ChartFrame frame{0, 100, 10, Unit::kNone, 60, 8};
  const std::string chart = RenderChart({line}, frame, {60, 24, true, false});
  frame.step_seconds = 100;
  EXPECT_NE(chart, RenderChart({line}, frame, {60, 24, true, false}));
  EXPECT_NE(chart.find("     "), std::string::npos);
}

TEST(Chart, SurvivesStrangeValues) {
  const Screen screen{80, 24, true, false};
  const ChartFrame frame{0, 100, 10, Unit::kNone, 80, 10};
  for (const ChartLine& line :
       {ChartLine{}, ChartLine{{0, NAN}}, ChartLine{{0, INFINITY}, {10, 1}}, ChartLine{{50, 0}},
        ChartLine{{0, 1e308}, {10, -1e308}}, ChartLine{{0, 5e-324}, {10, 0}},
        ChartLine{{0, 1e15}, {10, 1e15 + 1}}}) {
    EXPECT_FALSE(RenderChart({line}, frame, screen).empty());
    EXPECT_EQ(DisplayWidth(RenderTrend(line, frame, 10)), 10);
  }
}

}  // namespace
}  // namespace baro::cli
