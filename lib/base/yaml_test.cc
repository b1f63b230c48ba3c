// A configuration file is read as it was meant or refused with the place of the mistake.
// Method: one struct with every type; then one small wrong file for each kind of mistake.

#include "baro/base/yaml.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "baro/base/strings.h"
#include "gtest/gtest.h"

namespace baro::base {
namespace yaml_testing {

struct Endpoint {
  std::string address;
  uint16_t weight = 1;
};

absl::Status ReadYaml(const YamlNode& node, Endpoint* endpoint) {
  YamlMap map(node);
  map.Required("address", &endpoint->address);
  map.Optional("weight", &endpoint->weight);
  return map.Finish();
}

struct Config {
  std::chrono::milliseconds interval{15'000};
  ByteSize body_size_limit{1};
  bool honor_labels = false;
  double factor = 1;
  int64_t offset = 0;
  std::vector<Endpoint> endpoints;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::vector<int32_t>> groups;
  std::optional<std::string> token;
};

absl::Status ReadYaml(const YamlNode& node, Config* config) {
  YamlMap map(node);
  map.Optional("interval", &config->interval);
  map.Optional("body_size_limit", &config->body_size_limit);
  map.Optional("honor_labels", &config->honor_labels);
  map.Optional("factor", &config->factor);
  map.Optional("offset", &config->offset);
  map.Optional("endpoints", &config->endpoints);
  map.Optional("labels", &config->labels);
  map.Optional("groups", &config->groups);
  map.Optional("token", &config->token);
  return map.Finish();
}

absl::StatusOr<Config> Parse(std::string_view text) {
  auto node = ParseYaml(text, "f.yml");
  if (!node.ok()) return node.status();
  Config config;
  absl::Status status = ReadYaml(*node, &config);
  if (!status.ok()) return status;
  return config;
}

std::string ErrorOf(std::string_view text) {
  const auto config = Parse(text);
  if (config.ok()) return "no error";
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(FromAbsl(config.status().message()));
}

TEST(Yaml, ReadsEveryType) {
  const auto config = Parse(R"(
interval: 1m30s
body_size_limit: 256MiB
honor_labels: true
factor: 0.5
offset: -9223372036854775808
endpoints:
  - address: 127.0.0.1:9491   # a comment
  - {address: "[::1]:1", weight: 65535}
labels: {replica: 1, zone: 'a', on: yes}
groups: {a: [1, 2], b: []}
token: "true"
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->interval.count(), 90'000);
  EXPECT_EQ(config->body_size_limit.bytes, 256u << 20);
  EXPECT_TRUE(config->honor_labels);
  EXPECT_EQ(config->factor, 0.5);
  EXPECT_EQ(config->offset, INT64_MIN);
  ASSERT_EQ(config->endpoints.size(), 2u);
  EXPECT_EQ(config->endpoints[0].address, "127.0.0.1:9491");
  EXPECT_EQ(config->endpoints[1].weight, 65535);
  EXPECT_EQ(config->labels,
            (std::map<std::string, std::string>{{"replica", "1"}, {"zone", "a"}, {"on", "yes"}}));
  EXPECT_EQ(config->groups.at("a"), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(config->token, "true");
}

TEST(Yaml, KeepsDefaultsWhereNothingIsSaid) {
  for (const char* text : {"", "# nothing\n", "---\n", "interval:\nendpoints: null\nlabels: ~\n"}) {
    SCOPED_TRACE(text);
    const auto config = Parse(text);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->interval.count(), 15'000);
    EXPECT_EQ(config->token, std::nullopt);
  }
}

TEST(Yaml, NamesThePlaceOfEveryMistake) {
  EXPECT_EQ(ErrorOf("interval: 1s\nintervall: 1s\n").substr(0, 38),
            "f.yml:2:1: unknown key \"intervall\", di");
  EXPECT_EQ(ErrorOf("labels: {a: 1,\n  a: 2}"), "f.yml:2:3: key \"a\" occurs twice");
  EXPECT_EQ(ErrorOf("endpoints:\n- weight: 2\n"), "f.yml:2:3: key \"address\" is missing");
  EXPECT_EQ(ErrorOf("endpoints:\n- address:\n"), "f.yml:2:3: key \"address\" is missing");
  EXPECT_EQ(ErrorOf("endpoints:\n- address: a\n  weigth: 2\n").substr(0, 31),
            "f.yml:3:3: unknown key \"weigth\"");
  EXPECT_EQ(ErrorOf("endpoints: {address: a}"), "f.yml:1:12: expected a list");
  EXPECT_EQ(ErrorOf("endpoints: [a]"), "f.yml:1:13: expected a map of keys");
  EXPECT_EQ(ErrorOf("labels: [a]"), "f.yml:1:9: expected a map");
  EXPECT_EQ(ErrorOf("labels: {a: [b]}"), "f.yml:1:13: expected a text");
  EXPECT_EQ(ErrorOf("- a"), "f.yml:1:1: expected a map of keys");
  EXPECT_EQ(ErrorOf("honor_labels: maybe"), "f.yml:1:15: expected true or false, found \"maybe\"");
  EXPECT_EQ(ErrorOf("honor_labels: 'true'"), "f.yml:1:15: expected true or false, found \"true\"");
  EXPECT_EQ(ErrorOf("factor: 1x"), "f.yml:1:9: expected a number, found \"1x\"");
  EXPECT_EQ(ErrorOf("factor: .inf"), "f.yml:1:9: expected a number, found \".inf\"");
  EXPECT_EQ(ErrorOf("offset: 1.5"), "f.yml:1:9: expected a whole number, found \"1.5\"");
  EXPECT_EQ(ErrorOf("offset: -x"), "f.yml:1:9: expected a whole number, found \"-x\"");
  EXPECT_EQ(ErrorOf("endpoints: [{address: a, weight: 65536}]"),
            "f.yml:1:34: expected a whole number from 0 to 65535, found \"65536\"");
  EXPECT_EQ(ErrorOf("endpoints: [{address: a, weight: -1}]"),
            "f.yml:1:34: expected a whole number from 0 to 65535, found \"-1\"");
  EXPECT_EQ(ErrorOf("interval: 15"),
            "f.yml:1:11: cannot read \"15\" as a duration like 15s or 1m30s: units are y, w, d, h, "
            "m, s, ms, each once and in this order");
  EXPECT_EQ(ErrorOf("body_size_limit: 1ZB"),
            "f.yml:1:18: cannot read \"1ZB\" as a size like 4096, 512KiB or 256MiB");
}

TEST(Yaml, NamesThePlaceOfBrokenSyntax) {
  EXPECT_EQ(ErrorOf("a: [1,\nb: 2").substr(0, 6), "f.yml:");
  EXPECT_NE(ErrorOf("a: [1,\nb: 2").find("not valid YAML"), std::string::npos);
  EXPECT_NE(ErrorOf("interval: 1s\n\tfactor: 2").find("f.yml:2:1: "), std::string::npos);
  EXPECT_EQ(ErrorOf("? [a]\n: b"), "f.yml:1:3: a key must be a plain text");
  EXPECT_EQ(ErrorOf("offset: 1\n---\noffset: 2"), "f.yml: more than one YAML document");
  EXPECT_NE(ErrorOf(std::string(100'000, '[')).find("f.yml"), std::string::npos);
  EXPECT_NE(ErrorOf("labels: *nothing").find("f.yml:1:"), std::string::npos);
  EXPECT_EQ(ErrorOf("groups: &g {a: *g}"), "f.yml:1:16: alias of an anchor that is still open");
}

TEST(Yaml, SharesWhatAnAliasNames) {
  const auto config = Parse("groups: {a: &numbers [1, 2], b: *numbers}");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->groups.at("b"), (std::vector<int32_t>{1, 2}));
  // 2^64 leaves if each alias were a copy.
  std::string laughs = "a0: &a0 [1]\n";
  for (int i = 1; i < 64; ++i) {
    StrAppend(&laughs, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  }
  EXPECT_TRUE(ParseYaml(laughs, "f.yml").ok());
}

TEST(Yaml, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ReadYamlFile("/nonexistent/f.yml").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadYamlFile("/").status().code(), absl::StatusCode::kUnavailable);
  const std::string path = StrCat(testing::TempDir(), "/yaml_test_", ::getpid(), ".yml");
  std::ofstream(path) << "offset: 7\n";
  const auto node = ReadYamlFile(path);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->entries().at(0).value.where(), StrCat(path, ":1:9"));
  std::filesystem::remove(path);
}

TEST(YamlDuration, ReadsWhatPrometheusReads) {
  const auto ms = [](std::string_view text) {
    const auto duration = ParseDuration(text);
    return duration.ok() ? duration->count() : -1;
  };
  EXPECT_EQ(ms("15s"), 15'000);
  EXPECT_EQ(ms("1h30m"), 5'400'000);
  EXPECT_EQ(ms("1y2w3d4h5m6s7ms"), ((((365 + 14 + 3) * 24LL + 4) * 60 + 5) * 60 + 6) * 1000 + 7);
  EXPECT_EQ(ms("0"), 0);
  EXPECT_EQ(ms("0s"), 0);
  for (const char* bad :
       {"", "1", "s", "1.5s", "-1s", "1s1s", "1s1m", "1 s", "1sec", "1s ", "300000000y"}) {
    EXPECT_EQ(ms(bad), -1) << bad;
  }
  for (const char* text : {"15s", "1m30s", "500ms", "1h", "15d", "2w", "1y", "0s"}) {
    EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
  }
}

TEST(YamlByteSize, ReadsPowersOf1024) {
  EXPECT_EQ(ParseByteSize("4096")->bytes, 4096u);
  EXPECT_EQ(ParseByteSize("0")->bytes, 0u);
  EXPECT_EQ(ParseByteSize("12B")->bytes, 12u);
  EXPECT_EQ(ParseByteSize("512KiB")->bytes, 512u << 10);
  EXPECT_EQ(ParseByteSize("10MB")->bytes, 10u << 20);
  EXPECT_EQ(ParseByteSize("15EiB")->bytes, uint64_t{15} << 60);
  for (const char* bad : {"", "MiB", "1.5GiB", "-1", "1Ki", "1mb", "16EiB", "1 MiB", "1MiBs"}) {
    EXPECT_FALSE(ParseByteSize(bad).ok()) << bad;
  }
}

}  // namespace yaml_testing
}  // namespace baro::base
