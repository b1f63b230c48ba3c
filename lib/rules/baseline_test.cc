// What is usual is learned from the same hour of earlier weeks, and from nothing else.

#include "baseline.h"

#include <cmath>

#include "rules_test_support.h"

namespace baro::rules {
namespace {

using testing::Series;

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kWeekMs = 168 * kHourMs;

class BaselineTest : public testing::Rules {
 protected:
  // A whole hour, so that hours of the test are hours of the week.
  BaselineTest() { clock_.SetNowMs(kNowMs); }

  void Past(const std::string& name, int64_t at_ms, double value) {
    storage_.source.Append(Series(name), {at_ms, value});
  }
  // Every five minutes of that hour of the week, weeks ago.
  void PastHour(int weeks, double value, const std::string& name = "load") {
    for (int64_t i = 0; i < 12; ++i) Past(name, kNowMs - weeks * kWeekMs + i * 300'000, value);
  }
  double Learned(const std::string& what) { return Value("usual:" + what); }

  static constexpr int64_t kNowMs = kStartMs - kStartMs % kHourMs + 8 * kWeekMs;
};

constexpr char kRule[] = R"(
groups:
  - name: g
    interval: 60s
    rules:
      - baseline: usual
        expr: load
        quantiles: [0.25, 0.999]
        samples_min: 24
)";

TEST(Summarize, IsExact) {
  std::vector<double> values = {9, 1, 2, 3, 4};
  const UsualValues usual = Summarize(&values, {0, 0.25, 1});
  EXPECT_EQ(usual.median, 3);
  EXPECT_EQ(usual.mad, 1);  // of 6 2 1 0 1
  EXPECT_EQ(usual.quantiles, (std::vector<double>{1, 2, 9}));
  values = {5};
  EXPECT_EQ(Summarize(&values, {}).mad, 0);
}

TEST_F(BaselineTest, LearnsFromTheSameHourOfEarlierWeeks) {
  for (int weeks = 4; weeks >= 1; --weeks) {
    // The hours before and after it are another matter.
    for (int64_t i = 0; i < 12; ++i) {
      Past("load", kNowMs - weeks * kWeekMs - kHourMs + i * 300'000, 1e6);
    }
    PastHour(weeks, 100 + weeks);
    for (int64_t i = 0; i < 12; ++i) {
      Past("load", kNowMs - weeks * kWeekMs + kHourMs + i * 300'000, -1e6);
    }
  }
  Load(kRule);
  Pass(130);
  EXPECT_EQ(Learned("median"), 102.5);
  EXPECT_EQ(Learned("mad"), 1);
  EXPECT_EQ(Learned("samples"), 48);
  EXPECT_DOUBLE_EQ(Learned("high"), 102.5 + 3 * 1.4826);
  EXPECT_DOUBLE_EQ(Learned("low"), 102.5 - 3 * 1.4826);
  EXPECT_EQ(Learned("q25"), 101.75);
  EXPECT_EQ(Learned("q99_9"), 104);
  EXPECT_EQ(Value("usual:median{instance=\"a\"}"), 102.5) << "labels of the series stay";
}

TEST_F(BaselineTest, SaysNothingOfWhatIsTooNew) {
  PastHour(1, 5);
  Load(kRule);
  Pass(130);
  EXPECT_TRUE(std::isnan(Learned("median"))) << "12 values are fewer than samples_min";
}

TEST_F(BaselineTest, LeavesIncidentsOut) {
  for (int weeks = 4; weeks >= 1; --weeks) PastHour(weeks, weeks == 2 ? 1e9 : 10);
  PastHour(2, 1, "incident");
  Load(R"(
groups:
  - name: g
    interval: 60s
    rules:
      - {baseline: usual, expr: load, exclude: incident == 1, floor: 2, samples_min: 24}
)");
  Pass(130);
  EXPECT_EQ(Learned("samples"), 36);
  EXPECT_EQ(Learned("high"), 12) << "the floor counts where nothing ever varied";
}

TEST_F(BaselineTest, EndsWithItsHour) {
  for (int weeks = 4; weeks >= 1; --weeks) PastHour(weeks, 10);
  Load(kRule);
  Pass(3'500);
  EXPECT_EQ(Learned("median"), 10);
  Pass(200);  // nothing is known of the next hour but the end of the lookback
  EXPECT_TRUE(std::isnan(Learned("median"))) << "its series end";
}

TEST(BaselineFile, NamesEveryMistakeWithItsPlace) {
  const std::pair<const char*, const char*> kCases[] = {
      {"{baseline: b, expr: x, season: month}", "expected week or day"},
      {"{baseline: b, expr: x, history: 1d}", "expected 1 to 60 seasons"},
      {"{baseline: b, expr: x, quantiles: [2]}", "expected numbers between 0 and 1"},
      {"{baseline: b, expr: x, band: 0}", "expected a number above 0"},
      {"{baseline: b, expr: x, floor: -1}", "expected a number not below 0"},
      {"{baseline: b, record: c, expr: x}", "only one of 'record' and 'baseline'"},
      {"{baseline: b, expr: x, exclude: 'sum('}", "could not parse expression"},
      {"{baseline: b, expr: x, for: 1m}", "invalid field 'for' in recording rule"},
      {"{record: b, expr: x, season: day}", "unknown key"}};
  for (const auto& [rule, message] : kCases) {
    std::vector<std::string> problems;
    const auto groups = ParseRuleFile(std::string("groups: [{name: g, rules: [") + rule + "]}]",
                                      "b.yml", &problems);
    ASSERT_FALSE(groups.ok()) << rule;
    EXPECT_NE(problems[0].find(message), std::string::npos) << problems[0];
    EXPECT_EQ(problems[0].substr(0, 8), "b.yml:1:") << problems[0];
  }
}

}  // namespace
}  // namespace baro::rules
