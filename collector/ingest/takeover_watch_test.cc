// An agent that reconnects is let in; two that fight over one identity are told apart.

#include "takeover_watch.h"

#include "gtest/gtest.h"

namespace baro::collector {
namespace {

constexpr TakeoverWatch::Uuid kAgent = {1};
constexpr TakeoverWatch::Uuid kOther = {2};

TEST(TakeoverWatch, RefusesAfterThreeTakeoversWithinAMinute) {
  TakeoverWatch watch;
  for (int64_t now_ms : {1'000, 2'000, 3'000}) {
    EXPECT_FALSE(watch.Refuses(kAgent, now_ms));
    watch.OnTakeover(kAgent, now_ms);
  }
  EXPECT_TRUE(watch.Refuses(kAgent, 4'000));
  EXPECT_FALSE(watch.Refuses(kOther, 4'000));
}

TEST(TakeoverWatch, LetsAnAgentConnectAgainNowAndThen) {
  TakeoverWatch watch;
  for (int64_t now_ms = 0; now_ms < 1'000'000; now_ms += 30'000) {
    EXPECT_FALSE(watch.Refuses(kAgent, now_ms)) << now_ms;
    watch.OnTakeover(kAgent, now_ms);
  }
}

TEST(TakeoverWatch, RefusesAsLongAsTheNewcomerKeepsComing) {
  TakeoverWatch watch;
  for (int i = 0; i < 3; ++i) watch.OnTakeover(kAgent, 0);
  int64_t now_ms = 0;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(watch.Refuses(kAgent, now_ms += 50'000));
  EXPECT_FALSE(watch.Refuses(kAgent, now_ms + TakeoverWatch::kWindowMs));
}

TEST(TakeoverWatch, WarnsOnceAMinute) {
  TakeoverWatch watch;
  EXPECT_FALSE(watch.ShallWarn(kAgent, 0));
  for (int i = 0; i < 3; ++i) watch.OnTakeover(kAgent, 0);
  EXPECT_TRUE(watch.ShallWarn(kAgent, 0));
  EXPECT_FALSE(watch.ShallWarn(kAgent, 59'999));
  EXPECT_TRUE(watch.ShallWarn(kAgent, 60'000));
}

}  // namespace
}  // namespace baro::collector
