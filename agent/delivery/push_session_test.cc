// The agent's half of the protocol: fresh frames first, nothing twice without need, nothing beyond
// the credit, and every stream that breaks is opened again after a pause.

#include "baro/agent/push_session.h"

#include <string>
#include <vector>

#include "baro/agent/spool_writer.h"
#include "baro/base/sim_disk.h"
#include "baro/base/strings.h"
#include "gtest/gtest.h"

namespace baro::agent {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;

class PushSessionTest : public testing::Test {
 protected:
  PushSessionTest() {
    auto spool = spool::Spool::Open({.path = "/spool",
                                     .bytes_max = 8 << 20,
                                     .disk = &disk_,
                                     .new_identity = {.agent_uuid = {1}, .epoch = 5}});
    EXPECT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
    writer_ = std::make_unique<SpoolWriter>(SpoolWriterOptions{.batch_bytes = 100}, &queue_,
                                            spool_.get());
    session_ = std::make_unique<PushSession>(
        PushOptions{.node_name = "node-a", .version = "1", .seed = 1}, spool_.get());
    model::Layout layout;
    layout.columns.resize(1);
    layout.columns[0].labels.Set("__name__", "up");
    model::Labels labels;
    labels.Set("instance", "a");
    target_ = *queue_.Declare(labels, layout);
  }

  // One segment of its own with `rows` frames, each a batch of its own.
  void WriteSegment(int rows) {
    writer_->RollNext();
    for (int i = 0; i < rows; ++i) WriteRow();
  }
  void WriteRow() {
    ++rows_;
    const std::vector<double> row = {0.1 * rows_};
    ASSERT_TRUE(queue_.Append(target_, kStartMs + rows_, row).ok());
    ASSERT_TRUE(writer_->Write(now_ms_).ok());
  }
  void Connect(v1::Welcome welcome = {}, uint64_t credit = 1 << 20) {
    ASSERT_TRUE(session_->WantsConnection(now_ms_));
    session_->OnConnecting(now_ms_);
    session_->OnConnected(now_ms_);
    v1::AgentMessage message;
    ASSERT_TRUE(session_->NextMessage(now_ms_, &message));
    ASSERT_TRUE(message.has_hello());
    EXPECT_EQ(message.hello().epoch(), spool_->identity().epoch);
    ASSERT_FALSE(session_->NextMessage(now_ms_, &message)) << "nothing before Welcome";
    welcome.set_credit_bytes(credit);
    v1::CollectorMessage answer;
    *answer.mutable_welcome() = welcome;
    ASSERT_TRUE(Hear(answer).ok());
  }
  absl::Status Hear(const v1::CollectorMessage& message) {
    return session_->OnMessage(message, now_ms_);
  }
  absl::Status HearAck(uint64_t last) {
    v1::CollectorMessage message;
    message.mutable_ack()->set_last_sequence(last);
    return Hear(message);
  }
  // Everything it has to say now: "L" layout, "T" target, sequences of batches.
  std::string Listen() {
    std::string said;
    v1::AgentMessage message;
    while (session_->NextMessage(now_ms_, &message)) {
      if (message.has_declare()) said += message.declare().has_layout() ? "L " : "T ";
      if (message.has_frames()) base::StrAppend(&said, message.frames().first_sequence(), " ");
    }
    return said;
  }

