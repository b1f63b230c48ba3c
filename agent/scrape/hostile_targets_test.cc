// Whatever targets do, the others are scraped in time and memory stays bounded.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <vector>

#include "baro/agent/scrape_manager.h"
#include "baro/base/strings.h"
#include "baro/net/testing/test_server.h"
#include "recording_sink.h"

namespace baro::agent {
namespace {

using base::Eventually;
using net::testing::Answer;
using net::testing::TestReply;
using net::testing::TestRequest;
using net::testing::TestServer;

constexpr int64_t kIntervalMs = 500;
constexpr size_t kScrapes = 12;

TestReply Text(std::string_view body) {
  return Answer(200, body, {{"Content-Type", "text/plain; version=0.0.4"}});
}

uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t pages = 0;
  file >> pages >> pages;
  return pages * 4096;
}

std::string Job(std::string_view name, const std::string& addresses) {
  return base::StrCat("- {job_name: ", name, ", static_configs: [{targets: [", addresses, "]}]}\n");
}

TEST(HostileTargets, DelayNobodyElseAndStayBounded) {
  TestServer silent([](const TestRequest&) { return TestReply{.bytes = "", .hang = true}; });
  TestServer endless([](const TestRequest&) {
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1073741824\r\n\r\n";
    return TestReply{.bytes = head + std::string(1 << 16, 'x'), .endless = true};
  });
  std::atomic<int> turn = 0;
  TestServer restless([&](const TestRequest&) {
    std::string body;
    const int now = ++turn;
    for (int i = 0; i < 500; ++i) base::StrAppend(&body, "m", now, "_", i, "{a=\"", now, "\"} 1\n");
    return Text(body);
  });
  TestServer good([](const TestRequest&) { return Text("a 1\nb 2\n"); });
  // 200 addresses at which nobody answers.
  std::string dead;
  for (int i = 0; i < 200; ++i) {
    base::StrAppend(&dead, i == 0 ? "" : ", ", "\"127.0.", i / 100, ".", i % 100 + 1, ":1\"");
  }
  const auto quoted = [](const TestServer& server) {
    return base::StrCat("\"", server.address(), "\"");
  };
  const auto config = ParseScrapeConfig(
      base::StrCat("global: {scrape_interval: ", kIntervalMs, "ms}\nscrape_configs:\n",
                   Job("silent", quoted(silent)), Job("endless", quoted(endless)),
                   Job("restless", quoted(restless)), Job("dead", dead), Job("good", quoted(good))),
      "a.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  ScrapeOptions options;
  options.body_bytes_max = 8 << 20;
  RecordingSink sink;
  ScrapeManager manager(&sink, base::RealClock(), options);
  const uint64_t before = ResidentBytes();
  manager.ApplyConfig(*config);
  manager.Start();
  const std::string up = base::StrCat("up{instance=\"", good.address(), "\", job=\"good\"}");
  ASSERT_TRUE(Eventually([&] { return sink.Series(up).size() >= kScrapes; }));
  EXPECT_LT(ResidentBytes() - std::min(before, ResidentBytes()), uint64_t{200} << 20);
  manager.Stop();
  // The first comes at once; from then on each at its own moment of the interval.
  std::vector<int64_t> late_ms;
  const auto scrapes = sink.Series(up);
  for (size_t i = 2; i < scrapes.size(); ++i) {
    EXPECT_EQ(scrapes[i].value, 1);
    const int64_t period_ms = scrapes[i].time_ms - scrapes[i - 1].time_ms;
    late_ms.push_back(std::abs(period_ms - kIntervalMs));
  }
  // The median: a machine that runs other things as well may delay single ones.
  std::nth_element(late_ms.begin(), late_ms.begin() + static_cast<ptrdiff_t>(late_ms.size() / 2),
                   late_ms.end());
  EXPECT_LE(late_ms[late_ms.size() / 2], kIntervalMs / 20);
  const auto of = [&](std::string_view job, const TestServer& server) {
    return sink.Series(base::StrCat("up{instance=\"", server.address(), "\", job=\"", job, "\"}"));
  };
  EXPECT_EQ(of("silent", silent).back().value, 0);
  EXPECT_EQ(of("endless", endless).back().value, 0);
  EXPECT_EQ(of("restless", restless).back().value, 1);
}

}  // namespace
}  // namespace baro::agent
