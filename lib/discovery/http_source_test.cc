// http_sd_configs: the URL is asked again and again, and what it said last holds while it is away.
#include "http_source.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/net/testing/test_server.h"

namespace baro::discovery {
namespace {

using net::testing::Answer;
using net::testing::TestReply;
using net::testing::TestRequest;

struct Said {
  base::Mutex mutex;
  TestReply reply ABSL_GUARDED_BY(mutex);
  TestRequest asked ABSL_GUARDED_BY(mutex);
};

TEST(HttpSource, KeepsWhatTheUrlSaidLast) {
  Said said;
  net::testing::TestServer server([&](const TestRequest& request) {
    base::MutexLock lock(&said.mutex);
    said.asked = request;
    return said.reply;
  });
  const auto say = [&](TestReply reply) {
    base::MutexLock lock(&said.mutex);
    said.reply = std::move(reply);
  };
  boost::asio::io_context io;
  HttpDiscovery discovery;
  discovery.url = server.Url("/sd");
  discovery.refresh_interval = std::chrono::milliseconds(1500);
  int news = 0;
  const auto source = MakeHttpSource(discovery, {io.get_executor(), [&] { ++news; }});
  const auto poll_until = [&](int64_t now_ms, auto done) {
    source->Poll(now_ms);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      io.restart();
      io.run_one_for(std::chrono::milliseconds(50));
    }
    return done();
  };
  const std::vector<net::HttpHeader> json = {{"Content-Type", "application/json; charset=utf-8"}};
  say(Answer(200, R"([{"targets": ["a:1", "b:2"], "labels": {"env": "x"}}])", json));
  ASSERT_TRUE(poll_until(0, [&] { return news == 1; }));
  EXPECT_TRUE(source->Poll(1));
  EXPECT_EQ(source->groups()[0].targets, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(source->groups()[0].labels.at("__meta_url"), discovery.url);
  {
    base::MutexLock lock(&said.mutex);
    EXPECT_EQ(said.asked.Header("X-Prometheus-Refresh-Interval-Seconds"), "1.5");
  }
  uint64_t errors = 0;
  int64_t now_ms = 1500;
  for (const TestReply& bad :
       {Answer(500, "", {}), Answer(200, "[]", {{"Content-Type", "text/html"}}),
        Answer(200, "{}", json), Answer(200, "[{\"target\": []}]", json)}) {
    say(bad);
    ++errors;
    ASSERT_TRUE(poll_until(now_ms, [&] { return source->errors() == errors; })) << bad.bytes;
    while (io.poll() > 0) io.restart();
    EXPECT_EQ(source->groups().size(), 1u) << bad.bytes;
    EXPECT_EQ(source->Broken().size(), 1u);
    now_ms += 1500;
  }
  say(Answer(200, "[]", json));
  ASSERT_TRUE(poll_until(now_ms, [&] { return source->groups().empty(); }));
}

}  // namespace
}  // namespace baro::discovery
