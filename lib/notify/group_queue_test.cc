// A webhook hears of groups when Alertmanager would tell it, and of nothing else.
#include "group_queue.h"

#include <gtest/gtest.h>

#include "baro/base/sim_disk.h"
#include "testing_alerts.h"

namespace baro::notify {
namespace {

class GroupQueueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    groups_.receiver = "pager";
    groups_.group_by = {"alertname"};
    groups_.group_wait_ms = 30'000;
    groups_.group_interval_ms = 5 * kMinute;
    groups_.repeat_interval_ms = 60 * kMinute;
    Open(kNow);
  }
  void Open(int64_t now_ms) {
    auto queue =
        GroupQueue::Open({"/n/hook.queue", &disk_, OutboxLimits{100, 1 << 20}, groups_}, now_ms);
    ASSERT_TRUE(queue.ok()) << queue.status();
    queue_ = *std::move(queue);
  }
  void Put(const model::Alert& alert, int64_t now_ms) {
    const absl::Status status = queue_->Put({alert}, now_ms);
    EXPECT_TRUE(status.ok()) << status;
  }
  // The rule engine's way: an alert of this moment, kept firing.
  void Fire(std::string_view name, std::string_view instance, int64_t now_ms) {
    model::Alert alert = Firing(name, now_ms);
    alert.starts_ms = now_ms;
    alert.labels.Set("instance", instance);
    Put(alert, now_ms);
  }
  void End(std::string_view name, std::string_view instance, int64_t now_ms) {
    model::Alert alert = Resolved(name, now_ms);
    alert.labels.Set("instance", instance);
    Put(alert, now_ms);
  }
  std::string Tell(int64_t now_ms) {
    const auto parcel = queue_->Take(now_ms);
    if (parcel) queue_->Delivered(*parcel, now_ms);
    return Words(parcel);
  }

  base::SimDisk disk_{7};
  GroupOptions groups_;
  std::unique_ptr<GroupQueue> queue_;
};

TEST_F(GroupQueueTest, WaitsForTheGroupToFillAndThenForNews) {
  Fire("a", "1", kNow);
  Fire("a", "2", kNow + 10'000);
  EXPECT_EQ(Tell(kNow + 29'999), "nothing");
  EXPECT_EQ(queue_->NextDueMs(), kNow + 30'000);
  EXPECT_EQ(Tell(kNow + 30'000), "a:firing a:firing");
  Fire("a", "3", kNow + kMinute);
  for (const char* instance : {"1", "2", "3"}) Fire("a", instance, kNow + 3 * kMinute);
  EXPECT_EQ(Tell(kNow + 5 * kMinute), "nothing");
  EXPECT_EQ(Tell(kNow + 30'000 + 5 * kMinute), "a:firing a:firing a:firing") << "one is new";
  for (const char* instance : {"1", "2"}) Fire("a", instance, kNow + 6 * kMinute);
  EXPECT_EQ(Tell(kNow + 30'000 + 10 * kMinute - kMinute), "nothing");
  for (const char* instance : {"1", "2"}) Fire("a", instance, kNow + 10 * kMinute);
  EXPECT_EQ(Tell(kNow + 30'000 + 10 * kMinute), "a:firing a:firing a:resolved")
      << "the third was told no more, so it ended";
}

TEST_F(GroupQueueTest, TellsOfTheEndAndForgetsTheGroup) {
  Fire("a", "1", kNow);
  EXPECT_EQ(Tell(kNow + 30'000), "a:firing");
  End("a", "1", kNow + kMinute);
  EXPECT_EQ(Tell(kNow + 30'000 + 5 * kMinute), "a:resolved");
  EXPECT_EQ(Tell(kNow + 60 * kMinute), "nothing");
  EXPECT_EQ(queue_->GetStats().kept, 0U);
  EXPECT_EQ(queue_->NextDueMs(), std::nullopt);
}

TEST_F(GroupQueueTest, SaysNothingOfWhatEndedBeforeItWasTold) {
  Fire("a", "1", kNow);
  End("a", "1", kNow + 10'000);
  EXPECT_EQ(Tell(kNow + 30'000), "nothing");
  EXPECT_EQ(queue_->GetStats().kept, 0U);
}

TEST_F(GroupQueueTest, RepeatsWhatFiresOn) {
  int told = 0;
  for (int64_t now_ms = kNow; now_ms < kNow + 150 * kMinute; now_ms += kMinute) {
    Fire("a", "1", now_ms);
    if (Tell(now_ms) != "nothing") ++told;
  }
  EXPECT_EQ(told, 3) << "at the start, and after each hour";
}

TEST_F(GroupQueueTest, TellsOnceOfAnAlertThatCameAndWentDuringAnOutage) {
  Fire("a", "1", kNow);
  queue_->Failed(*queue_->Take(kNow + 30'000), kNow + 30'000);
  End("a", "1", kNow + kMinute);
  EXPECT_EQ(Tell(kNow + 10 * kMinute), "a:firing");
  EXPECT_EQ(Tell(kNow + 10 * kMinute), "a:resolved");
  EXPECT_EQ(Tell(kNow + 60 * kMinute), "nothing");
}

TEST_F(GroupQueueTest, LeavesEndsOutWhenNobodyWantsThem) {
  groups_.send_resolved = false;
  queue_->Regroup(groups_, kNow);
  Fire("a", "1", kNow);
  EXPECT_EQ(Tell(kNow + 30'000), "a:firing");
  End("a", "1", kNow + kMinute);
  EXPECT_EQ(Tell(kNow + 6 * kMinute), "nothing");
  EXPECT_EQ(queue_->GetStats().kept, 0U);
}

TEST_F(GroupQueueTest, RemembersWhatWasToldAfterACrash) {
  Fire("a", "1", kNow);
  EXPECT_EQ(Tell(kNow + 30'000), "a:firing");
  const int64_t later = kNow + 20 * kMinute;
  Open(later);
  EXPECT_EQ(Tell(later), "nothing") << "told already, and nobody has judged it since";
  End("a", "1", later);
  EXPECT_EQ(Tell(later + 5 * kMinute), "a:resolved");
}

TEST_F(GroupQueueTest, TriesARefusedMessageAgainWithTheNextFlush) {
  Fire("a", "1", kNow);
  queue_->Refused(*queue_->Take(kNow + 30'000), kNow + 30'000);
  Fire("a", "1", kNow + 3 * kMinute);
  EXPECT_EQ(Tell(kNow + kMinute), "nothing");
  EXPECT_EQ(Tell(kNow + 30'000 + 5 * kMinute), "a:firing");
}

TEST_F(GroupQueueTest, WritesAlertmanagersBody) {
  Fire("a", "1", kNow);
  Fire("a", "2", kNow);
  const auto parcel = queue_->Take(kNow + 30'000);
  const std::string body = queue_->Body(*parcel);
  EXPECT_NE(body.find(R"("groupKey":"{}:{alertname=\"a\"}")"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("groupLabels":{"alertname":"a"})"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("commonLabels":{"alertname":"a","job":"api"})"), std::string::npos)
      << body;
}

TEST_F(GroupQueueTest, RefusesNewAlertsWhenItIsFull) {
  for (int i = 0; i < 100; ++i) Fire("a", std::to_string(i), kNow);
  model::Alert more = Firing("b", kNow);
  EXPECT_EQ(queue_->Put({more}, kNow).code(), absl::StatusCode::kResourceExhausted);
  Fire("a", "7", kNow + 1);
  EXPECT_EQ(queue_->GetStats().kept, 100U);
}

}  // namespace
}  // namespace baro::notify
