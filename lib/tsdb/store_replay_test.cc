// A start answers at once: samples are taken while old journals are loaded, frames when that is
// done, and nothing is lost whenever the next end comes.
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
const Labels kTarget{{"job", "node"}, {"instance", "one"}};
const Labels kUp{{"__name__", "up"}, {"job", "node"}};

class StoreReplay : public ::testing::Test {
 protected:
  StoreReplay()
      : folder_(std::string("replay_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.commit_delay_ms = 0;
  }

  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // Two columns, a row every 15 s, a batch each; remembers what must be there.
  void AppendRows(int count) {
    ASSERT_TRUE(store_->DeclareLayout(layout_).ok());
    const auto declared = store_->DeclareTarget(kTarget, layout_.Hash());
    ASSERT_TRUE(declared.ok()) << declared.status();
    for (int i = 0; i < count; ++i, ++row_) {
      const int64_t time_ms = kNowMs + row_ * 15'000;
      const std::vector<double> values = {static_cast<double>(row_), 5};
      agent_.AddRow(*declared, 2, time_ms, values);
      const AppendResult result = AppendAndWait(store_.get(), agent_.TakeBatch());
      ASSERT_TRUE(result.status.ok()) << result.status;
      for (size_t c = 0; c < 2; ++c) {
        Labels labels = kTarget;
        labels.Set("__name__", c == 0 ? "a" : "b");
        expected_[labels][time_ms] = Bits(values[c]);
      }
    }
  }
  void AppendSample(double value) {
    const int64_t time_ms = kNowMs + static_cast<int64_t>(value) * 1'000;
    const AppendResult result = AppendOne(store_.get(), kUp, time_ms, value);
    ASSERT_TRUE(result.status.ok()) << result.status;
    expected_[kUp][time_ms] = Bits(value);
  }
  void ExpectAll() {
    ASSERT_TRUE(store_->AwaitReplay().ok());
    EXPECT_TRUE(store_->ReplayComplete());
    EXPECT_EQ(ReadAll(*store_), expected_);
    const std::vector<SequenceRange> stored = {{1, static_cast<uint64_t>(row_)}};
    EXPECT_EQ(store_->StoredSequences(agent_.id()), stored);
  }

  Folder folder_;
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  const model::Layout layout_ = MakeLayout({"a", "b"});
  TestAgent agent_{7};
  int64_t row_ = 0;
  SamplesBySeries expected_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreReplay, SamplesAreTakenFromTheFirstMoment) {
  Open();
  AppendRows(20);
  AppendSample(1);
  Open();
  AppendSample(2);  // whether or not the journal is loaded yet
  ExpectAll();
  Open();
  ExpectAll();
}

TEST_F(StoreReplay, ChainsGoOnAcrossStartsAndSeals) {
  Open();
  for (int start = 0; start < 4; ++start) {
    AppendRows(5);  // no key frame but the very first
    AppendSample(start + 1);
    Open();
    ExpectAll();
    if (start % 2 == 0) {
      ASSERT_TRUE(store_->Maintain(true).ok());
      ExpectAll();
    }
  }
}

// Journals of starts that never got to load the older ones.
TEST_F(StoreReplay, AnEndWhileLoadingLosesNothing) {
  Open();
  AppendRows(30);
  for (int start = 0; start < 5; ++start) {
    Open();
    AppendSample(start + 1);
  }
  Open();
  ExpectAll();
  AppendRows(5);
  Open();
  ExpectAll();
  ASSERT_TRUE(store_->Maintain(true).ok());
  AppendRows(5);
  Open();
  ExpectAll();
}

TEST_F(StoreReplay, ALateSampleOfTheYoungerHeadWins) {
  Open();
  ASSERT_TRUE(AppendOne(store_.get(), kUp, kNowMs, 1).status.ok());
  Open();
  ASSERT_TRUE(AppendOne(store_.get(), kUp, kNowMs, 2).status.ok());
  expected_[kUp][kNowMs] = Bits(2);
  ASSERT_TRUE(store_->AwaitReplay().ok());
  EXPECT_EQ(ReadAll(*store_), expected_);
  ASSERT_TRUE(store_->Maintain(true).ok());
  EXPECT_EQ(ReadAll(*store_), expected_);
}

TEST_F(StoreReplay, AFolderThatNothingWasWrittenToStaysOpenable) {
  for (int start = 0; start < 3; ++start) {
    Open();
    ASSERT_TRUE(store_->Maintain(true).ok());
  }
  AppendSample(1);
  Open();
  ASSERT_TRUE(store_->AwaitReplay().ok());
  EXPECT_EQ(ReadAll(*store_), expected_);
}

TEST_F(StoreReplay, SaysHowFarItIs) {
  Open();
  AppendRows(10);
  Open();
  ASSERT_TRUE(store_->AwaitReplay().ok());
  const Stats stats = store_->GetStats();
  EXPECT_TRUE(stats.replay_complete);
  EXPECT_GT(stats.replay_bytes_done, 0U);
  EXPECT_GE(stats.replay_bytes, stats.replay_bytes_done);
  const auto set = store_->Select({kNowMs, kNowMs, {}, 0});
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_TRUE((*set)->warnings().empty());
}

}  // namespace
}  // namespace baro::tsdb
