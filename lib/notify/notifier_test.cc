// From Send() to the receivers: nothing is lost, nothing is told twice, nobody waits for another.
#include "baro/notify/notifier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "baro/base/eventually.h"
#include "baro/base/mutex.h"
#include "baro/net/testing/test_server.h"
#include "testing_alerts.h"

namespace baro::notify {
namespace {

using base::Eventually;
using net::testing::Answer;
using net::testing::TestReply;
using net::testing::TestRequest;
using net::testing::TestServer;

// An Alertmanager (or a webhook) that remembers what it has taken and refuses what it is told to.
class FakeReceiver {
 public:
  int CountTold(std::string_view words) const {
    base::MutexLock lock(&mutex_);
    int count = 0;
    for (const std::string& body : bodies_) {
      for (size_t at = body.find(words); at != std::string::npos; at = body.find(words, at + 1)) {
        ++count;
      }
    }
    return count;
  }
  std::string Body(size_t index) const {
    base::MutexLock lock(&mutex_);
    return index < bodies_.size() ? bodies_[index] : std::string();
  }
  std::string LastTarget() const {
    base::MutexLock lock(&mutex_);
    return target_;
  }
  int requests() const { return requests_; }
  std::string address() const { return server_.address(); }

  std::atomic<int> status = 200;   // what it answers
  std::atomic<bool> hang = false;  // says nothing
  std::string refused_words;       // a body with them is refused with 400; before the first use

 private:
  TestReply Reply(const TestRequest& request) {
    ++requests_;
    if (hang) return {.bytes = "", .hang = true};
    if (status != 200) return Answer(status, "not now", {{"Retry-After", "7"}});
    if (!refused_words.empty() && absl::StrContains(request.body, refused_words)) {
      return Answer(400, R"("invalid label set")");
    }
    base::MutexLock lock(&mutex_);
    bodies_.push_back(request.body);
    target_ = request.target;
    return Answer(200, "{}");
  }

  mutable base::Mutex mutex_;
  std::vector<std::string> bodies_ ABSL_GUARDED_BY(mutex_);
  std::string target_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> requests_ = 0;
  TestServer server_{[this](const TestRequest& request) { return Reply(request); }};
};

class NotifierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = base::StrCat(::testing::TempDir(), "notifier_",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    Open();
  }
  void TearDown() override {
    notifier_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    NotifierOptions options;
    options.folder = folder_;
    options.clock = &clock_;
    options.poll_ms = 2;
    options.discovery_poll_ms = 5;
    options.seed = 1;
    auto notifier = Notifier::Open(std::move(options));
    ASSERT_TRUE(notifier.ok()) << notifier.status();
    notifier_ = *std::move(notifier);
  }
  void Apply(std::string_view yaml, std::map<std::string, std::string> external = {}) {
    const auto node = base::ParseYaml(yaml, "c.yml");
    ASSERT_TRUE(node.ok()) << node.status();
    auto config = ReadAlertingConfig(*node, folder_);
    ASSERT_TRUE(config.ok()) << config.status();
    const absl::Status status = notifier_->Apply(*std::move(config), std::move(external));
    ASSERT_TRUE(status.ok()) << status;
  }
  void ApplyAlertmanagers(const std::vector<std::string>& addresses) {
    std::string targets;
    for (const std::string& one : addresses) {
      base::StrAppend(&targets, targets.empty() ? "" : ", ", "'", one, "'");
    }
    Apply(base::StrCat("alertmanagers: [{timeout: 60s, static_configs: [{targets: [", targets,
                       "]}]}]\nqueue: {drain_timeout: 0s}\n"));
  }
  void Send(const std::vector<model::Alert>& alerts) {
    const absl::Status status = notifier_->Send(alerts);
    EXPECT_TRUE(status.ok()) << status;
  }
  std::vector<std::string> History() {
    const auto records = notifier_->history().Query({});
    return records.ok() ? *records : std::vector<std::string>();
  }

