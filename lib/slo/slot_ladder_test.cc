// A ladder gives the sum of any window as if every event had been kept, at the slots that are left.
#include "slot_ladder.h"

#include <map>
#include <string>

#include "baro/slo/slo_spec.h"
#include "gtest/gtest.h"

namespace baro::slo {
namespace {

// 10 s slots from `from_ms`, each with one event, every tenth of them bad.
std::vector<Counts> Slots(size_t count) {
  std::vector<Counts> slots(count);
  for (size_t i = 0; i < count; ++i) slots[i] = {1, i % 10 == 0 ? 1.0 : 0.0};
  return slots;
}

constexpr int64_t kStart = 1'763'856'000'000;  // a full hour
constexpr int64_t kGrain = 10 * kSecondMs;

TEST(SlotLadder, CountsAWindowExactlyWhileItsSlotsAreKept) {
  SlotLadder ladder(EventRungs(30 * kDayMs));
  ladder.Rewrite(kStart, kGrain, Slots(360));
  EXPECT_EQ(ladder.newest_ms(), kStart + kHourMs);
  EXPECT_EQ(ladder.Between(kStart, kStart + kHourMs), (Counts{360, 36}));
  EXPECT_EQ(ladder.Between(kStart + 10 * kSecondMs, kStart + 20 * kSecondMs), (Counts{1, 0}));
  EXPECT_EQ(ladder.Between(kStart - kDayMs, kStart), (Counts{0, 0}));
}

TEST(SlotLadder, RewritesWhatCameLateAndAllThatLiesBehindIt) {
  SlotLadder ladder(EventRungs(30 * kDayMs));
  ladder.Rewrite(kStart, kGrain, Slots(360));
  std::vector<Counts> slots(180, Counts{2, 0});
  ladder.Rewrite(kStart + 30 * kMinuteMs, kGrain, slots);
  EXPECT_EQ(ladder.Between(kStart, kStart + kHourMs), (Counts{180 + 360, 18}));
  EXPECT_EQ(ladder.Between(kStart + 55 * kMinuteMs, kStart + kHourMs), (Counts{60, 0}));
}

TEST(SlotLadder, ReadsOldTimesOnCoarserSlots) {
  SlotLadder ladder(EventRungs(30 * kDayMs));
  for (int64_t day = 0; day < 10; ++day) {
    ladder.Rewrite(kStart + day * kDayMs, kGrain, Slots(8640));
  }
  const int64_t now = kStart + 10 * kDayMs;
  EXPECT_EQ(ladder.SlotAt(now - kHourMs), 10 * kSecondMs);
  EXPECT_EQ(ladder.SlotAt(now - kDayMs), kMinuteMs);
  EXPECT_EQ(ladder.SlotAt(now - 5 * kDayMs), 5 * kMinuteMs);
  EXPECT_EQ(ladder.Between(now - 5 * kDayMs, now), (Counts{5 * 8640, 5 * 864}));
  EXPECT_EQ(ladder.Between(kStart, now), (Counts{10 * 8640, 10 * 864}));
}

TEST(SlotLadder, ForgetsWhatIsOlderThanItsWindow) {
  SlotLadder ladder(EventRungs(3 * kDayMs));
  for (int64_t day = 0; day < 10; ++day) {
    ladder.Rewrite(kStart + day * kDayMs, kGrain, Slots(8640));
  }
  const int64_t now = kStart + 10 * kDayMs;
  EXPECT_GE(ladder.oldest_ms(), now - 3 * kDayMs - 20 * kMinuteMs);
  EXPECT_EQ(ladder.Between(now - 3 * kDayMs, now), (Counts{3 * 8640, 3 * 864}));
  // Windows that reach further back get what there is.
  EXPECT_EQ(ladder.Between(kStart, now), ladder.Between(ladder.oldest_ms(), now));
}

TEST(SlotLadder, TakesHistoryInCoarseGrainsAndGoesOnInFineOnes) {
  SlotLadder ladder(EventRungs(30 * kDayMs));
  ladder.Rewrite(kStart, 5 * kMinuteMs, std::vector<Counts>(288, Counts{30, 3}));
  ladder.Rewrite(kStart + kDayMs, kMinuteMs, std::vector<Counts>(60, Counts{6, 0}));
  ladder.Rewrite(kStart + kDayMs + kHourMs, kGrain, Slots(360));
  const int64_t now = kStart + kDayMs + 2 * kHourMs;
  EXPECT_EQ(ladder.Between(kStart, now), (Counts{8640 + 360 + 360, 864 + 36}));
  EXPECT_EQ(ladder.Between(now - 30 * kSecondMs, now), (Counts{3, 0}));
  EXPECT_EQ(ladder.Between(now - kHourMs - kMinuteMs, now), (Counts{366, 36}));
}

TEST(SlotLadder, KeepsNinetyDaysInLessThanSixHundredKilobytes) {
  SlotLadder ladder(EventRungs(90 * kDayMs));
  for (int64_t day = 0; day < 100; ++day) {
    ladder.Rewrite(kStart + day * kDayMs, kGrain, Slots(8640));
  }
  RecordProperty("bytes", std::to_string(ladder.memory_bytes()));
  EXPECT_LE(ladder.memory_bytes(), 600'000u);
}

TEST(SlotLadder, CountsSlicesOnRungsOfTheirLength) {
  SlotLadder ladder(SliceRungs(30 * kDayMs, 10 * kMinuteMs));
  ladder.Rewrite(kStart, 10 * kMinuteMs, std::vector<Counts>(144, Counts{1, 0.5}));
  EXPECT_EQ(ladder.Between(kStart, kStart + kDayMs), (Counts{144, 72}));
  EXPECT_EQ(ladder.Between(kStart + kDayMs - kHourMs, kStart + kDayMs), (Counts{6, 3}));
}

}  // namespace
}  // namespace baro::slo