  base::SimDisk disk_{1};
  RowQueue queue_{RowQueueOptions{}};
  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<SpoolWriter> writer_;
  std::unique_ptr<PushSession> session_;
  TargetHandle target_ = 0;
  int rows_ = 0;
  int64_t now_ms_ = kStartMs;
};

TEST_F(PushSessionTest, SendsFreshFramesFirstThenTheBacklogOldestFirst) {
  WriteSegment(2);
  WriteSegment(2);
  WriteSegment(2);
  Connect();
  EXPECT_EQ(Listen(), "L T 5 6 1 2 3 4 ");
  WriteRow();
  EXPECT_EQ(Listen(), "7 ");
}

TEST_F(PushSessionTest, AFreshFrameOvertakesTheBacklog) {
  WriteSegment(3);
  WriteSegment(1);
  Connect({}, 1);  // credit for one batch, which may overdraw it
  EXPECT_EQ(Listen(), "L T 4 ");
  v1::CollectorMessage credit;
  credit.mutable_credit()->set_bytes(100);
  ASSERT_TRUE(Hear(credit).ok());
  v1::AgentMessage message;
  ASSERT_TRUE(session_->NextMessage(now_ms_, &message));
  EXPECT_EQ(message.frames().first_sequence(), 1u);
  WriteRow();
  ASSERT_TRUE(session_->NextMessage(now_ms_, &message));
  EXPECT_EQ(message.frames().first_sequence(), 5u);
}

TEST_F(PushSessionTest, SendsOnlyWhatTheCollectorLacks) {
  WriteSegment(3);
  WriteSegment(3);
  v1::Welcome welcome;
  welcome.set_last_sequence(2);
  welcome.add_stored()->set_first(4);
  welcome.mutable_stored(0)->set_last(5);
  Connect(welcome);
  EXPECT_EQ(Listen(), "L T 6 3 ");
}

TEST_F(PushSessionTest, DoesNotDeclareALayoutThatIsKnown) {
  WriteSegment(1);
  v1::Welcome welcome;
  const auto hash = queue_.LayoutHashes(1)[0];
  welcome.add_known_layout_hashes(hash.data(), hash.size());
  Connect(welcome);
  EXPECT_EQ(Listen(), "T 1 ");
}

TEST_F(PushSessionTest, DeclaresAgainWhenAsked) {
  WriteSegment(2);
  Connect();
  EXPECT_EQ(Listen(), "L T 1 2 ");
  v1::CollectorMessage need;
  need.mutable_need_declare()->add_target_refs(1);
  const auto hash = queue_.LayoutHashes(1)[0];
  need.mutable_need_declare()->add_layout_hashes(hash.data(), hash.size());
  ASSERT_TRUE(Hear(need).ok());
  EXPECT_EQ(Listen(), "L T 1 2 ");
}

TEST_F(PushSessionTest, SendsAChainAgainFromItsStart) {
  WriteSegment(2);
  WriteSegment(2);
  Connect();
  EXPECT_EQ(Listen(), "L T 3 4 1 2 ");
  ASSERT_TRUE(HearAck(1).ok());
  v1::CollectorMessage need;
  need.mutable_need_declare()->add_chains(1);
  ASSERT_TRUE(Hear(need).ok());
  EXPECT_EQ(Listen(), "1 2 ") << "what is stored of it as well";
}

TEST_F(PushSessionTest, GivesUpAChainThatNeverDecodes) {
  WriteSegment(2);
  WriteSegment(1);
  Connect();
  Listen();
  for (int i = 0; i < 4; ++i) {
    v1::CollectorMessage need;
    need.mutable_need_declare()->add_chains(1);
    ASSERT_TRUE(Hear(need).ok());
    Listen();
  }
  EXPECT_FALSE(spool_->FindSegment(1).has_value());
  EXPECT_EQ(spool_->GetStats().lost_total.at("undecodable").frames, 2u);
}

TEST_F(PushSessionTest, StopsAtTheCreditAndGoesOnWithMore) {
  WriteSegment(5);
  Connect({}, 1);
  EXPECT_EQ(Listen(), "L T 1 ");
  v1::CollectorMessage credit;
  credit.mutable_credit()->set_bytes(1'000);
  ASSERT_TRUE(Hear(credit).ok());
  EXPECT_EQ(Listen(), "2 3 4 5 ");
}

TEST_F(PushSessionTest, StartsAnEpochWhenTheCollectorKnowsMoreThanTheSpool) {
  WriteSegment(2);
  v1::Welcome welcome;
  welcome.set_last_sequence(9);
  session_->OnConnecting(now_ms_);
  session_->OnConnected(now_ms_);
  v1::AgentMessage message;
  ASSERT_TRUE(session_->NextMessage(now_ms_, &message));
  v1::CollectorMessage answer;
  *answer.mutable_welcome() = welcome;
  EXPECT_EQ(Hear(answer).code(), absl::StatusCode::kAborted);
  EXPECT_NE(spool_->identity().epoch, 5u);
  EXPECT_NE(spool_->identity().epoch, 6u) << "a copy of this spool would count to the same";
  session_->OnDisconnected("new epoch", now_ms_);
  now_ms_ += 60'000;
  Connect();
  EXPECT_EQ(Listen(), "L T 1 2 ");
}

TEST_F(PushSessionTest, PausesLongerAfterEachFailureAndNeverBeyondTheMaximum) {
  const PushOptions options;
  int64_t longest_ms = 0;
  for (int i = 0; i < 40; ++i) {
    session_->OnConnecting(now_ms_);
    session_->OnDisconnected("refused", now_ms_);
    const int64_t pause_ms = session_->NextWakeMs() - now_ms_;
    EXPECT_GE(pause_ms, options.backoff_ms_min / 2);
    EXPECT_LE(pause_ms, options.backoff_ms_max);
    EXPECT_LE(pause_ms, options.backoff_ms_min << std::min(i, 20));
    longest_ms = std::max(longest_ms, pause_ms);
    EXPECT_FALSE(session_->WantsConnection(now_ms_));
    now_ms_ = session_->NextWakeMs();
  }
  EXPECT_GT(longest_ms, options.backoff_ms_max / 2);
}

TEST_F(PushSessionTest, HangsUpOnACollectorThatFallsSilent) {
  WriteSegment(1);
  Connect();
  EXPECT_TRUE(session_->CheckAlive(now_ms_ + 3'600'000).ok()) << "nothing is owed";
  Listen();
  EXPECT_TRUE(session_->CheckAlive(now_ms_ + 59'999).ok());
  EXPECT_FALSE(session_->CheckAlive(now_ms_ + 60'000).ok());
  ASSERT_TRUE(HearAck(1).ok());
  EXPECT_TRUE(session_->CheckAlive(now_ms_ + 3'600'000).ok());
}

TEST_F(PushSessionTest, RefusesAnswersThatCannotBe) {
  WriteSegment(1);
  Connect();
  EXPECT_FALSE(HearAck(2).ok()) << "never sent";
  v1::CollectorMessage bad;
  bad.mutable_ack()->add_stored()->set_first(9);
  EXPECT_FALSE(Hear(bad).ok()) << "a range that ends before it starts";
  v1::CollectorMessage second;
  second.mutable_welcome();
  EXPECT_FALSE(Hear(second).ok());
  EXPECT_TRUE(Hear(v1::CollectorMessage()).ok()) << "of a newer collector";
}

TEST_F(PushSessionTest, HangsUpOnACollectorThatAsksForEver) {
  WriteSegment(1);
  Connect();
  v1::CollectorMessage need;
  need.mutable_need_declare()->add_target_refs(1);
  absl::Status status;
  int asked = 0;
  for (; status.ok() && asked < 1'000; ++asked) {
    status = Hear(need);
    Listen();
  }
  EXPECT_LT(asked, 100);
}

}  // namespace
}  // namespace baro::agent
