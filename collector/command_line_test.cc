// Flags are read strictly and have the defaults of the contract.

#include "command_line.h"

#include "gtest/gtest.h"

namespace baro::collector {
namespace {

absl::StatusOr<std::optional<CollectorOptions>> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "baro-collector");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLine, HasTheContractsDefaults) {
  const auto options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ((*options)->http_address, "127.0.0.1:9490");
  EXPECT_EQ((*options)->grpc_address, "127.0.0.1:9491");
  EXPECT_EQ((*options)->retention_ms, int64_t{30} * 86'400'000);
  EXPECT_FALSE((*options)->retention_given);
}

TEST(CommandLine, ReadsTheMemoryLimit) {
  EXPECT_EQ((*Parse({"--memory.limit=0"}))->memory_limit_bytes, 0);
  EXPECT_EQ((*Parse({"--memory.limit=256MiB"}))->memory_limit_bytes, 256 << 20);
  EXPECT_GT((*Parse({}))->memory_limit_bytes, 0);
  EXPECT_FALSE(Parse({"--memory.limit=1MiB"}).ok());
  EXPECT_FALSE(Parse({"--memory.limit=much"}).ok());
}

TEST(CommandLine, ReadsFeaturesAndTheLimitOfRemoteRead) {
  EXPECT_EQ((*Parse({}))->read_samples_max, 50'000'000);
  EXPECT_TRUE((*Parse({}))->features.empty());
  const auto options = Parse({"--storage.remote.read-sample-limit=0",
                              "--enable-feature=created-timestamp-zero-ingestion"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ((*options)->read_samples_max, 0);
  EXPECT_EQ((*options)->features, (std::vector<std::string>{kStartSamplesFeature}));
  EXPECT_FALSE(Parse({"--storage.remote.read-sample-limit=-1"}).ok());
  EXPECT_FALSE(Parse({"--enable-feature=something-else"}).ok());
}

TEST(CommandLine, ReadsEveryFlag) {
  const auto options = Parse({"--config.file",
                              "c.yml",
                              "--storage.path=/data",
                              "--storage.retention",
                              "0",
                              "--http.listen-address",
                              ":1",
                              "--grpc.listen-address",
                              ":2",
                              "--query.timeout",
                              "30s",
                              "--query.lookback-delta=1m",
                              "--query.max-samples",
                              "5",
                              "--query.max-concurrency",
                              "3",
                              "--log.level",
                              "debug",
                              "--log.format",
                              "json"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ((*options)->retention_ms, 0);
  EXPECT_TRUE((*options)->retention_given);
  EXPECT_EQ((*options)->query_timeout_ms, 30'000);
  EXPECT_EQ((*options)->query_lookback_ms, 60'000);
  EXPECT_EQ((*options)->query_samples_max, 5);
  EXPECT_EQ((*options)->query_concurrency_max, 3u);
  EXPECT_EQ((*options)->flags.front().first, "config.file");
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(Parse({"--storage.retentoin", "1d"}).ok());
  EXPECT_FALSE(Parse({"--storage.retention", "soon"}).ok());
  EXPECT_FALSE(Parse({"--query.timeout", "0"}).ok());
  EXPECT_FALSE(Parse({"--log.level", "loud"}).ok());
  EXPECT_FALSE(Parse({"--query.max-samples", "-1"}).ok());
  EXPECT_FALSE(Parse({"stray"}).ok());
}

TEST(CommandLine, RefusesAddressesThatCannotBeListenedOn) {
  for (const char* flag : {"--http.listen-address", "--grpc.listen-address"}) {
    for (const char* address : {"127.0.0.1:99999", "127.0.0.1", "127.0.0.1:http", "::1:80", ""}) {
      const auto options = Parse({flag, address});
      ASSERT_FALSE(options.ok()) << flag << " " << address;
      EXPECT_NE(options.status().ToString().find(flag), std::string::npos) << options.status();
    }
    for (const char* address : {":9", "[::1]:9", "localhost:9"}) {
      EXPECT_TRUE(Parse({flag, address}).ok()) << flag << " " << address;
    }
  }
}

TEST(CommandLine, SaysPlainlyWhichNumbersItTakes) {
  for (const char* text : {"-1", "0", "abc", "1.5", "99999999999999999999"}) {
    const auto options = Parse({"--query.max-samples", text});
    ASSERT_FALSE(options.ok()) << text;
    EXPECT_EQ(options.status().message(),
              "--query.max-samples: \"" + std::string(text) + "\" must be a whole number above 0");
  }
  EXPECT_FALSE(Parse({"--query.max-concurrency", "1001"}).ok());
  EXPECT_TRUE(Parse({"--query.max-concurrency", "1000"}).ok());
}

TEST(CommandLine, ReadsHowItIsReached) {
  const auto plain = Parse({});
  EXPECT_EQ((*plain)->route_prefix, "");
  EXPECT_EQ((*plain)->cors_origin, ".*");
  EXPECT_FALSE((*plain)->lifecycle.has_value());
  const auto options =
      Parse({"--web.external-url=https://metrics.example/prom/", "--web.cors.origin=https://.*",
             "--web.enable-lifecycle", "--web.max-connections=7", "--web.config.file=web.yml"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ((*options)->external_url, "https://metrics.example/prom");
  EXPECT_EQ((*options)->route_prefix, "/prom");
  EXPECT_EQ((*options)->lifecycle, true);
  EXPECT_EQ((*options)->connections_max, 7u);
  EXPECT_EQ((*options)->web_config_file, "web.yml");
  EXPECT_EQ((*Parse({"--web.external-url=http://a/b", "--web.route-prefix=/"}))->route_prefix, "");
  EXPECT_EQ((*Parse({"--web.route-prefix=x/y/"}))->route_prefix, "/x/y");
  EXPECT_EQ((*Parse({"--web.enable-lifecycle=false"}))->lifecycle, false);
  EXPECT_FALSE(Parse({"--web.external-url=metrics.example"}).ok());
  EXPECT_FALSE(Parse({"--web.cors.origin=("}).ok());
}

}  // namespace
}  // namespace baro::collector
