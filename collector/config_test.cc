// The configuration file is read strictly, and says where it is wrong.

#include "config.h"

#include "baro/base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string ErrorOf(std::string_view text) {
  return std::string(ParseConfig(text, "c.yml").status().message());
}

TEST(Config, HasDefaultsForEverything) {
  for (const char* empty : {"", "{}", "global:\nstorage:\n"}) {
    const auto config = ParseConfig(empty, "c.yml");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->global.scrape_interval, std::chrono::minutes(1));
    EXPECT_FALSE(config->storage.retention);
  }
  EXPECT_TRUE(ReadConfig("").ok());
}

TEST(Config, ReadsWhatItPrints) {
  constexpr std::string_view kText =
      "global:\n  scrape_interval: 15s\n  scrape_timeout: 10s\n  evaluation_interval: 1m\n"
      "  external_labels:\n    \"cluster\": \"a\\\"b\"\nstorage:\n  retention: 1w\n";
  const auto config = ParseConfig(kText, "c.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->global.external_labels.at("cluster"), "a\"b");
  const auto again = ParseConfig(PrintConfig(*config), "c.yml");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(PrintConfig(*again), PrintConfig(*config));
  EXPECT_EQ(again->storage.retention, std::chrono::hours(24 * 7));
}

TEST(Config, NamesThePlaceOfEveryMistake) {
  EXPECT_THAT(ErrorOf("global:\n  scrape_intervall: 1s\n"), StartsWith("c.yml:2:"));
  EXPECT_THAT(ErrorOf("storage:\n  retention: soon\n"), StartsWith("c.yml:2:"));
  EXPECT_THAT(ErrorOf("storage: [1]\n"), StartsWith("c.yml:1:"));
  EXPECT_THAT(ErrorOf("global:\n  evaluation_interval: 0s\n"), HasSubstr("longer than 0"));
  EXPECT_THAT(ErrorOf("nonsense: 1\n"), HasSubstr("nonsense"));
}

TEST(Config, RefusesWhatIsNotAvailableYetByName) {
  EXPECT_THAT(ErrorOf("global: {}\nscrape_configs: []\n"), HasSubstr("baro-agent's work"));
  EXPECT_THAT(ErrorOf("storage: {tsdb: {}}\n"), HasSubstr("`retention`, `retention_classes`"));
}

TEST(Config, ReadsRetentionClassesAndTiers) {
  constexpr std::string_view kText =
      "storage:\n  retention: 30d\n  retention_classes:\n"
      "    - {match: '{job=\"debug\"}', retention: 7d}\n"
      "    - match: 'slo_errors_total{team=~\"a|b\"}'\n      retention: 0\n"
      "  downsampling:\n    - {interval: 5m, retention: 1y}\n    - {interval: 1h, retention: 5y}\n";
  const auto config = ParseConfig(kText, "c.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->storage.retention_classes.size(), 2U);
  EXPECT_EQ(config->storage.retention_classes[1].matchers.size(), 2U);
  const auto again = ParseConfig(PrintConfig(*config), "c.yml");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(PrintConfig(*again), PrintConfig(*config));
  const tsdb::Retention retention = StoreRetention(config->storage, 1'000);
  EXPECT_EQ(retention.retention_ms, 1'000);
  EXPECT_EQ(retention.classes[0].retention_ms, 7 * 86'400'000);
  EXPECT_EQ(retention.classes[1].retention_ms, 0);
  EXPECT_EQ(retention.tiers[1].interval_ms, 3'600'000);
}

TEST(Config, NamesThePlaceOfAMistakeInARetention) {
  EXPECT_THAT(ErrorOf("storage:\n  retention_classes:\n    - {match: '{job=', retention: 7d}\n"),
              StartsWith("c.yml:3:"));
  EXPECT_THAT(ErrorOf("storage:\n  retention_classes:\n    - {match: '{a=\"b\"}'}\n"),
              HasSubstr("retention"));
  EXPECT_THAT(ErrorOf("storage:\n  downsampling: [{interval: 1h, retention: 1y}, "
                      "{interval: 5m, retention: 1y}]\n"),
              HasSubstr("intervals must ascend"));
  EXPECT_THAT(ErrorOf("storage:\n  downsampling: [{interval: 5s, retention: 1y}]\n"),
              HasSubstr("1m or longer"));
}

TEST(Config, ReadsTiersFromAFlag) {
  const auto tiers = ParseDownsampling("5m:1y,1h:5y");
  ASSERT_TRUE(tiers.ok()) << tiers.status();
  ASSERT_EQ(tiers->size(), 2U);
  EXPECT_EQ((*tiers)[1].interval, std::chrono::hours(1));
  EXPECT_EQ((*tiers)[0].retention, std::chrono::hours(24 * 365));
  EXPECT_TRUE(ParseDownsampling("")->empty());
  for (const char* bad : {"5m", "5m:", ":1y", "1h:1y,5m:1y", "1s:1y", "x:y"}) {
    EXPECT_FALSE(ParseDownsampling(bad).ok()) << bad;
  }
}

TEST(Config, ReadsTheRulesOfOtlp) {
  constexpr std::string_view kText =
      "otlp:\n  translation_strategy: NoTranslation\n  promote_resource_attributes: [\"a.b\", c]\n"
      "  keep_identifying_resource_attributes: true\n  convert_histograms_to_nhcb: true\n"
      "  promote_scope_metadata: true\n";
  const auto config = ParseConfig(kText, "c.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->otlp.translation_strategy, OtlpNames::kNoTranslation);
  EXPECT_EQ(config->otlp.promote_resource_attributes, (std::vector<std::string>{"a.b", "c"}));
  const auto again = ParseConfig(PrintConfig(*config), "c.yml");
  ASSERT_TRUE(again.ok()) << again.status() << PrintConfig(*config);
  EXPECT_EQ(again->otlp, config->otlp);
  EXPECT_TRUE(ParseConfig("otlp: {promote_all_resource_attributes: true,\n"
                          "       ignore_resource_attributes: [x]}\n",
                          "c.yml")
                  .ok());
}

TEST(Config, RefusesRulesOfOtlpThatContradict) {
  EXPECT_THAT(ErrorOf("otlp: {translation_strategy: Nonsense}\n"), HasSubstr("c.yml:1:"));
  EXPECT_THAT(ErrorOf("otlp: {promote_resource_attributes: [a, a]}\n"), HasSubstr("twice"));
  EXPECT_THAT(ErrorOf("otlp: {promote_resource_attributes: ['']}\n"), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("otlp: {ignore_resource_attributes: [a]}\n"), HasSubstr("only with"));
  EXPECT_THAT(ErrorOf("otlp:\n  promote_all_resource_attributes: true\n"
                      "  promote_resource_attributes: [a]\n"),
              HasSubstr("not together"));
}

TEST(Config, SaysWhichFileIsMissing) {
  EXPECT_THAT(std::string(ReadConfig("/nonexistent/c.yml").status().message()),
              HasSubstr("/nonexistent/c.yml"));
}

}  // namespace
}  // namespace baro::collector