  std::string folder_;
  base::FakeClock clock_{kNow};
  std::unique_ptr<Notifier> notifier_;
};

TEST_F(NotifierTest, TellsEveryAlertmanagerWithExternalLabelsAndRelabelling) {
  FakeReceiver one;
  FakeReceiver other;
  Apply(base::StrCat(R"(
alert_relabel_configs:
  - {source_labels: [alertname], regex: secret, action: drop}
alertmanagers:
  - {static_configs: [{targets: [')",
                     one.address(), R"(']}]}
  - path_prefix: /am
    static_configs: [{targets: [')",
                     other.address(), R"(']}]
    alert_relabel_configs: [{target_label: via, replacement: second}]
)"),
        {{"cluster", "c1"}, {"job", "never"}});
  Send({Firing("a", kNow), Firing("secret", kNow)});
  ASSERT_TRUE(Eventually([&] { return one.requests() > 0 && other.requests() > 0; }));
  ASSERT_TRUE(Eventually([&] { return !one.Body(0).empty() && !other.Body(0).empty(); }));
  EXPECT_EQ(one.LastTarget(), "/api/v2/alerts");
  EXPECT_EQ(other.LastTarget(), "/am/api/v2/alerts");
  EXPECT_NE(one.Body(0).find(R"("labels":{"alertname":"a","cluster":"c1","job":"api"})"),
            std::string::npos)
      << one.Body(0);
  EXPECT_EQ(other.CountTold(R"("via":"second")"), 1);
  EXPECT_EQ(one.CountTold("secret"), 0);
  EXPECT_EQ(notifier_->GetStatus().suppressed_total.at("relabel"), 1U);
}

// Ten minutes without Alertmanager, during which the rule engine tells everything each minute.
TEST_F(NotifierTest, AnOutageCostsOneFiringAndOneResolved) {
  FakeReceiver am;
  am.status = 503;
  ApplyAlertmanagers({am.address()});
  constexpr int kAlerts = 300;  // two batches
  const auto send = [&](bool odd_resolved) {
    std::vector<model::Alert> alerts;
    for (int i = 0; i < kAlerts; ++i) {
      const std::string name = base::StrCat("a", i, "_");
      const bool resolved = odd_resolved && i % 2 == 1;
      alerts.push_back(resolved ? Resolved(name, clock_.NowMs()) : Firing(name, clock_.NowMs()));
    }
    Send(alerts);
  };
  for (int minute = 0; minute < 10; ++minute) {
    send(minute >= 5);
    // Longer than retry_max: each minute sees an attempt.
    ASSERT_TRUE(Eventually([&] { return notifier_->GetStatus().receivers[0].failures > minute; }));
    clock_.AdvanceMs(kMinute);
  }
  am.status = 200;
  clock_.AdvanceMs(kMinute);
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == kAlerts; }));
  clock_.AdvanceMs(36'000);  // resolve_hold
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == kAlerts * 3 / 2; }));
  ASSERT_TRUE(Eventually([&] { return notifier_->GetStatus().receivers[0].queue_alerts == 0; }));
  for (int i = 0; i < kAlerts; ++i) {
    EXPECT_EQ(am.CountTold(base::StrCat("\"a", i, "_\"")), 1 + i % 2) << i;
  }
  EXPECT_EQ(notifier_->GetStatus().receivers[0].dropped_total.at("queue_full"), 0U);
}

TEST_F(NotifierTest, AReceiverThatDoesNotAnswerDelaysNoOther) {
  FakeReceiver black_hole;
  black_hole.hang = true;
  FakeReceiver am;
  ApplyAlertmanagers({black_hole.address(), am.address()});
  Send({Firing("first", kNow)});
  ASSERT_TRUE(Eventually([&] { return black_hole.requests() == 1; }));
  for (int i = 0; i < 20; ++i) {
    Send({Firing(base::StrCat("a", i, "_"), kNow)});
    ASSERT_TRUE(Eventually([&] { return am.CountTold(base::StrCat("a", i, "_")) == 1; }));
  }
  EXPECT_EQ(black_hole.requests(), 1) << "it still has the first";
  notifier_->Stop();
}

TEST_F(NotifierTest, OneBadAlertDoesNotCostTheOthers) {
  FakeReceiver am;
  am.refused_words = "bad-label";
  ApplyAlertmanagers({am.address()});
  std::vector<model::Alert> alerts;
  for (int i = 0; i < 100; ++i) alerts.push_back(Firing(base::StrCat("a", i, "_"), kNow));
  alerts[37].labels.Set("bad-label", "x");
  alerts[38].generator_url = "not a url";
  Send(alerts);
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == 99; }));
  ASSERT_TRUE(Eventually([&] { return notifier_->GetStatus().receivers[0].queue_alerts == 0; }));
  EXPECT_EQ(notifier_->GetStatus().receivers[0].dropped_total.at("refused"), 1U);
  EXPECT_LE(am.requests(), 16) << "found by halves: 1 + 2 log2(100)";
}

TEST_F(NotifierTest, HonoursRetryAfter) {
  FakeReceiver am;
  am.status = 429;
  ApplyAlertmanagers({am.address()});
  Send({Firing("a", kNow)});
  ASSERT_TRUE(Eventually([&] { return notifier_->GetStatus().receivers[0].failures == 1; }));
  EXPECT_GE(notifier_->GetStatus().receivers[0].retry_at_ms, kNow + 7'000);
  am.status = 200;
  clock_.AdvanceMs(8'000);
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == 1; }));
}

TEST_F(NotifierTest, TellsAfterARestartWhatItCouldNotTellBefore) {
  FakeReceiver am;
  am.status = 500;
  ApplyAlertmanagers({am.address()});
  Send({Firing("a", kNow), Firing("b", kNow)});
  ASSERT_TRUE(Eventually([&] { return am.requests() > 0; }));
  notifier_.reset();
  am.status = 200;
  Open();
  ApplyAlertmanagers({am.address()});
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == 2; }));
}

