// Each relabel action does what Prometheus' does, and a rule that cannot work is refused.
#include "baro/relabel/relabel.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"

namespace baro::relabel {
namespace {

using model::Labels;

std::vector<RelabelRule> Rules(std::string_view yaml) {
  const auto document = base::ParseYaml(yaml, "rules.yml");
  EXPECT_TRUE(document.ok()) << document.status();
  std::vector<RelabelRule> rules;
  const absl::Status status = base::ReadYaml(*document, &rules);
  EXPECT_TRUE(status.ok()) << status;
  return rules;
}

// What the rules leave of the labels; "dropped" when nothing.
std::string Apply(std::string_view yaml, Labels labels) {
  return Relabel(Rules(yaml), &labels) ? labels.ToString() : "dropped";
}

TEST(Relabel, Replaces) {
  const Labels labels = {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}};
  EXPECT_EQ(
      Apply("[{source_labels: [a], regex: f(.*), target_label: d, replacement: 'ch${1}-ch$1'}]",
            labels),
      R"({a="foo", b="bar", c="baz", d="choo-choo"})");
  EXPECT_EQ(Apply("[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, "
                  "replacement: 'b${1}${2}m'}]",
                  labels),
            R"({a="boobam", b="bar", c="baz"})");
  EXPECT_EQ(Apply("[{source_labels: [a], regex: o, target_label: d, replacement: x}]", labels),
            R"({a="foo", b="bar", c="baz"})")
      << "anchored";
  EXPECT_EQ(Apply("[{target_label: b}]", labels), R"({a="foo", c="baz"})") << "empty removes";
  EXPECT_EQ(Apply("[{target_label: x, replacement: y}]", labels),
            R"({a="foo", b="bar", c="baz", x="y"})");
  EXPECT_EQ(Apply("[{source_labels: [a], regex: '(?P<first>.)(.*)', target_label: '${first}_$2', "
                  "replacement: '$first$$1$3${2'}]",
                  {{"a", "foo"}}),
            R"({a="foo", f_oo="f$1${2"})");
  EXPECT_EQ(Apply("[{source_labels: [a], regex: '(.*)', target_label: b, replacement: '$1x'}]",
                  {{"a", "foo"}}),
            R"({a="foo"})")
      << "$1x is the group named 1x, which there is not";
  EXPECT_EQ(Apply("[{source_labels: [a], regex: 'f.o', target_label: b, replacement: y}]",
                  {{"a", "f\no"}}),
            "{a=\"f\\no\", b=\"y\"}")
      << "a dot matches a line break";
}

TEST(Relabel, KeepsAndDrops) {
  const Labels labels = {{"a", "foo"}, {"b", "foo"}, {"c", "bar"}};
  const std::string all = labels.ToString();
  EXPECT_EQ(Apply("[{action: keep, source_labels: [a], regex: fo+}]", labels), all);
  EXPECT_EQ(Apply("[{action: keep, source_labels: [a], regex: f}]", labels), "dropped");
  EXPECT_EQ(Apply("[{action: Drop, source_labels: [a], regex: fo+}]", labels), "dropped");
  EXPECT_EQ(Apply("[{action: drop, source_labels: [a], regex: f}]", labels), all);
  EXPECT_EQ(Apply("[{action: keepequal, source_labels: [a], target_label: b}]", labels), all);
  EXPECT_EQ(Apply("[{action: keepequal, source_labels: [a], target_label: c}]", labels), "dropped");
  EXPECT_EQ(Apply("[{action: dropequal, source_labels: [a], target_label: b}]", labels), "dropped");
  EXPECT_EQ(Apply("[{action: dropequal, source_labels: [a], target_label: c}]", labels), all);
}

TEST(Relabel, ChangesNamesAndCase) {
  const Labels labels = {{"__meta_x", "1"}, {"__meta_y", "2"}, {"z", "Foo"}};
  EXPECT_EQ(Apply("[{action: labelmap, regex: __meta_(.+)}]", labels),
            R"({__meta_x="1", __meta_y="2", x="1", y="2", z="Foo"})");
  EXPECT_EQ(Apply("[{action: labeldrop, regex: __meta_.*}]", labels), R"({z="Foo"})");
  EXPECT_EQ(Apply("[{action: labelkeep, regex: .*x}]", labels), R"({__meta_x="1"})");
  EXPECT_EQ(Apply("[{action: lowercase, source_labels: [z], target_label: z}]", {{"z", "Foo"}}),
            R"({z="foo"})");
  EXPECT_EQ(Apply("[{action: uppercase, source_labels: [z], target_label: u}]", {{"z", "Foo"}}),
            R"({u="FOO", z="Foo"})");
}

TEST(Relabel, HashesAsPrometheusDoes) {
  // md5("foo") ends in 5c64c2cf1c2d5ba3 … taken modulo 1000, as any Prometheus shards it.
  EXPECT_EQ(Apply("[{action: hashmod, source_labels: [c], target_label: d, modulus: 1000}]",
                  {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}}),
            R"({a="foo", b="bar", c="baz", d="976"})");
  EXPECT_EQ(Apply("[{action: hashmod, source_labels: [a], target_label: d, modulus: 1000}]",
                  {{"a", "foo\nbar"}}),
            "{a=\"foo\\nbar\", d=\"734\"}");
}

TEST(Relabel, StopsAtTheRuleThatDrops) {
  EXPECT_EQ(
      Apply("[{action: drop, source_labels: [a], regex: x}, {target_label: b, replacement: y}]",
            {{"a", "x"}}),
      "dropped");
}

void ExpectRefused(std::string_view yaml, std::string_view message) {
  const auto document = base::ParseYaml(yaml, "r.yml");
  ASSERT_TRUE(document.ok()) << document.status();
  RelabelRule rule;
  EXPECT_EQ(base::FromAbsl(ReadYaml(*document, &rule).message()), message) << yaml;
}

TEST(Relabel, RefusesRulesThatCannotWork) {
  ExpectRefused("{action: frob}", "r.yml:1:10: \"frob\" is not a relabel action");
  ExpectRefused("{action: replace}", "r.yml:1:1: relabel action replace needs a target_label");
  ExpectRefused("{action: hashmod, target_label: a}",
                "r.yml:1:1: relabel action hashmod needs a modulus");
  ExpectRefused("{action: lowercase, target_label: a, replacement: b}",
                "r.yml:1:1: relabel action lowercase takes no replacement");
  ExpectRefused("{action: keepequal, target_label: a, regex: b}",
                "r.yml:1:1: relabel action keepequal takes source_labels and target_label only");
  ExpectRefused("{action: labeldrop, source_labels: [a]}",
                "r.yml:1:1: relabel action labeldrop takes a regex only");
  ExpectRefused("{regex: '(', target_label: a}", "r.yml:1:9: cannot compile \"(\": missing ): (");
}

}  // namespace
}  // namespace baro::relabel
