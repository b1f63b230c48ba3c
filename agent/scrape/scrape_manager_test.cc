// The whole way from a target to rows, and what a bad target can do: nothing to the others.
// Method: servers in the same process that say anything, and a real exporter.
#include "baro/agent/scrape_manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/net/testing/test_server.h"
#include "recording_sink.h"

namespace baro::agent {
namespace {

using net::testing::Answer;
using net::testing::TestReply;
using net::testing::TestRequest;
using net::testing::TestServer;

TestReply Text(std::string_view body) {
  return Answer(200, body, {{"Content-Type", "text/plain; version=0.0.4"}});
}

ScrapeConfig Config(const std::string& jobs) {
  const auto config = ParseScrapeConfig(
      base::StrCat("global: {scrape_interval: 50ms}\nscrape_configs:\n", jobs), "/tmp/a.yml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : ScrapeConfig();
}

std::string StaticJob(std::string_view name, const TestServer& server, std::string_view more = "") {
  return base::StrCat("- {job_name: ", name, ", static_configs: [{targets: [\"", server.address(),
                      "\"]}]", more, "}\n");
}

struct Agent {
  explicit Agent(const ScrapeConfig& config) : manager(&sink, base::RealClock(), Options()) {
    manager.ApplyConfig(config);
    manager.Start();
  }
  static ScrapeOptions Options() {
    ScrapeOptions options;
    options.discovery_poll_ms = 5;
    options.body_bytes_max = 1 << 20;
    return options;
  }
  std::string Name(std::string_view metric, std::string_view job, const TestServer& server) const {
    return base::StrCat(metric, "{instance=\"", server.address(), "\", job=\"", job, "\"}");
  }
  size_t Count(std::string_view metric, std::string_view job, const TestServer& server) const {
    return sink.Series(Name(metric, job, server)).size();
  }
  uint64_t Failures(std::string_view reason) const {
    for (const auto& [name, count] : manager.Stats().failures) {
      if (name == reason) return count;
    }
    return 0;
  }

  RecordingSink sink;
  ScrapeManager manager;
};

TEST(ScrapeManager, ScrapesAsPrometheusDoes) {
  base::Mutex mutex;
  TestRequest seen;
  std::atomic<int> value = 0;
  TestServer server([&](const TestRequest& request) {
    base::MutexLock lock(&mutex);
    seen = request;
    return Text(base::StrCat("# TYPE a counter\na ", ++value, "\n"));
  });
  Agent agent(Config(StaticJob("j", server,
                               ", params: {x: [y]}, basic_auth: {username: u, "
                               "password: p}, scrape_timeout: 40ms")));
  ASSERT_TRUE(Eventually([&] { return agent.Count("a", "j", server) >= 4; }));
  const auto samples = agent.sink.Series(agent.Name("a", "j", server));
  for (size_t i = 1; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].value, samples[i - 1].value + 1);
    EXPECT_GT(samples[i].time_ms, samples[i - 1].time_ms);
  }
  EXPECT_EQ(server.connections(), 1) << "kept alive";
  base::MutexLock lock(&mutex);
  EXPECT_EQ(seen.target, "/metrics?x=y");
  EXPECT_TRUE(seen.Header("Accept").starts_with("application/openmetrics-text;version=1.0.0"));
  EXPECT_EQ(seen.Header("X-Prometheus-Scrape-Timeout-Seconds"), "0.04");
  EXPECT_EQ(seen.Header("Authorization"), "Basic dTpw");
  EXPECT_EQ(seen.Header("Accept-Encoding"), "") << "no gzip within a machine";
}

TEST(ScrapeManager, TellsTheStateOfEachTarget) {
  TestServer server([](const TestRequest&) { return Text("a 1\nb 2\n"); });
  const std::string closed = base::StrCat("127.0.0.1:", net::testing::ClosedPort());
  Agent agent(Config(StaticJob("up", server) + "- {job_name: down, static_configs: [{targets: [\"" +
                     closed + "\"]}]}\n"));
  ASSERT_TRUE(Eventually([&] {
    const auto targets = agent.manager.Targets();
    return targets.size() == 2 && targets[0].last_scrape_ms > 0 && targets[1].last_scrape_ms > 0;
  }));
  const auto targets = agent.manager.Targets();
  EXPECT_EQ(targets[0].health, "up");
  EXPECT_EQ(targets[0].last_samples, 2u);
  EXPECT_EQ(targets[0].columns, 2u);
  EXPECT_EQ(targets[1].health, "down");
  EXPECT_EQ(targets[1].last_error,
            base::StrCat("cannot connect to ", closed, ": connection refused"));
  const std::string json = TargetsJson(targets);
  EXPECT_NE(json.find("\"health\":\"down\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"scrapeInterval\":\"50ms\""), std::string::npos) << json;
  EXPECT_GT(agent.Failures("connection"), 0u);
  EXPECT_GT(agent.manager.Stats().template_bytes, 0u);
}

TEST(ScrapeManager, LetsABadTargetDelayNobody) {
  TestServer good([](const TestRequest&) { return Text("a 1\n"); });
  TestServer hanging(
      [](const TestRequest&) { return TestReply{.bytes = "HTTP/1.1 ", .hang = true}; });
  TestServer endless([](const TestRequest&) {
    return TestReply{.bytes = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n",
                     .endless = true};
  });
  TestServer garbage([](const TestRequest&) { return Text("a 1\n\xff\xfe{{{\n"); });
  TestServer html(
      [](const TestRequest&) { return Answer(200, "<html>", {{"Content-Type", "text/html"}}); });
  TestServer missing([](const TestRequest&) { return Answer(404, ""); });
  std::atomic<int> turn = 0;
  TestServer flapping([&](const TestRequest&) {
    std::string body;
    for (int i = 0, now = ++turn; i < 50; ++i) {
      base::StrAppend(&body, "f{n=\"", (i * now) % 97, "\",t=\"", now, "\"} 1\n");
    }
    return Text(body);
  });
  Agent agent(Config(StaticJob("good", good) + StaticJob("hanging", hanging) +
                     StaticJob("endless", endless) + StaticJob("garbage", garbage) +
                     StaticJob("html", html) + StaticJob("missing", missing) +
                     StaticJob("flapping", flapping)));
  ASSERT_TRUE(Eventually([&] { return agent.Count("a", "good", good) >= 20; }));
  EXPECT_EQ(agent.sink.Values(agent.Name("up", "good", good)).find('0'), std::string::npos);
  ASSERT_TRUE(Eventually([&] {
    return agent.Failures("timeout") > 0 && agent.Failures("body_limit") > 0 &&
           agent.Failures("parse") > 0 && agent.Failures("content_type") > 0 &&
           agent.Failures("http_status") > 0;
  }));
  for (const TargetStatus& target : agent.manager.Targets()) {
    if (target.job == "garbage") {
      EXPECT_EQ(target.last_error,
                "cannot parse exposition: 2:1: expected a metric name, got byte 0xff");
    }
    if (target.job == "missing") {
      EXPECT_EQ(target.last_error, "server returned HTTP status 404 Status 404");
    }
    EXPECT_LE(target.columns, 400u) << target.job;
  }
}

TEST(ScrapeManager, EndsTheSeriesOfATargetThatIsGone) {
  TestServer stays([](const TestRequest&) { return Text("a 1\n"); });
  TestServer goes([](const TestRequest&) { return Text("a 1\n"); });
  const auto both = Config(StaticJob("stays", stays) + StaticJob("goes", goes));
  Agent agent(both);
  ASSERT_TRUE(Eventually(
      [&] { return agent.Count("a", "stays", stays) > 1 && agent.Count("a", "goes", goes) > 1; }));
  const size_t declared = agent.sink.declarations();
  agent.manager.ApplyConfig(Config(StaticJob("stays", stays)));
  ASSERT_TRUE(
      Eventually([&] { return agent.sink.Series(agent.Name("up", "goes", goes)).back().stale; }));
  EXPECT_TRUE(agent.sink.Series(agent.Name("a", "goes", goes)).back().stale);
  EXPECT_EQ(agent.sink.declarations(), declared) << "the other loop went on undisturbed";
  agent.manager.Stop();
  EXPECT_FALSE(agent.sink.Series(agent.Name("a", "stays", stays)).back().stale)
      << "no stale markers when the agent itself ends";
}

TEST(ScrapeManager, FollowsTargetFiles) {
  TestServer first([](const TestRequest&) { return Text("a 1\n"); });
  TestServer second([](const TestRequest&) { return Text("a 2\n"); });
  const std::string folder = base::StrCat(::testing::TempDir(), "scrape_manager_files");
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto write = [&](const TestServer& server) {
    std::ofstream(folder + "/t.tmp") << "- targets: [\"" << server.address() << "\"]\n";
    std::filesystem::rename(folder + "/t.tmp", folder + "/t.yml");
  };
  write(first);
  Agent agent(Config(
      base::StrCat("- {job_name: f, file_sd_configs: [{files: [\"", folder, "/*.yml\"]}]}\n")));
  ASSERT_TRUE(Eventually([&] { return agent.Count("a", "f", first) > 0; }));
  write(second);
  ASSERT_TRUE(Eventually([&] { return agent.Count("a", "f", second) > 0; }));
  ASSERT_TRUE(
      Eventually([&] { return agent.sink.Series(agent.Name("a", "f", first)).back().stale; }));
  std::filesystem::remove_all(folder);
}

TEST(ScrapeManager, ListsWhatDiscoveryFoundAndCannotBeScraped) {
  const std::string folder = base::StrCat(::testing::TempDir(), "scrape_manager_bad");
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/bad.yml") << "- targets: [\"127.0.0.1:99999\", 'h:1/x']\n";
  std::ofstream(folder + "/broken.yml") << "- targets: {\n";
  Agent agent(Config(
      base::StrCat("- {job_name: f, file_sd_configs: [{files: [\"", folder, "/*.yml\"]}]}\n")));
  ASSERT_TRUE(Eventually([&] { return agent.manager.Targets().size() == 3; }));
  const auto targets = agent.manager.Targets();
  EXPECT_EQ(targets[0].discovered.Get("__address__"), "127.0.0.1:99999");
  EXPECT_EQ(targets[0].health, "down");
  EXPECT_NE(targets[0].last_error.find("\"99999\" is not a port"), std::string::npos);
  EXPECT_EQ(targets[1].discovered.Get("__meta_filepath"), folder + "/bad.yml");
  EXPECT_EQ(targets[2].discovered.Get("__meta_source"), folder + "/broken.yml");
  EXPECT_NE(targets[2].last_error.find("broken.yml:"), std::string::npos) << targets[2].last_error;
  EXPECT_EQ(agent.manager.Stats().targets, 0u) << "none of them is scraped";
  std::filesystem::remove_all(folder);
  EXPECT_TRUE(Eventually([&] { return agent.manager.Targets().empty(); }));
}

TEST(ScrapeManager, CountsTheSamplesBeforeAMistake) {
  TestServer server([](const TestRequest&) { return Text("a 1\nb abc\nc 3\n"); });
  Agent agent(Config(StaticJob("j", server)));
  ASSERT_TRUE(Eventually([&] { return agent.Count("up", "j", server) >= 2; }));
  for (const char* name : {"scrape_samples_scraped", "scrape_samples_post_metric_relabeling"}) {
    EXPECT_TRUE(agent.sink.Values(agent.Name(name, "j", server)).starts_with("1 1")) << name;
  }
  EXPECT_TRUE(agent.sink.Values(agent.Name("up", "j", server)).starts_with("0 0"));
}

TEST(ScrapeManager, SaysOfWhichSeriesAGoodScrapeIsShort) {
  TestServer server([](const TestRequest&) {
    return Text(base::StrCat("a{l=\"", std::string(70'000, 'x'), "\"} 1\nb 1\n"));
  });
  Agent agent(Config(StaticJob("j", server)));
  ASSERT_TRUE(Eventually([&] { return agent.Count("b", "j", server) >= 2; }));
  const auto targets = agent.manager.Targets();
  EXPECT_EQ(targets[0].health, "up");
  EXPECT_TRUE(targets[0].last_error.ends_with(
      "…: the value of label \"l\" has 70000 bytes, more than 65536"))
      << targets[0].last_error;
}

TEST(ScrapeManager, RefusesToScrapeBeyondTheTargetLimit) {
  // A path of its own: scrapers of other tests may still know the port from its last owner.
  std::atomic<int> asked = 0;
  const auto answer = [&asked](const TestRequest& request) {
    asked += request.target == "/limited" ? 1 : 0;
    return Text("a 1\n");
  };
  TestServer one(answer);
  TestServer two(answer);
  Agent agent(Config(base::StrCat("- {job_name: l, target_limit: 1, metrics_path: /limited, ",
                                  "static_configs: [{targets: [\"", one.address(), "\", \"",
                                  two.address(), "\"]}]}\n")));
  ASSERT_TRUE(Eventually([&] { return agent.Count("up", "l", one) > 0; }));
  EXPECT_GT(agent.Failures("target_limit"), 0u);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(agent.sink.Series(agent.Name("up", "l", one)).at(0).value, 0);
}

TEST(ScrapeManager, ReadsOpenMetricsAndChangesOfFormat) {
  std::atomic<int> turn = 0;
  TestServer server([&](const TestRequest&) {
    if (++turn % 2 == 0) return Text("a 1\n");
    return Answer(200, "a 1 # {x=\"y\"} 1\n# EOF\n",
                  {{"Content-Type", "application/openmetrics-text; version=1.0.0"}});
  });
  Agent agent(Config(StaticJob("j", server)));
  ASSERT_TRUE(Eventually([&] { return agent.Count("a", "j", server) >= 4; }));
  EXPECT_EQ(agent.sink.Values(agent.Name("a", "j", server)).find("stale"), std::string::npos);
}

TEST(ScrapeManager, StopsWithScrapesUnderWay) {
  TestServer hanging([](const TestRequest&) { return TestReply{.bytes = "", .hang = true}; });
  std::atomic<int> asked = 0;
  TestServer server([&](const TestRequest&) {
    ++asked;
    return TestReply{.bytes = "", .hang = true};
  });
  Agent agent(Config(StaticJob("a", hanging, ", scrape_interval: 1h, scrape_timeout: 1h") +
                     StaticJob("b", server, ", scrape_interval: 1h, scrape_timeout: 1h")));
  ASSERT_TRUE(Eventually([&] { return asked > 0; }));
  agent.manager.Stop();
  EXPECT_EQ(agent.manager.Stats().scrapes, 0u);
}

}  // namespace
}  // namespace baro::agent
