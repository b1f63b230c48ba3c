// The clock jumps, samples come from 1970 and from next week: each has a defined outcome, and
// nothing that was acknowledged is lost by it.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "store_test_support.h"

namespace baro::tsdb::testing {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kDayMs = 86'400'000;

StoreOptions Options(const Folder& folder, const base::Clock* clock, int64_t retention_ms) {
  StoreOptions options;
  options.path = folder.path();
  options.retention_ms = retention_ms;
  options.clock = clock;
  options.background = false;
  return options;
}

model::Labels Up() { return model::Labels{{"__name__", "up"}, {"job", "node"}}; }

// Within the retention seen from every clock there is, whatever the clock says in between.
TEST(Clock, JumpsBackAndForthLoseNothing) {
  const char* text = std::getenv("BARO_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
  std::cout << "BARO_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  const Folder folder("clock_jumps");
  base::FakeClock clock(kNowMs);
  auto store = Store::Open(Options(folder, &clock, 30 * kDayMs));
  ASSERT_TRUE(store.ok());
  Samples expected;
  for (int i = 0; i < 60; ++i) {
    const int64_t jump_ms = static_cast<int64_t>(random() % (10 * kDayMs)) - 5 * kDayMs;
    clock.SetNowMs(kNowMs + jump_ms);
    const int64_t time_ms = clock.NowMs() - static_cast<int64_t>(random() % kDayMs);
    const AppendResult result = AppendOne(store->get(), Up(), time_ms, i);
    ASSERT_TRUE(result.status.ok());
    ASSERT_EQ(result.stored, 1u);
    expected[time_ms] = Bits(i);
    if (i % 7 == 0) {
      ASSERT_TRUE((*store)->Maintain(false).ok());
    }
    if (i % 20 == 19) {
      store->reset();
      store = Store::Open(Options(folder, &clock, 30 * kDayMs));
      ASSERT_TRUE(store.ok()) << store.status();
    }
    ASSERT_TRUE(ReadAll(**store).at(Up()) == expected) << "step " << i;
  }
  ASSERT_TRUE((*store)->Maintain(true).ok());
  EXPECT_TRUE(ReadAll(**store).at(Up()) == expected);
}

TEST(Clock, SamplesFrom1970AndFromNextWeek) {
  for (const bool for_ever : {false, true}) {
    SCOPED_TRACE(for_ever ? "retention 0" : "retention 30 days");
    const Folder folder("clock_far");
    base::FakeClock clock(kNowMs);
    auto store = Store::Open(Options(folder, &clock, for_ever ? 0 : 30 * kDayMs));
    ASSERT_TRUE(store.ok());
    const AppendResult old = AppendOne(store->get(), Up(), 0, 1);
    const AppendResult next_week = AppendOne(store->get(), Up(), kNowMs + 7 * kDayMs, 2);
    const AppendResult now = AppendOne(store->get(), Up(), kNowMs, 3);
    EXPECT_EQ(old.stored, for_ever ? 1u : 0u);
    EXPECT_EQ(old.too_old, for_ever ? 0u : 1u);
    EXPECT_EQ(next_week.stored, for_ever ? 1u : 0u);
    EXPECT_EQ(next_week.too_new, for_ever ? 0u : 1u);
    EXPECT_EQ(now.stored, 1u);
    for (int start = 0; start < 2; ++start) {
      EXPECT_EQ(ReadAll(**store).at(Up()).size(), for_ever ? 3u : 1u);
      ASSERT_TRUE((*store)->Maintain(true).ok());
      EXPECT_EQ(ReadAll(**store).at(Up()).size(), for_ever ? 3u : 1u);
      store->reset();
      store = Store::Open(Options(folder, &clock, for_ever ? 0 : 30 * kDayMs));
      ASSERT_TRUE(store.ok());
    }
  }
}

// A year ahead, for a moment or at a start: nothing is thrown away, and what comes is taken.
TEST(Clock, AJumpAheadOfTheRetentionThrowsNothingAway) {
  const Folder folder("clock_ahead");
  base::FakeClock clock(kNowMs);
  auto store = Store::Open(Options(folder, &clock, 30 * kDayMs));
  ASSERT_TRUE(store.ok());
  Samples expected;
  const auto append = [&](int64_t time_ms) {
    EXPECT_EQ(AppendOne(store->get(), Up(), time_ms, 1).stored, 1u);
    expected[time_ms] = Bits(1);
  };
  append(kNowMs - 20 * kDayMs);
  ASSERT_TRUE((*store)->Maintain(true).ok());
  for (const bool restart : {false, true}) {
    SCOPED_TRACE(restart);
    append(kNowMs + (restart ? 2 : 1));
    clock.SetNowMs(kNowMs + 365 * kDayMs);
    if (restart) {
      store->reset();
      store = Store::Open(Options(folder, &clock, 30 * kDayMs));
      ASSERT_TRUE(store.ok()) << store.status();
    }
    append(kNowMs + (restart ? 4 : 3));
    ASSERT_TRUE((*store)->Maintain(true).ok());
    EXPECT_TRUE(ReadAll(**store).at(Up()) == expected);
    clock.SetNowMs(kNowMs);
  }
  // A day later it is the truth.
  clock.SetNowMs(kNowMs + 365 * kDayMs);
  ASSERT_TRUE((*store)->Maintain(true).ok());
  EXPECT_EQ(ReadAll(**store).size(), 1u);
  clock.AdvanceMs(kDayMs);
  ASSERT_TRUE((*store)->Maintain(true).ok());
  EXPECT_TRUE(ReadAll(**store).empty());
}

}  // namespace
}  // namespace baro::tsdb::testing
