// A lint finds what can never be true, and says nothing of what can.

#include "baro/rules/lint.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "baro/base/strings.h"

namespace baro::rules {
namespace {

std::vector<GroupSpec> GroupsWith(const std::string& expression) {
  const auto groups =
      ParseRuleFile(base::StrCat("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      ",
                                 expression, "\n"),
                    "a.yml");
  EXPECT_TRUE(groups.ok()) << expression << ": " << groups.status();
  return groups.ok() ? *groups : std::vector<GroupSpec>();
}

TEST(Lint, FindsComparisonsThatAreNeverTrue) {
  for (const char* expression :
       {"up < 0", "up > 1", "count(up) == 0", "absent(up) > 1", "rate(a_total[5m]) < 0",
        "sum(rate(a_total[5m])) < 0", "abs(x) < 0", "clamp_max(x, 5) > 5", "hour() > 23",
        "clamp(x, 0, 1) * 100 > 150", "1 - up > 1", "-up > 0", "avg(up) > 1",
        "max_over_time(up[5m]) == 2", "stddev(x) < 0", "(up == 1) == 0", "y > 3 and count(x) < 1",
        "histogram_fraction(0, 1, h) > 1"}) {
    EXPECT_EQ(Lint(GroupsWith(expression)).size(), 1u) << expression;
  }
}

TEST(Lint, SaysNothingOfComparisonsThatCanBeTrue) {
  for (const char* expression :
       {"up == 0", "up < 1", "count(up) < 3", "count(up) == 1", "absent(up) == 1", "x < 0",
        "rate(a_total[5m]) == 0", "sum(up) > 5", "clamp_max(x, 5) >= 5", "1 - up > 0",
        "a_total / b_total > 100", "a_total - b_total < 0", "delta(x[5m]) < 0",
        "predict_linear(x[1h], 3600) < 0", "quantile(2, up) > 1", "hour() >= 23",
        "up == bool 0 == 1", "sum(-up) < 0", "x ^ 2 < 0"}) {
    for (const LintProblem& problem : Lint(GroupsWith(expression))) {
      ADD_FAILURE() << expression << ": " << problem.text;
    }
  }
}

TEST(Lint, SaysWhyAndWhere) {
  const auto problems = Lint(GroupsWith("clamp(x, 0, 1) * 100 > 150"));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where.substr(0, 7), "a.yml:4");
  EXPECT_EQ(problems[0].text,
            "clamp(x, 0, 1) * 100 > 150 is never true: clamp(x, 0, 1) * 100 is between 0 and 100");
}

class Facts final : public LintFacts {
 public:
  absl::StatusOr<std::string> TypeOf(const std::string& metric) override { return types[metric]; }
  absl::StatusOr<bool> HasSeries(const std::vector<model::Matcher>& matchers) override {
    if (away) return absl::UnavailableError("away");
    std::string name;
    bool others = true;
    for (const model::Matcher& matcher : matchers) {
      if (matcher.name() == model::kMetricName) {
        name = matcher.value();
      } else {
        others &= matcher.Matches("there");
      }
    }
    return types.contains(name) && others;
  }
  std::map<std::string, std::string> types = {{"a_total", "counter"}, {"level", "gauge"}};
  bool away = false;
};

std::vector<std::string> Found(const std::string& expression) {
  Facts facts;
  const auto problems = LintLive(GroupsWith(expression), &facts);
  EXPECT_TRUE(problems.ok());
  std::vector<std::string> texts;
  for (const LintProblem& problem : *problems) texts.push_back(problem.text);
  return texts;
}

TEST(Lint, HoldsRulesAgainstWhatIsThere) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(Found("rate(a_total[5m]) > 1 and level < 3"), Texts());
  EXPECT_EQ(Found("rate(level[5m]) > 1"),
            Texts({"rate() of level, which is a gauge: use delta() or deriv()"}));
  EXPECT_EQ(Found("deriv(a_total[5m]) > 1"),
            Texts({"deriv() of a_total, which is a counter: use rate() or increase()"}));
  EXPECT_EQ(Found("nothing > 1"), Texts({"there is no metric nothing"}));
  EXPECT_EQ(Found("level{x=\"gone\"} > 1"),
            Texts({"level{x=\"gone\"} matches no series, though level has some"}));
  EXPECT_EQ(Found("absent(nothing)"), Texts()) << "it is looked for because it may be missing";
  EXPECT_EQ(Found("ALERTS > 0"), Texts());
}

TEST(Lint, HandsOnThatTheServerIsAway) {
  Facts facts;
  facts.away = true;
  EXPECT_EQ(LintLive(GroupsWith("level > 1"), &facts).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace baro::rules
