// An Alertmanager hears of every alert once, in order, whatever happens on the way.
#include "alertmanager_queue.h"

#include <gtest/gtest.h>

#include "baro/base/sim_disk.h"
#include "testing_alerts.h"

namespace baro::notify {
namespace {

constexpr int64_t kHold = 35'000;

class AlertmanagerQueueTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    AlertmanagerQueueOptions options;
    options.path = "/n/am.queue";
    options.disk = &disk_;
    options.limits = limits_;
    options.batch_alerts_max = 4;
    options.resolve_hold_ms = kHold;
    auto queue = AlertmanagerQueue::Open(std::move(options));
    ASSERT_TRUE(queue.ok()) << queue.status();
    queue_ = *std::move(queue);
  }
  void Put(const model::Alert& alert, int64_t now_ms) {
    const absl::Status status = queue_->Put({alert}, now_ms);
    EXPECT_TRUE(status.ok()) << status;
  }
  // Takes and delivers; what it was.
  std::string Tell(int64_t now_ms) {
    const auto parcel = queue_->Take(now_ms);
    if (parcel) queue_->Delivered(*parcel, now_ms);
    return Words(parcel);
  }

  base::SimDisk disk_{7};
  OutboxLimits limits_{64, 1 << 20};
  std::unique_ptr<AlertmanagerQueue> queue_;
};

TEST_F(AlertmanagerQueueTest, TellsOfTheFiringAndOfItsEnd) {
  Put(Firing("a", kNow), kNow);
  EXPECT_EQ(Tell(kNow), "a:firing");
  EXPECT_EQ(Tell(kNow), "nothing");
  Put(Resolved("a", kNow + kMinute), kNow + kMinute);
  EXPECT_EQ(Tell(kNow + kMinute), "a:resolved");
  EXPECT_EQ(queue_->GetStats().kept, 0U);
}

TEST_F(AlertmanagerQueueTest, CoalescesWhatWaits) {
  for (int minute = 0; minute < 10; ++minute) {
    model::Alert alert = Firing("a", kNow + minute * kMinute);
    alert.annotations.Set("value", std::to_string(minute));
    Put(alert, kNow + minute * kMinute);
  }
  const auto parcel = queue_->Take(kNow + 9 * kMinute);
  EXPECT_EQ(Words(parcel), "a:firing");
  EXPECT_EQ(parcel->items[0].alert.annotations.Get("value"), "9");
}

TEST_F(AlertmanagerQueueTest, TellsOfAFiringThatIsOverAlreadyAndThenOfItsEnd) {
  Put(Firing("a", kNow), kNow);
  const int64_t later = kNow + 10 * kMinute;
  Put(Resolved("a", kNow + kMinute), kNow + kMinute);
  const auto parcel = queue_->Take(later);
  ASSERT_EQ(Words(parcel), "a:firing");
  EXPECT_GT(parcel->items[0].alert.ends_ms, later + kHold) << "or it would count as resolved";
  queue_->Delivered(*parcel, later);
  EXPECT_EQ(Tell(later + kHold - 1), "nothing") << "Alertmanager's group_wait is not over";
  EXPECT_EQ(queue_->NextDueMs(), later + kHold);
  EXPECT_EQ(Tell(later + kHold), "a:resolved");
  EXPECT_EQ(Tell(later + kHold), "nothing");
}

TEST_F(AlertmanagerQueueTest, NeverForgetsTheEndOfWhatWasHeard) {
  Put(Firing("a", kNow), kNow);
  EXPECT_EQ(Tell(kNow), "a:firing");
  Put(Firing("a", kNow + kMinute), kNow + kMinute);
  Put(Resolved("a", kNow + 2 * kMinute), kNow + 2 * kMinute);
  EXPECT_EQ(Tell(kNow + 12 * kMinute), "a:resolved") << "it was heard: no need to say it again";
}

// Killed, an Alertmanager forgets; the end alone would tell nobody.
TEST_F(AlertmanagerQueueTest, TellsAgainOfAFiringThatMayBeForgottenBeforeItsEnd) {
  for (const char* name : {"a", "b"}) {
    Put(Firing(name, kNow), kNow);
    Tell(kNow);
  }
  Put(Resolved("a", kNow + kMinute), kNow + kMinute);
  queue_->Failed(*queue_->Take(kNow + kMinute), kNow + kMinute);
  Put(Resolved("b", kNow + kMinute), kNow + kMinute);
  EXPECT_EQ(Tell(kNow + 2 * kMinute), "a:firing b:firing");
  EXPECT_EQ(Tell(kNow + 2 * kMinute), "nothing");
  EXPECT_EQ(Tell(kNow + 2 * kMinute + kHold), "a:resolved b:resolved");
}

