// The durable map keeps what was committed, whatever happens to the file afterwards.
#include "state_log.h"

#include <gtest/gtest.h>

#include <map>

#include "baro/base/sim_disk.h"
#include "baro/base/strings.h"

namespace baro::notify {
namespace {

constexpr char kPath[] = "/q/a.queue";

std::unique_ptr<StateLog> Open(base::Disk* disk, State* state) {
  auto log = StateLog::Open(disk, kPath, state);
  EXPECT_TRUE(log.ok()) << log.status();
  return log.ok() ? *std::move(log) : nullptr;
}

State Reopened(base::Disk* disk) {
  State state;
  Open(disk, &state);
  return state;
}

TEST(StateLog, GivesBackWhatWasCommitted) {
  base::SimDisk disk(1);
  State state;
  const auto log = Open(&disk, &state);
  EXPECT_TRUE(state.empty());
  log->Put("a", "1");
  log->Put("b", std::string("\0x\xff", 3));
  log->Put("c", "3");
  log->Erase("a");
  log->Put("b", "2");
  ASSERT_TRUE(log->Commit(true).ok());
  EXPECT_EQ(Reopened(&disk), (State{{"b", "2"}, {"c", "3"}}));
}

TEST(StateLog, IsWrittenAnewWhenMostOfItIsOutOfDate) {
  base::SimDisk disk(1);
  State state;
  const auto log = Open(&disk, &state);
  const std::string value(10'000, 'x');
  for (int i = 0; i < 200 && !log->WantsRewrite(); ++i) {
    log->Put("key", base::StrCat(value, i));
    ASSERT_TRUE(log->Commit(false).ok());
  }
  ASSERT_TRUE(log->WantsRewrite());
  ASSERT_TRUE(log->Rewrite({{"key", "small"}}).ok());
  EXPECT_LT(log->bytes(), 100U);
  EXPECT_FALSE(log->WantsRewrite());
  EXPECT_EQ(Reopened(&disk), (State{{"key", "small"}}));
}

TEST(StateLog, KeepsWhatLiesBeforeTheDamageAndACopyOfTheRest) {
  base::SimDisk disk(1);
  State state;
  const auto log = Open(&disk, &state);
  log->Put("good", "1");
  ASSERT_TRUE(log->Commit(true).ok());
  const uint64_t good = log->bytes();
  log->Put("bad", "2");
  ASSERT_TRUE(log->Commit(true).ok());
  disk.FlipBit(kPath, good + 12);
  const auto again = Open(&disk, &state);
  EXPECT_EQ(state, (State{{"good", "1"}}));
  EXPECT_GT(again->damaged_bytes(), 0U);
  EXPECT_TRUE(disk.Size(base::StrCat(kPath, ".damaged")).ok());
  EXPECT_EQ(Reopened(&disk), (State{{"good", "1"}}));
}

TEST(StateLog, RefusesToAppendBehindATornRecord) {
  base::SimDisk disk(1);
  State state;
  const auto log = Open(&disk, &state);
  log->Put("a", "1");
  ASSERT_TRUE(log->Commit(true).ok());
  disk.set_capacity_bytes(disk.used_bytes() + 5);
  log->Put("b", "2");
  EXPECT_FALSE(log->Commit(true).ok());
  disk.set_capacity_bytes(UINT64_MAX);
  EXPECT_FALSE(log->Commit(true).ok());
  EXPECT_TRUE(log->WantsRewrite());
  ASSERT_TRUE(log->Rewrite({{"a", "1"}, {"b", "2"}}).ok());
  EXPECT_EQ(Reopened(&disk), (State{{"a", "1"}, {"b", "2"}}));
}

// Power goes away at each step of a run of commits and rewrites: what was committed with `sync`
// is there again, or what came after it.
TEST(StateLog, SurvivesAPowerCutAtEveryStep) {
  for (uint64_t step = 1; step < 60; ++step) {
    SCOPED_TRACE(step);
    base::SimDisk disk(step);
    State state;
    auto log = Open(&disk, &state);
    disk.CutPowerAt(step);
    int synced = 0;
    int written = 0;
    for (int i = 1; i <= 20 && !disk.power_is_off(); ++i) {
      written = i;
      log->Put("counter", std::to_string(i));
      const bool rewrite = i % 5 == 0;
      const absl::Status status =
          rewrite ? log->Rewrite({{"counter", std::to_string(i)}}) : log->Commit(true);
      if (status.ok()) synced = i;
    }
    disk.PowerCut();
    const State after = Reopened(&disk);
    const int found = after.contains("counter") ? std::stoi(after.at("counter")) : 0;
    EXPECT_GE(found, synced);
    EXPECT_LE(found, written);
  }
}

}  // namespace
}  // namespace baro::notify
