// Which series and labels are there in a time range: each target's and series' own times decide,
// in the head, after a restart and sealed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <set>

#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using testing::AppendAndWait;
using testing::AppendOne;
using testing::Folder;
using testing::MakeLayout;
using testing::TestAgent;

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kSecondMs = 1'000;

class StorePresenceTest : public ::testing::Test {
 protected:
  StorePresenceTest()
      : folder_(std::string("store_presence_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    options_.commit_delay_ms = 0;
    Open();
  }

  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  std::set<std::string> Instances(int64_t start_ms, int64_t end_ms) const {
    std::set<std::string> instances;
    const auto set = store_->Select({start_ms, end_ms, {}, 0});
    EXPECT_TRUE(set.ok()) << set.status();
    for (size_t i = 0; i < (*set)->size(); ++i) {
      instances.emplace((*set)->labels(i).Merge().Get("instance"));
    }
    model::LabelRequest request;
    request.start_ms = start_ms;
    request.end_ms = end_ms;
    const auto values = store_->LabelValues("instance", request);
    EXPECT_TRUE(values.ok()) << values.status();
    EXPECT_EQ(std::set<std::string>(values->begin(), values->end()), instances);
    return instances;
  }

  std::set<std::string> Metrics(int64_t start_ms, int64_t end_ms) const {
    model::LabelRequest request;
    request.start_ms = start_ms;
    request.end_ms = end_ms;
    const auto values = store_->LabelValues("__name__", request);
    EXPECT_TRUE(values.ok()) << values.status();
    return {values->begin(), values->end()};
  }

  // In the head, replayed, sealed.
  void Everywhere(const std::function<void()>& check) {
    for (const char* where : {"head", "replayed", "sealed"}) {
      SCOPED_TRACE(where);
      if (where == std::string_view("replayed")) Open();
      if (where == std::string_view("sealed")) {
        ASSERT_TRUE(store_->Maintain(true).ok());
      }
      check();
    }
  }

  Folder folder_;
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

using Texts = std::set<std::string>;

TEST_F(StorePresenceTest, ATargetIsThereFromItsFirstSampleToItsLast) {
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "1"}}, kNowMs - 1'500 * kSecondMs, 1);
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "2"}}, kNowMs, 1);
  Everywhere([&] {
    EXPECT_EQ(Instances(kNowMs - 1'600 * kSecondMs, kNowMs - 1'400 * kSecondMs), (Texts{"1"}));
    EXPECT_EQ(Instances(kNowMs - 1'400 * kSecondMs, kNowMs - 1'300 * kSecondMs), (Texts{}));
    EXPECT_EQ(Instances(kNowMs - 10 * kSecondMs, kNowMs + 10 * kSecondMs), (Texts{"2"}));
    EXPECT_EQ(Instances(kNowMs - 1'600 * kSecondMs, kNowMs), (Texts{"1", "2"}));
  });
}

TEST_F(StorePresenceTest, AnAncientSampleDoesNotStretchTheOthers) {
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "old"}}, 0, 1);
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "new"}}, kNowMs, 1);
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "both"}}, 0, 1);
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "both"}}, kNowMs, 1);
  Everywhere([&] {
    EXPECT_EQ(Instances(0, 1), (Texts{"both", "old"}));
    EXPECT_EQ(Instances(kNowMs / 2, kNowMs / 2 + 1), (Texts{}));
    EXPECT_EQ(Instances(kNowMs, kNowMs), (Texts{"both", "new"}));
  });
}

TEST_F(StorePresenceTest, AnEmptyRangeHasNothing) {
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "1"}}, kNowMs - 60 * kSecondMs, 1);
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "1"}}, kNowMs, 1);
  Everywhere([&] {
    EXPECT_EQ(Instances(kNowMs - 10 * kSecondMs, kNowMs - 20 * kSecondMs), (Texts{}));
    EXPECT_EQ(Instances(kNowMs, kNowMs - 60 * kSecondMs), (Texts{}));
    model::LabelRequest request;
    request.start_ms = kNowMs;
    request.end_ms = kNowMs - 60 * kSecondMs;
    EXPECT_TRUE(store_->LabelNames(request)->empty());
  });
}

TEST_F(StorePresenceTest, BetweenTwoScrapesASeriesIsThere) {
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "1"}}, kNowMs - 60 * kSecondMs, 1);
  AppendOne(store_.get(), {{"__name__", "a"}, {"instance", "1"}}, kNowMs, 1);
  Everywhere([&] {
    EXPECT_EQ(Instances(kNowMs - 30 * kSecondMs, kNowMs - 30 * kSecondMs), (Texts{"1"}));
  });
}

TEST_F(StorePresenceTest, SeriesOfOneTargetHaveTimesOfTheirOwnInTheHead) {
  // `gone` shares rows with `stays` while it lasts, and `late` joins them.
  for (int row = 0; row < 300; ++row) {
    const int64_t time_ms = kNowMs + row * kSecondMs;
    SampleBatch batch;
    testing::Add(store_.get(), {{"__name__", "stays"}, {"job", "x"}}, time_ms, row, &batch);
    if (row < 10) {
      testing::Add(store_.get(), {{"__name__", "gone"}, {"job", "x"}}, time_ms, row, &batch);
    }
    if (row >= 200) {
      testing::Add(store_.get(), {{"__name__", "late"}, {"job", "x"}}, time_ms, row, &batch);
    }
    ASSERT_TRUE(AppendAndWait(store_.get(), std::move(batch)).status.ok());
  }
  for (int opened = 0; opened < 2; ++opened, Open()) {
    EXPECT_EQ(Metrics(kNowMs, kNowMs + 5 * kSecondMs), (Texts{"gone", "stays"}));
    EXPECT_EQ(Metrics(kNowMs + 50 * kSecondMs, kNowMs + 60 * kSecondMs), (Texts{"stays"}));
    EXPECT_EQ(Metrics(kNowMs + 250 * kSecondMs, kNowMs + 260 * kSecondMs),
              (Texts{"late", "stays"}));
  }
}

TEST_F(StorePresenceTest, FramesOfAnAgentAreThereInTheirOwnTime) {
  const model::Layout layout = MakeLayout({"m"});
  ASSERT_TRUE(store_->DeclareLayout(layout).ok());
  TestAgent agent(3);
  const auto one = store_->DeclareTarget({{"instance", "1"}}, layout.Hash());
  const auto two = store_->DeclareTarget({{"instance", "2"}}, layout.Hash());
  ASSERT_TRUE(one.ok() && two.ok());
  agent.AddRow(*one, 1, kNowMs - 600 * kSecondMs, {1});
  agent.AddRow(*two, 1, kNowMs, {1});
  ASSERT_EQ(AppendAndWait(store_.get(), agent.TakeBatch()).stored, 2U);
  Everywhere([&] {
    EXPECT_EQ(Instances(kNowMs - 601 * kSecondMs, kNowMs - 599 * kSecondMs), (Texts{"1"}));
    EXPECT_EQ(Instances(kNowMs - 1, kNowMs), (Texts{"2"}));
  });
}

}  // namespace
}  // namespace baro::tsdb