TEST_F(AlertmanagerQueueTest, SaysThatAnAlertThatWaitedFiresFromNowOn) {
  Put(Firing("a", kNow), kNow);
  const int64_t later = kNow + 10 * kMinute;
  const auto parcel = queue_->Take(later);
  EXPECT_EQ(parcel->items[0].alert.ends_ms, later + 4 * kMinute);
  EXPECT_EQ(parcel->items[0].alert.starts_ms, kNow);
}

TEST_F(AlertmanagerQueueTest, KeepsTheAnnotationsOfAnEndWithoutThem) {
  Put(Firing("a", kNow), kNow);
  Tell(kNow);
  model::Alert end = Resolved("a", kNow + 1);
  end.annotations = {};
  Put(end, kNow + 1);
  EXPECT_EQ(queue_->Take(kNow + 1)->items[0].alert.annotations.Get("summary"), "it is slow");
}

TEST_F(AlertmanagerQueueTest, TakesOldestFirstInBatches) {
  for (const char* name : {"a", "b", "c", "d", "e"}) Put(Firing(name, kNow), kNow);
  Put(Firing("a", kNow + 1), kNow + 1);
  EXPECT_EQ(Tell(kNow + 1), "a:firing b:firing c:firing d:firing");
  EXPECT_EQ(Tell(kNow + 1), "e:firing");
}

TEST_F(AlertmanagerQueueTest, DoesNotTakeANewerStateForDelivered) {
  Put(Firing("a", kNow), kNow);
  const auto parcel = queue_->Take(kNow);
  Put(Resolved("a", kNow + 10), kNow + 10);
  queue_->Delivered(*parcel, kNow + 20);
  EXPECT_EQ(Tell(kNow + 20), "a:resolved");
}

TEST_F(AlertmanagerQueueTest, GoesOnAfterACrash) {
  Put(Firing("heard", kNow), kNow);
  Tell(kNow);
  Put(Firing("owed", kNow), kNow);
  Put(Resolved("owed", kNow + 1), kNow + 1);
  Put(Resolved("heard", kNow + 1), kNow + 1);
  Put(Firing("new", kNow + 1), kNow + 1);
  disk_.PowerCut();
  Open();
  EXPECT_EQ(Tell(kNow + kMinute), "owed:firing heard:resolved new:firing");
  EXPECT_EQ(Tell(kNow + kMinute + kHold), "owed:resolved");
}

TEST_F(AlertmanagerQueueTest, ForgetsWhatWasRefused) {
  Put(Firing("bad", kNow), kNow);
  queue_->Refused(*queue_->Take(kNow), kNow);
  EXPECT_EQ(Tell(kNow), "nothing");
  EXPECT_EQ(queue_->GetStats().dropped_total.at("refused"), 1U);
}

// The ends of what was heard stay; of the rest the newest.
TEST_F(AlertmanagerQueueTest, EvictsWhatCostsLeastWhenItIsFull) {
  for (int i = 0; i < 20; ++i) Put(Firing(base::StrCat("heard", i), kNow), kNow);
  while (Tell(kNow) != "nothing") {
  }
  for (int i = 0; i < 20; ++i) Put(Resolved(base::StrCat("heard", i), kNow + 1), kNow + 1);
  for (int i = 0; i < 500; ++i) Put(Firing(base::StrCat("new", i), kNow + 2), kNow + 2);
  EXPECT_LE(queue_->GetStats().kept, 64U);
  EXPECT_GT(queue_->GetStats().dropped_total.at("queue_full"), 400U);
  std::string told;
  for (std::string words = Tell(kNow + 2); words != "nothing"; words = Tell(kNow + 2)) {
    base::StrAppend(&told, words, " ");
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_NE(told.find(base::StrCat("heard", i, ":resolved")), std::string::npos) << i;
  }
  EXPECT_NE(told.find("new499:firing"), std::string::npos);
}

TEST_F(AlertmanagerQueueTest, RefusesWhenOnlyEndsOfWhatWasHeardAreLeft) {
  for (int i = 0; i < 64; ++i) Put(Firing(base::StrCat("heard", i), kNow), kNow);
  while (Tell(kNow) != "nothing") {
  }
  for (int i = 0; i < 64; ++i) Put(Resolved(base::StrCat("heard", i), kNow + 1), kNow + 1);
  const absl::Status status = queue_->Put({Firing("new", kNow)}, kNow);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(queue_->GetStats().pending, 64U);
}

TEST_F(AlertmanagerQueueTest, DeliversEvenWhatTheDiskDoesNotTake) {
  disk_.set_capacity_bytes(disk_.used_bytes());
  EXPECT_FALSE(queue_->Put({Firing("a", kNow)}, kNow).ok());
  EXPECT_EQ(Tell(kNow), "a:firing");
  disk_.set_capacity_bytes(UINT64_MAX);
  Put(Firing("b", kNow), kNow);
  disk_.PowerCut();
  Open();
  EXPECT_EQ(Tell(kNow), "b:firing");
}

}  // namespace
}  // namespace baro::notify