TEST_F(NotifierTest, DrainsBeforeItStops) {
  FakeReceiver am;
  Apply(base::StrCat("alertmanagers: [{static_configs: [{targets: ['", am.address(), "']}]}]\n"));
  std::vector<model::Alert> alerts;
  for (int i = 0; i < 1'000; ++i) alerts.push_back(Firing(base::StrCat("a", i), kNow));
  Send(alerts);
  notifier_->Stop();
  EXPECT_EQ(am.CountTold("startsAt"), 1'000);
}

TEST_F(NotifierTest, KeepsTheQueueOfAReceiverThatIsNamedAgain) {
  FakeReceiver am;
  am.status = 500;
  ApplyAlertmanagers({am.address()});
  Send({Firing("a", kNow)});
  ASSERT_TRUE(Eventually([&] { return am.requests() > 0; }));
  Apply("{}");
  EXPECT_TRUE(notifier_->GetStatus().receivers.empty());
  am.status = 200;
  ApplyAlertmanagers({am.address()});
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == 1; }));
  Apply("{}");
  clock_.AdvanceMs(61 * kMinute);
  ASSERT_TRUE(Eventually([&] { return notifier_->GetStatus().queues_removed_total == 1; }));
}

TEST_F(NotifierTest, TellsAWebhookInGroups) {
  FakeReceiver hook;
  Apply(base::StrCat("webhooks: [{name: pager, url: 'http://", hook.address(),
                     "/x', group_wait: 10s, headers: {X-A: b}}]\n"));
  Send({Firing("a", kNow), Firing("b", kNow)});
  EXPECT_EQ(hook.requests(), 0);
  clock_.AdvanceMs(11'000);
  ASSERT_TRUE(Eventually([&] { return hook.CountTold(R"("version":"4")") == 2; }));
  EXPECT_EQ(notifier_->GetStatus().receivers[0].name, "pager");
}

TEST_F(NotifierTest, RecordsWhatBecameOfAnAlert) {
  FakeReceiver am;
  ApplyAlertmanagers({am.address()});
  Send({Firing("a", kNow)});
  ASSERT_TRUE(Eventually([&] { return History().size() == 2; }));
  Send({Firing("a", kNow)});
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == 2; }));
  EXPECT_EQ(History().size(), 2U) << "a repetition is no news";
  Send({Resolved("a", kNow)});
  ASSERT_TRUE(Eventually([&] { return History().size() == 4; }));
  EXPECT_NE(History().at(1).find(R"("state":"resolved")"), std::string::npos);
  const absl::Status noticed = notifier_->TakeNotice(
      R"({"version":"4","status":"firing","receiver":"mail","alerts":[{"status":"firing",)"
      R"("labels":{"alertname":"a","job":"api"}}]})");
  EXPECT_TRUE(noticed.ok()) << noticed;
  EXPECT_NE(History().at(0).find(R"("kind":"notified","receiver":"mail")"), std::string::npos);
}

TEST_F(NotifierTest, TestsTheWayAndSaysWhatIsWrongWithIt) {
  FakeReceiver good;
  FakeReceiver bad;
  bad.status = 404;
  ApplyAlertmanagers({good.address(), bad.address()});
  const auto outcomes = notifier_->Test(Firing("t", kNow), "");
  ASSERT_TRUE(outcomes.ok()) << outcomes.status();
  ASSERT_EQ(outcomes->size(), 2U);
  EXPECT_TRUE(outcomes->at(0).delivered);
  EXPECT_FALSE(outcomes->at(1).delivered);
  EXPECT_EQ(outcomes->at(1).status, 404);
  EXPECT_EQ(notifier_->Test(Firing("t", kNow), "nobody").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(NotifierTest, FindsAlertmanagersInFiles) {
  FakeReceiver am;
  const std::string file = folder_ + "/am.yml";
  Apply("alertmanagers: [{file_sd_configs: [{files: [am.yml]}]}]\n");
  EXPECT_TRUE(notifier_->GetStatus().receivers.empty());
  std::ofstream(file) << "- targets: ['" << am.address() << "']\n";
  ASSERT_TRUE(Eventually([&] { return notifier_->GetStatus().receivers.size() == 1; }));
  Send({Firing("a", kNow)});
  ASSERT_TRUE(Eventually([&] { return am.CountTold("startsAt") == 1; }));
  std::filesystem::remove(file);
  ASSERT_TRUE(Eventually([&] { return notifier_->GetStatus().receivers.empty(); }));
}

TEST_F(NotifierTest, RefusesAnAlertThatNoReceiverWouldTake) {
  model::Alert alert = Firing("a", kNow);
  alert.annotations.Set("dump", std::string(size_t{1} << 20, 'x'));
  EXPECT_EQ(notifier_->Send({alert}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(notifier_->GetStatus().suppressed_total.at("too_large"), 1U);
}

}  // namespace
}  // namespace baro::notify
