// The history knows what became of every alert, within its bounds.
#include "baro/notify/history.h"

#include <gtest/gtest.h>

#include "baro/base/sim_disk.h"
#include "baro/notify/fingerprint.h"
#include "testing_alerts.h"

namespace baro::notify {
namespace {

class HistoryTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    HistoryOptions options;
    options.folder = "/h";
    options.disk = &disk_;
    options.bytes_max = bytes_max_;
    options.age_ms_max = 24 * 60 * kMinute;
    auto history = History::Open(std::move(options));
    ASSERT_TRUE(history.ok()) << history.status();
    history_ = *std::move(history);
  }
  void Alert(std::string_view name, int64_t now_ms) {
    const model::Alert alert = Firing(name, now_ms);
    history_->AddAlert(now_ms, "firing", alert, Fingerprint(alert.labels));
  }
  void Delivery(std::string_view name, int64_t now_ms) {
    DeliveryRecord record;
    record.time_ms = now_ms;
    record.receiver = "pager";
    record.outcome = "delivered";
    record.status = 200;
    record.firing = 1;
    record.fingerprints = {Fingerprint(Firing(name, now_ms).labels)};
    history_->AddDelivery(record);
  }
  size_t Count(const HistoryQuery& query) {
    const auto found = history_->Query(query);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->size() : 0;
  }

  size_t CountAll() {
    HistoryQuery query;
    query.limit = 100'000;
    return Count(query);
  }

  base::SimDisk disk_{3};
  uint64_t bytes_max_ = 1 << 20;
  std::unique_ptr<History> history_;
};

TEST_F(HistoryTest, AnswersNewestFirstWithinTheTimesAsked) {
  for (int i = 0; i < 10; ++i) Alert(base::StrCat("a", i), kNow + i * kMinute);
  HistoryQuery query;
  query.since_ms = kNow + 2 * kMinute;
  query.until_ms = kNow + 8 * kMinute;
  query.limit = 3;
  const auto found = history_->Query(query);
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 3U);
  EXPECT_NE(found->at(0).find("\"a8\""), std::string::npos) << found->at(0);
  EXPECT_NE(found->at(2).find("\"a6\""), std::string::npos) << found->at(2);
}

TEST_F(HistoryTest, FindsTheDeliveriesOfTheAlertsAskedFor) {
  Alert("a", kNow);
  Alert("b", kNow);
  Delivery("a", kNow + 1);
  Delivery("b", kNow + 2);
  HistoryQuery query;
  query.matchers.push_back(*model::Matcher::Create(model::MatchType::kEqual, "alertname", "b"));
  query.since_ms = kNow + 1;
  const auto found = history_->Query(query);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_NE(found->at(0).find(R"("kind":"delivery","receiver":"pager","outcome":"delivered")"),
            std::string::npos)
      << found->at(0);
}

TEST_F(HistoryTest, GoesOnAfterACrash) {
  Alert("a", kNow);
  disk_.PowerCut();
  Open();
  const size_t before = CountAll();
  Alert("b", kNow + 1);
  EXPECT_EQ(CountAll(), before + 1);
  Open();
  EXPECT_EQ(CountAll(), before + 1);
}

TEST_F(HistoryTest, DropsTheOldestBeyondItsBounds) {
  bytes_max_ = 64 << 10;
  Open();
  for (int i = 0; i < 2'000; ++i) Alert(base::StrCat("a", i), kNow + i);
  EXPECT_LE(history_->bytes(), bytes_max_ + (bytes_max_ / 8));
  const size_t kept = CountAll();
  EXPECT_GT(kept, 50U);
  EXPECT_LT(kept, 500U);
  history_->SetBounds(16, 24 * 60 * kMinute);
  Alert("late", kNow + 48 * 60 * kMinute);
  Alert("later", kNow + 48 * 60 * kMinute);
  EXPECT_LE(CountAll(), 2U);
}

TEST_F(HistoryTest, CountsWhatTheDiskDoesNotTake) {
  Alert("a", kNow);
  disk_.set_capacity_bytes(disk_.used_bytes());
  Alert("b", kNow + 1);
  EXPECT_EQ(history_->errors_total(), 1U);
  disk_.set_capacity_bytes(UINT64_MAX);
  Alert("c", kNow + 2);
  EXPECT_EQ(CountAll(), 2U);
}

}  // namespace
}  // namespace baro::notify
