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
  EXPECT_THAT(ErrorOf("rule_files: [a.yml]\n"), HasSubstr("rules are not available yet"));
  EXPECT_THAT(ErrorOf("storage: {tsdb: {}}\n"), HasSubstr("`retention` only"));
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
