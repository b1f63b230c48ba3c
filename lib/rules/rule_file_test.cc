// Rule files: Prometheus' own are read; every mistake is told with file:line:column.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "baro/rules/rule_file.h"

namespace baro::rules {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(RuleFile, ReadsEverythingThatPrometheusKnows) {
  const auto groups = ParseRuleFile(R"(groups:
- name: one
  interval: 30s
  limit: 5
  query_offset: 1m
  labels: {team: a, severity: none}
  rules:
  - record: job:up:sum
    expr: sum by(job)(up)
    labels: {x: "y"}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1h
    labels: {severity: page, replica: 1}
    annotations: {summary: "{{ $labels.instance }}"}
- name: two
  rules: []
- name: three
)",
                                    "f.yml");
  ASSERT_TRUE(groups.ok()) << groups.status();
  ASSERT_EQ(groups->size(), 3u);
  const GroupSpec& one = (*groups)[0];
  EXPECT_EQ(one.interval_ms, 30'000);
  EXPECT_EQ(one.limit, 5);
  EXPECT_EQ(one.query_offset_ms, 60'000);
  ASSERT_EQ(one.rules.size(), 2u);
  EXPECT_EQ(one.rules[0].query, "sum by (job) (up)");
  EXPECT_EQ(one.rules[0].labels, (model::Labels{{"severity", "none"}, {"team", "a"}, {"x", "y"}}));
  EXPECT_TRUE(one.rules[1].alerting);
  EXPECT_EQ(one.rules[1].hold_ms, 300'000);
  EXPECT_EQ(one.rules[1].keep_firing_for_ms, 3'600'000);
  EXPECT_EQ(one.rules[1].labels,
            (model::Labels{{"replica", "1"}, {"severity", "page"}, {"team", "a"}}));
  EXPECT_EQ(one.rules[1].where, "f.yml:11:5");
}

TEST(RuleFile, AnEmptyFileHasNoGroups) {
  EXPECT_TRUE(ParseRuleFile("", "f.yml")->empty());
  EXPECT_TRUE(ParseRuleFile("groups:\n", "f.yml")->empty());
}

// A mistake in the rule's own lines, which begin in line 4.
struct Mistake {
  const char* rule;
  const char* expected;
};

TEST(RuleFile, TellsEveryMistakeWithItsPlace) {
  const Mistake mistakes[] = {
      {"record: a\n    alert: b\n    expr: up", "only one of 'record' and 'alert' must be set"},
      {"expr: up", "f.yml:4:5: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"},
      {"record: a", "field 'expr' must be set in rule"},
      {"alert: a\n    expr: sum(",
       "f.yml:5:11: group \"g\", rule 1, \"a\": could not parse "
       "expression: 1:5: parse error"},
      {"alert: a\n    expr: up\n    for: never", "f.yml:6:10: "},
      {"alert: a\n    expr: up\n    bogus: 1", "f.yml:6:5: "},
      {"record: a\n    expr: up\n    for: 5m", "invalid field 'for' in recording rule"},
      {"record: a\n    expr: up\n    keep_firing_for: 5m",
       "invalid field 'keep_firing_for' in recording rule"},
      {"record: a\n    expr: up\n    annotations: {a: b}",
       "invalid field 'annotations' in recording rule"},
      {"record: 'a{b}'\n    expr: up", "braces present in the recording rule name"},
      {"record: a\n    expr: up\n    labels: {__name__: x}",
       "f.yml:6:14: group \"g\", rule 1, \"a\": invalid label name: __name__"},
      {"record: a\n    expr: up\n    labels: {'': x}", "invalid label name: "},
      {"alert: a\n    expr: up\n    annotations: {'': x}", "invalid annotation name: "},
      {"alert: a\n    expr: up\n    labels:\n      x: '{{ nofunc }}'",
       "f.yml:7:7: group \"g\", rule 1, \"a\": label \"x\": template: __alert_a:1: function "
       "\"nofunc\" not defined"},
      {"alert: a\n    expr: up\n    annotations:\n      x: '{{ if }}'",
       "annotation \"x\": template: __alert_a:1: missing value for if"},
      {"alert: a\n    expr: up\n    no_data: maybe", "expected keep, alert or ok"},
      {"record: a\n    expr: up\n    no_data: keep", "invalid field 'no_data'"},
      {"alert: a\n    expr: up\n    resolve_expr: up >", "could not parse expression"},
      {"alert: a\n    expr: up\n    for: {of: 5}", "at_least"},
      {"alert: a\n    expr: up\n    for: {of: 0, at_least: 0}", "must be 1 to 64"},
      {"alert: a\n    expr: up\n    for: {of: 3, at_least: 4}", "must be 1 to the value of `of`"},
      {"alert: a\n    expr: up\n    labels: [a]", "expected a map"},
      {"alert: a\n    alert: b\n    expr: up", "f.yml:5:5"},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string text =
        std::string("groups:\n- name: g\n  rules:\n  - ") + mistake.rule + "\n";
    std::vector<std::string> problems;
    const auto groups = ParseRuleFile(text, "f.yml", &problems);
    EXPECT_FALSE(groups.ok()) << text;
    ASSERT_FALSE(problems.empty()) << text;
    EXPECT_THAT(problems[0], StartsWith("f.yml:"));
    EXPECT_THAT(problems[0], HasSubstr(mistake.expected)) << text;
  }
}

TEST(RuleFile, TellsMistakesOfGroups) {
  const Mistake mistakes[] = {
      {"- rules: []", "f.yml:2:3: Groupname must not be empty"},
      {"- name: a\n- name: a", "f.yml:3:3: groupname: \"a\" is repeated in the same file"},
      {"- name: a\n  labels: {__name__: x}", "f.yml:3:12: invalid label name: __name__"},
      {"- name: a\n  interval: x", "f.yml:3:13: "},
      {"- name: a\n  limit: many", "f.yml:3:10: "},
      {"- name: a\n  partial_response_strategy: warn", "f.yml:3:3: "},
      {"- name: a\n  rules: 5", "f.yml:3:10: expected a list"},
  };
  for (const Mistake& mistake : mistakes) {
    const auto groups = ParseRuleFile(std::string("groups:\n") + mistake.rule + "\n", "f.yml");
    ASSERT_FALSE(groups.ok()) << mistake.rule;
    EXPECT_THAT(std::string(groups.status().message()), HasSubstr(mistake.expected));
  }
}

TEST(RuleFile, OneMistakeDoesNotHideTheNext) {
  std::vector<std::string> problems;
  const auto groups = ParseRuleFile(
      "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'sum('}\n  - {alert: b}\n- name: g\n",
      "f.yml", &problems);
  EXPECT_FALSE(groups.ok());
  EXPECT_EQ(problems.size(), 3u);
}

TEST(RuleFile, PatternsFindFilesRelativeToTheFolder) {
  const std::string folder = ::testing::TempDir() + "/rule_files." + std::to_string(::getpid());
  std::filesystem::create_directories(folder + "/sub");
  for (const char* name : {"/b.yml", "/a.yml", "/sub/c.yml", "/d.yaml"}) {
    std::ofstream(folder + name) << "groups: []\n";
  }
  const auto files = FindRuleFiles({"*.yml", "sub/*", "a.yml", "none*"}, folder);
  ASSERT_TRUE(files.ok());
  EXPECT_THAT(*files,
              ::testing::ElementsAre(folder + "/a.yml", folder + "/b.yml", folder + "/sub/c.yml"));
  std::filesystem::remove_all(folder);
}

TEST(RuleFile, DuplicatesAreNamed) {
  const auto groups = ParseRuleFile(
      "groups:\n- name: g\n  rules:\n  - {record: a, expr: up}\n  - {record: a, expr: up}\n"
      "  - {record: a, expr: up, labels: {x: y}}\n",
      "f.yml");
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(DuplicateRules(*groups).size(), 1u);
}

}  // namespace
}  // namespace baro::rules
