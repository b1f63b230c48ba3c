// Labels are sets, matchers match what Prometheus' match, and MemorySource finds what was put in.

#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/model/matcher.h"
#include "baro/model/memory_source.h"
#include "gtest/gtest.h"

namespace baro::model {
namespace {

Matcher Match(MatchType type, std::string name, std::string value) {
  auto matcher = Matcher::Create(type, std::move(name), std::move(value));
  EXPECT_TRUE(matcher.ok()) << matcher.status();
  return *matcher;
}

TEST(Labels, AreASortedSetWithoutEmptyValues) {
  const Labels labels = Labels::FromUnsorted({{"z", "1"}, {"a", "2"}, {"z", "3"}, {"gone", ""}});
  EXPECT_EQ(labels, (Labels{{"a", "2"}, {"z", "3"}}));
  EXPECT_EQ(labels.Get("z"), "3");
  EXPECT_FALSE(labels.Has("gone"));
}

TEST(Labels, HashAddsUpOverHalves) {
  const Labels target{{"job", "node"}, {"instance", "a:1"}};
  const Labels column{{"__name__", "up"}, {"mode", "idle"}};
  const LabelsRef series{&target, &column};
  EXPECT_EQ(series.Merge().Hash(), series.Hash());
  EXPECT_NE(target.Hash(), column.Hash());
}

TEST(Labels, AreWrittenAsPromqlWritesThem) {
  EXPECT_EQ((Labels{{"__name__", "up"}, {"job", "a\"b\n"}}).ToString(), "up{job=\"a\\\"b\\n\"}");
  EXPECT_EQ((Labels{{"__name__", "up"}}).ToString(), "up");
  EXPECT_EQ((Labels{}).ToString(), "{}");
  EXPECT_EQ((Labels{{"__name__", "a.b"}, {"c.d", "e"}}).ToString(), "{\"a.b\", \"c.d\"=\"e\"}");
}

TEST(Matcher, AnchorsAndLetsDotsMatchNewlines) {
  EXPECT_TRUE(Match(MatchType::kRegex, "job", "no.e").Matches("node"));
  EXPECT_FALSE(Match(MatchType::kRegex, "job", "no").Matches("node"));
  EXPECT_TRUE(Match(MatchType::kRegex, "job", "a.b").Matches("a\nb"));
  EXPECT_TRUE(Match(MatchType::kNotRegex, "job", "a|b").Matches("c"));
  EXPECT_TRUE(Match(MatchType::kRegex, "job", "a|").MatchesEmpty());
  EXPECT_TRUE(Match(MatchType::kNotEqual, "job", "a").MatchesEmpty());
}

TEST(Matcher, TakesNamedGroupsAsGoWritesThem) {
  const std::tuple<const char*, const char*, const char*> kCases[] = {
      {"(?<n>a+)b", "(?P<n>a+)b", "aab"},
      {"(?P<n>a+)b", "(?P<n>a+)b", "aab"},
      {"(?<n>a)(?<n>b)(?P<n>c)", "(?P<n>a)(b)(c)", "abc"},
      {"((?<x1>a)|(?:(?<_>b)))", "((?P<x1>a)|(?:(?P<_>b)))", "b"},
      {"\\(?<n>", "\\(?<n>", "<n>"},
      {"\\\\(?<n>a)", "\\\\(?P<n>a)", "\\a"},
      {"[(?<n>]", "[(?<n>]", "?"},
      {"[](?<n>]", "[](?<n>]", "]"},
      {"[^](?<n>](?<n>a)", "[^](?<n>](?P<n>a)", "xa"},
      {"[[:alpha:](?<](?<n>a)", "[[:alpha:](?<](?P<n>a)", "za"},
      {"[\\](?<n>](?<n>a)", "[\\](?<n>](?P<n>a)", "]a"},
      {"\\Q(?<n>\\E(?<n>a)", "\\Q(?<n>\\E(?P<n>a)", "(?<n>a"},
      {"\\Q(?<n>", "\\Q(?<n>", "(?<n>"},
  };
  for (const auto& [go, re2, value] : kCases) {
    EXPECT_EQ(ToRe2Syntax(go), re2);
    const auto matcher = Matcher::Create(MatchType::kRegex, "job", go);
    ASSERT_TRUE(matcher.ok()) << go << ": " << matcher.status();
    EXPECT_TRUE(matcher->Matches(value)) << go;
    EXPECT_EQ(matcher->value(), go) << "shown as it was written";
  }
  for (const char* broken : {"(?<=a)b", "(?<!a)b", "(?<n", "(?<>a)", "(?<a-b>c)", "(?<", "(?<n>a",
                             "[(?<n>", "\\", "[\\", "(?<n>a)(?<a-b>"}) {
    EXPECT_FALSE(Matcher::Create(MatchType::kRegex, "job", broken).ok()) << broken;
  }
}

TEST(Matcher, KnowsItsLiterals) {
  EXPECT_EQ(Match(MatchType::kRegex, "job", "a|b").literals(),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(Match(MatchType::kRegex, "job", "a.*").literals().empty());
  EXPECT_EQ(Match(MatchType::kRegex, "job", "a\"").ToString(), "job=~\"a\\\"\"");
}

TEST(Matcher, RefusesABrokenExpressionWithItsReason) {
  const auto broken = Matcher::Create(MatchType::kRegex, "job", "a(");
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(broken.status().message().find("a("), std::string::npos);
}

TEST(Layout, HashDependsOnEveryPart) {
  const Column column{Labels{{"__name__", "up"}}, {"up", MetricType::kGauge, "help", ""}};
  Column other = column;
  other.metadata.help = "other";
  EXPECT_EQ(Layout{{column}}.Hash(), Layout{{column}}.Hash());
  EXPECT_NE(Layout{{column}}.Hash(), Layout{{other}}.Hash());
  EXPECT_NE((Layout{{column, other}}).Hash(), (Layout{{other, column}}).Hash());
}

TEST(MemorySource, FindsSeriesAndCutsThemToTheRange) {
  MemorySource source;
  const Labels up{{"__name__", "up"}, {"job", "node"}};
  for (int64_t t = 0; t < 10; ++t) source.Append(up, {t * 1000, static_cast<double>(t)});
  source.Append(Labels{{"__name__", "down"}, {"job", "node"}}, {0, 1});

  const auto set = source.Select({2000, 4000, {Match(MatchType::kEqual, "__name__", "up")}, 0});
  ASSERT_TRUE(set.ok());
  ASSERT_EQ((*set)->size(), 1u);
  EXPECT_EQ((*set)->labels(0).Merge(), up);
  SeriesView view;
  const auto reader = (*set)->Read(0, 1);
  ASSERT_TRUE(*reader->Next(&view));
  EXPECT_EQ(std::vector<double>(view.values.begin(), view.values.end()),
            (std::vector<double>{2, 3, 4}));
  EXPECT_FALSE(*reader->Next(&view));
  EXPECT_EQ(*source.LabelValues("__name__", {}), (std::vector<std::string>{"down", "up"}));
}

}  // namespace
}  // namespace baro::model
