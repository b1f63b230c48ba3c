// What TAB may add: the place in an unfinished expression, shells' quotes, and nothing dangerous.

#include <gmock/gmock.h>

#include "test_support.h"
#include "verbs/expression_place.h"
#include "verbs/shell_words.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

using Kind = ExpressionPlace::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::VerbRun;

struct PlaceCase {
  const char* expression;
  Kind kind;
  const char* typed;
  const char* metric = "";
  const char* label = "";
};

TEST(ExpressionPlace, IsWhereTheExpressionEnds) {
  for (const PlaceCase& one : {
           PlaceCase{"", Kind::kName, ""},
           PlaceCase{"http_r", Kind::kName, "http_r"},
           PlaceCase{"sum(rate(http_r", Kind::kName, "http_r"},
           PlaceCase{"up + no", Kind::kName, "no"},
           PlaceCase{"up{", Kind::kLabel, "", "up"},
           PlaceCase{"up{job=\"a\",ins", Kind::kLabel, "ins", "up"},
           PlaceCase{"up{job=\"no", Kind::kLabelValue, "no", "up", "job"},
           PlaceCase{"up{job=~'no", Kind::kLabelValue, "no", "up", "job"},
           PlaceCase{"{job!=\"", Kind::kLabelValue, "", "", "job"},
           PlaceCase{"sum by (jo", Kind::kLabel, "jo"},
           PlaceCase{"a * on(instance, jo", Kind::kLabel, "jo"},
           PlaceCase{"rate(up[5", Kind::kNothing, "5"},
           PlaceCase{"up{job=", Kind::kNothing, ""},
           PlaceCase{"label_replace(up, \"x", Kind::kNothing, "x"},
           PlaceCase{"up > 5", Kind::kNothing, "5"},
           PlaceCase{"up{job=\"a\"} + u", Kind::kName, "u"},
       }) {
    SCOPED_TRACE(one.expression);
    const std::string expression = one.expression;
    const ExpressionPlace place = PlaceOf(expression);
    EXPECT_EQ(place.kind, one.kind);
    EXPECT_EQ(place.typed, one.typed);
    EXPECT_EQ(base::StrCat(place.before, place.typed), expression);
    EXPECT_EQ(place.metric, one.metric);
    EXPECT_EQ(place.label, one.label);
  }
}

TEST(ExpressionPlace, SurvivesEveryPrefixOfAnything) {
  const std::string text =
      "sum by (a, b) (rate({__name__=~\"x\\\"y\", `q`='z'}[5m:1m] offset 1m)) }])({";
  for (size_t size = 0; size <= text.size(); ++size) {
    const std::string part = text.substr(0, size);
    const ExpressionPlace place = PlaceOf(part);
    EXPECT_EQ(place.before.size() + place.typed.size(), size);
  }
}

TEST(ShellWords, AreReadAsAShellReadsThem) {
  const auto words = ShellWords("baro query 'up{job=\"no");
  ASSERT_EQ(words.size(), 3u);
  EXPECT_EQ(words[2].text, "up{job=\"no");
  EXPECT_EQ(words[2].raw, "up{job=\"no");
  EXPECT_EQ(words[2].quote, '\'');
  EXPECT_EQ(ShellWords("baro query \"a\\\"b").back().text, "a\"b");
  EXPECT_EQ(ShellWords("baro query rate\\(ht").back().text, "rate(ht");
  EXPECT_EQ(ShellWords("baro query ").back().text, "");
  EXPECT_EQ(ShellQuoted("a\"b$", '"'), "a\\\"b\\$");
  EXPECT_EQ(ShellQuoted("a b(", 0), "a\\ b\\(");
}

std::vector<std::string> Complete(const std::string& line, bool plain, const char* values) {
  VerbRun run;
  const std::string body = base::StrCat(R"({"status":"success","data":)", values, "}");
  for (const char* path :
       {"/api/v1/label/__name__/values", "/api/v1/label/job/values", "/api/v1/labels"}) {
    run.transport.Answer(path, ApiResponse{200, body});
  }
  CompleteArguments arguments;
  arguments.line = line;
  arguments.plain = plain;
  EXPECT_TRUE(run.Run(arguments).ok());
  std::vector<std::string> lines;
  for (size_t at = 0; at < run.out.size();) {
    const size_t end = run.out.find('\n', at);
    lines.push_back(run.out.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(Complete, GivesMetricsAndFunctions) {
  EXPECT_THAT(Complete("baro query 'sum(rat", false, R"(["rate_total","up"])"),
              ElementsAre("sum(rate(", "sum(rate_total"));
  EXPECT_THAT(Complete("baro query 'histogram_quantil", true, "[]"),
              ElementsAre("histogram_quantile(", "histogram_quantiles("));
}

TEST(Complete, GivesLabelsAndValues) {
  EXPECT_THAT(Complete("baro query 'up{jo", false, R"(["job","instance"])"),
              ElementsAre("up{job=\""));
  EXPECT_THAT(Complete("baro query 'up{job=\"no", false, R"(["node","api"])"),
              ElementsAre("up{job=\"node\""));
  EXPECT_THAT(Complete("baro query \"up{job=\\\"no", false, R"(["node"])"),
              ElementsAre("up{job=\\\"node\\\""));
  EXPECT_THAT(Complete("baro labels in", false, R"(["job","instance"])"), ElementsAre("instance"));
}

TEST(Complete, NeverGivesWhatAShellWouldRun) {
  const char* hostile =
      R"json(["a$(reboot)","a`reboot`","a'b","a\"b","a\\b","a\nb","a!b","ok a"])json";
  EXPECT_THAT(Complete("baro query 'up{job=\"", false, hostile), ElementsAre("up{job=\"ok a\""));
  EXPECT_THAT(Complete("baro query a", false, hostile), Not(ElementsAre(HasSubstr("reboot"))));
  for (const std::string& line : Complete("baro query a", false, hostile)) {
    EXPECT_THAT(line, Not(HasSubstr("reboot")));
  }
}

TEST(Complete, SaysNothingWhenTheCollectorIsAway) {
  VerbRun run;
  run.transport.Answer("/api/v1/label/__name__/values", absl::UnavailableError("away"));
  CompleteArguments arguments;
  arguments.line = "baro query 'u";
  EXPECT_TRUE(run.Run(arguments).ok());
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.notes, "");
}

}  // namespace
}  // namespace baro::cli
