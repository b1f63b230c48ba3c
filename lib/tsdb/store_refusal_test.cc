// What the store refuses is counted and leaves nothing behind, after a restart too.
#include <gtest/gtest.h>
#include <unistd.h>

#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using testing::AppendAndWait;
using testing::AppendOne;
using testing::Bits;
using testing::Folder;
using testing::MakeLayout;
using testing::ReadAll;
using testing::SamplesBySeries;
using testing::TestAgent;

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kDayMs = 24 * 3'600'000;

class StoreRefusalTest : public ::testing::Test {
 protected:
  StoreRefusalTest()
      : folder_(std::string("store_refusal_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    options_.path = folder_.path();
    options_.clock = &clock_;
    options_.background = false;
    options_.commit_delay_ms = 0;
  }

  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  Folder folder_;
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreRefusalTest, SamplesTooFarInTheFutureAreRefusedBothWaysAndStayRefused) {
  Open();
  const Labels up{{"__name__", "up"}, {"job", "x"}};
  const Labels m{{"__name__", "m"}, {"job", "x"}};
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs + kDayMs, 1).stored, 1U);
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs + kDayMs + 1, 2).too_new, 1U);
  const model::Layout layout = MakeLayout({"m"});
  ASSERT_TRUE(store_->DeclareLayout(layout).ok());
  const auto declared = store_->DeclareTarget({{"job", "x"}}, layout.Hash());
  ASSERT_TRUE(declared.ok());
  TestAgent agent(1);
  agent.AddRow(*declared, 1, kNowMs + kDayMs, {3});
  agent.AddRow(*declared, 1, kNowMs + kDayMs + 1, {4});
  const AppendResult result = AppendAndWait(store_.get(), agent.TakeBatch());
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.stored, 1U);
  EXPECT_EQ(result.too_new, 1U);
  EXPECT_EQ(store_->GetStats().samples_too_new_total, 2U);
  const SamplesBySeries expected{{up, {{kNowMs + kDayMs, Bits(1)}}},
                                 {m, {{kNowMs + kDayMs, Bits(3)}}}};
  EXPECT_EQ(ReadAll(*store_), expected);
  // A replay decides as before, whatever the clock and the option say now.
  clock_.AdvanceMs(kDayMs);
  Open();
  EXPECT_EQ(ReadAll(*store_), expected);
  options_.future_ms_max = 1;
  clock_.AdvanceMs(-2 * kDayMs);
  Open();
  EXPECT_EQ(ReadAll(*store_), expected);
}

TEST_F(StoreRefusalTest, WithoutRetentionOrLimitTheFutureIsTaken) {
  options_.retention_ms = 0;
  Open();
  const Labels up{{"__name__", "up"}};
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs + 400 * kDayMs, 1).stored, 1U);
  options_.retention_ms = kDayMs;
  options_.future_ms_max = 0;
  Open();
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs + 401 * kDayMs, 1).stored, 1U);
  EXPECT_EQ(store_->GetStats().samples_too_new_total, 0U);
}

TEST_F(StoreRefusalTest, FramesOfARefusedTargetAreCountedOnce) {
  Open();
  TestAgent agent(1);
  Declared refused;
  refused.target = kNoTarget;
  agent.AddRow(refused, 1, kNowMs, {1});
  agent.AddRow(refused, 1, kNowMs + 1, {2});
  const FrameBatch batch = agent.TakeBatch();
  EXPECT_EQ(AppendAndWait(store_.get(), batch).frames_refused_target, 2U);
  EXPECT_EQ(AppendAndWait(store_.get(), batch).frames_refused_target, 0U);
  EXPECT_EQ(store_->GetStats().frames_refused_target_total, 2U);
}

}  // namespace
}  // namespace baro::tsdb
