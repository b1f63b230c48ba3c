// The collector's half of the protocol: what an agent sends is stored, asked for again or refused
// with a reason; nothing that a hostile agent sends can crash it or make it grow.

#include "baro/collector/ingest_session.h"

#include <random>
#include <string>

#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/collector/testing/fake_store.h"
#include "baro/wire/ingest.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

model::Layout OneColumn(std::string_view name) {
  model::Column column;
  column.labels.Set("__name__", name);
  column.metadata.family = std::string(name);
  return {.columns = {column}};
}

v1::AgentMessage Hello(uint64_t epoch = 1) {
  v1::AgentMessage message;
  message.mutable_hello()->set_agent_uuid(std::string(16, 'u'));
  message.mutable_hello()->set_epoch(epoch);
  message.mutable_hello()->set_node_name("node-a");
  return message;
}

v1::AgentMessage DeclareLayout(const model::Layout& layout) {
  v1::AgentMessage message;
  wire::DeclareLayout(layout, message.mutable_declare()->mutable_layout());
  return message;
}

v1::AgentMessage DeclareTarget(uint32_t ref, std::string_view instance,
                               const model::Layout& layout) {
  v1::AgentMessage message;
  model::Labels labels;
  labels.Set("instance", instance);
  wire::DeclareTarget({.target_ref = ref, .labels = labels, .layout = layout.Hash()},
                      message.mutable_declare()->mutable_target());
  return message;
}

struct BatchOptions {
  uint64_t first = 1;
  std::vector<uint32_t> refs = {1};
  uint64_t chain = 1;
  std::string body = "Kbytes";
};

v1::AgentMessage Frames(const BatchOptions& options) {
  v1::AgentMessage message;
  v1::FrameBatch* batch = message.mutable_frames();
  batch->set_first_sequence(options.first);
  batch->set_chain(options.chain);
  for (const uint32_t ref : options.refs) batch->add_target_refs(ref);
  batch->set_encoding(v1::ENCODING_FRAME_V1);
  batch->set_body(options.body);
  batch->set_raw_size(static_cast<uint32_t>(options.body.size()));
  batch->set_crc32c(base::Crc32c(options.body));
  return message;
}

class IngestSessionTest : public testing::Test {
 protected:
  // Hands over and works off what follows.
  absl::Status Send(v1::AgentMessage message) {
    BARO_TRY(session_.OnMessage(std::move(message), now_ms_));
    Work();
    return absl::OkStatus();
  }
  void Work() {
    while (auto job = session_.NextJob(now_ms_)) {
      store_.Append(std::move(job->batch),
                    [this, chain = job->chain](const tsdb::AppendResult& result) {
                      session_.OnAppended(chain, result, now_ms_);
                    });
    }
    v1::CollectorMessage message;
    while (session_.NextMessage(&message)) said_.push_back(message);
  }
  void Greet() {
    ASSERT_TRUE(Send(Hello()).ok());
    ASSERT_TRUE(Send(DeclareLayout(layout_)).ok());
    ASSERT_TRUE(Send(DeclareTarget(1, "a", layout_)).ok());
    said_.clear();
  }
  const v1::CollectorMessage* Said(v1::CollectorMessage::KindCase kind) const {
    for (const auto& message : said_) {
      if (message.kind_case() == kind) return &message;
    }
    return nullptr;
  }

  const model::Layout layout_ = OneColumn("up");
  int64_t now_ms_ = kNowMs;
  FakeStore store_;
  CreditPool pool_{{.total_bytes = 1 << 20, .share_bytes_min = 1'000, .share_bytes_max = 4'000}};
  IngestSession session_{{}, "test", &store_, &pool_};
  std::vector<v1::CollectorMessage> said_;
};

TEST_F(IngestSessionTest, WelcomesWithWhatIsStoredAndKnown) {
  ASSERT_TRUE(store_.DeclareLayout(layout_).ok());
  v1::AgentMessage hello = Hello();
  hello.mutable_hello()->add_layout_hashes(std::string(wire::HashBytes(layout_.Hash())));
  hello.mutable_hello()->add_layout_hashes(std::string(16, '?'));
  ASSERT_TRUE(Send(hello).ok());
  const auto* welcome = Said(v1::CollectorMessage::kWelcome);
  ASSERT_NE(welcome, nullptr);
  EXPECT_EQ(welcome->welcome().last_sequence(), 0u);
  EXPECT_EQ(welcome->welcome().credit_bytes(), 4'000u);
  ASSERT_EQ(welcome->welcome().known_layout_hashes_size(), 1);
}

TEST_F(IngestSessionTest, AcknowledgesWhatIsStoredAndNothingBefore) {
  Greet();
  store_.Hold();
  ASSERT_TRUE(Send(Frames({.first = 1, .refs = {1, 1, 1}})).ok());
  EXPECT_EQ(Said(v1::CollectorMessage::kAck), nullptr);
  store_.Release();
  Work();
  const auto* ack = Said(v1::CollectorMessage::kAck);
  ASSERT_NE(ack, nullptr);
  EXPECT_EQ(ack->ack().last_sequence(), 3u);
  EXPECT_EQ(session_.position().stored_floor, 3u);
}

TEST_F(IngestSessionTest, TellsRangesBeyondAGap) {
  Greet();
  ASSERT_TRUE(Send(Frames({.first = 10, .refs = {1, 1}, .chain = 2})).ok());
  const auto* ack = Said(v1::CollectorMessage::kAck);
  ASSERT_NE(ack, nullptr);
  EXPECT_EQ(ack->ack().last_sequence(), 0u);
  ASSERT_EQ(ack->ack().stored_size(), 1);
  EXPECT_EQ(ack->ack().stored(0).first(), 10u);
  EXPECT_EQ(ack->ack().stored(0).last(), 11u);
}

TEST_F(IngestSessionTest, AsksForATargetItDoesNotKnowAndDropsNothingForGood) {
  Greet();
  ASSERT_TRUE(Send(Frames({.first = 1, .refs = {1, 7}})).ok());
  const auto* need = Said(v1::CollectorMessage::kNeedDeclare);
  ASSERT_NE(need, nullptr);
  ASSERT_EQ(need->need_declare().target_refs_size(), 1);
  EXPECT_EQ(need->need_declare().target_refs(0), 7u);
  // Sent before the agent heard of it: must not overtake.
  ASSERT_TRUE(Send(Frames({.first = 3, .body = "later"})).ok());
  EXPECT_TRUE(store_.batches().empty());
  ASSERT_TRUE(Send(DeclareTarget(7, "b", layout_)).ok());
  ASSERT_TRUE(Send(Frames({.first = 1, .refs = {1, 7}})).ok());
  ASSERT_TRUE(Send(Frames({.first = 3, .body = "later"})).ok());
  EXPECT_EQ(store_.batches().size(), 2u);
  EXPECT_EQ(session_.position().stored_floor, 3u);
}

TEST_F(IngestSessionTest, AsksForALayoutItDoesNotKnow) {
  Greet();
  const model::Layout other = OneColumn("other");
  ASSERT_TRUE(Send(DeclareTarget(2, "b", other)).ok());
  const auto* need = Said(v1::CollectorMessage::kNeedDeclare);
  ASSERT_NE(need, nullptr);
  ASSERT_EQ(need->need_declare().layout_hashes_size(), 1);
  EXPECT_EQ(need->need_declare().layout_hashes(0), wire::HashBytes(other.Hash()));
  ASSERT_EQ(need->need_declare().target_refs_size(), 1);
}

TEST_F(IngestSessionTest, BuildsALayoutFromItsParentsAndStoresOnlyTheWhole) {
  ASSERT_TRUE(Send(Hello()).ok());
  model::Layout parent = OneColumn("first");
  model::Layout whole = parent;
  whole.columns.push_back(OneColumn("second").columns[0]);
  v1::AgentMessage child;
  wire::DeclareLayout(whole, {.hash = parent.Hash(), .column_count = 1},
                      child.mutable_declare()->mutable_layout());
  ASSERT_TRUE(Send(DeclareLayout(parent)).ok());
  ASSERT_TRUE(Send(child).ok());
  ASSERT_TRUE(Send(DeclareTarget(1, "a", whole)).ok());
  ASSERT_EQ(store_.layouts().size(), 1u);
  EXPECT_EQ(store_.layouts()[0].columns, whole.columns);
}

TEST_F(IngestSessionTest, TriesAgainWhenTheDiskIsFullAndKeepsTheOrder) {
  Greet();
  store_.FailNext(absl::ResourceExhaustedError("no space left on device"));
  ASSERT_TRUE(Send(Frames({.first = 1})).ok());
  ASSERT_TRUE(Send(Frames({.first = 2, .body = "next"})).ok());
  EXPECT_TRUE(store_.batches().empty());
  EXPECT_EQ(Said(v1::CollectorMessage::kAck), nullptr);
  now_ms_ = session_.RetryAtMs();
  Work();
  ASSERT_EQ(store_.batches().size(), 2u);
  EXPECT_EQ(store_.batches()[0].first_sequence, 1u);
  EXPECT_EQ(session_.position().stored_floor, 2u);
}

TEST_F(IngestSessionTest, AsksForTheChainAgainWhenItsStateIsLost) {
  Greet();
  ASSERT_TRUE(Send(Frames({.first = 1, .chain = 5})).ok());
  store_.ForgetChains();
  ASSERT_TRUE(Send(Frames({.first = 2, .chain = 5, .body = "delta"})).ok());
  const auto* need = Said(v1::CollectorMessage::kNeedDeclare);
  ASSERT_NE(need, nullptr);
  ASSERT_EQ(need->need_declare().chains_size(), 1);
  EXPECT_EQ(need->need_declare().chains(0), 5u);
  ASSERT_TRUE(Send(Frames({.first = 3, .chain = 5, .body = "in flight"})).ok());
  ASSERT_TRUE(Send(Frames({.first = 1, .chain = 5})).ok());
  ASSERT_TRUE(Send(Frames({.first = 2, .chain = 5, .body = "delta"})).ok());
  ASSERT_TRUE(Send(Frames({.first = 3, .chain = 5, .body = "in flight"})).ok());
  EXPECT_EQ(session_.position().stored_floor, 3u);
}

TEST_F(IngestSessionTest, ARefusedTargetDoesNotStopTheOthers) {
  Greet();
  store_.RefuseTarget("greedy");
  ASSERT_TRUE(Send(DeclareTarget(2, "greedy", layout_)).ok());
  const auto* reject = Said(v1::CollectorMessage::kReject);
  ASSERT_NE(reject, nullptr);
  EXPECT_EQ(reject->reject().target_ref(), 2u);
  EXPECT_EQ(reject->reject().reason(), "limit");
  ASSERT_TRUE(Send(Frames({.first = 1, .refs = {1, 2}})).ok());
  ASSERT_EQ(store_.batches().size(), 1u);
  EXPECT_EQ(store_.batches()[0].targets[1].target, tsdb::kNoTarget);
}

TEST_F(IngestSessionTest, ALyingLayoutIsRefusedOnceAndForAll) {
  ASSERT_TRUE(Send(Hello()).ok());
  v1::AgentMessage lie = DeclareLayout(layout_);
  const model::Layout claimed = OneColumn("claimed");
  lie.mutable_declare()->mutable_layout()->set_content_hash(
      std::string(wire::HashBytes(claimed.Hash())));
  ASSERT_TRUE(Send(lie).ok());
  ASSERT_TRUE(Send(DeclareTarget(1, "a", claimed)).ok());
  EXPECT_EQ(Said(v1::CollectorMessage::kNeedDeclare), nullptr) << "that would never end";
  EXPECT_EQ(session_.stats().rejects_total.at("invalid"), 2u);
}

TEST_F(IngestSessionTest, GrantsNoMoreThanItsShareAndGivesBackWhatIsStored) {
  Greet();
  store_.Hold();
  ASSERT_TRUE(Send(Frames({.first = 1, .body = "K" + std::string(4'500, 'x')})).ok());
  EXPECT_EQ(Said(v1::CollectorMessage::kCredit), nullptr);
  EXPECT_TRUE(absl::IsResourceExhausted(Send(Frames({.first = 2, .body = "over"}))));
  EXPECT_EQ(session_.stats().violations_total.at("credit"), 1u);
  store_.Release();
  Work();
  const auto* credit = Said(v1::CollectorMessage::kCredit);
  ASSERT_NE(credit, nullptr);
  EXPECT_EQ(credit->credit().bytes(), 4'501u) << "back to a share of 4000";
}

TEST_F(IngestSessionTest, EndsTheStreamOfWhoBreaksTheProtocol) {
  const auto refused = [](v1::AgentMessage message, std::string_view reason) {
    FakeStore store;
    CreditPool pool;
    IngestSession session({}, "test", &store, &pool);
    if (!message.has_hello()) {
      EXPECT_TRUE(session.OnMessage(Hello(), kNowMs).ok());
      v1::CollectorMessage welcome;
      EXPECT_TRUE(session.NextMessage(&welcome));
    }
    const absl::Status status = session.OnMessage(std::move(message), kNowMs);
    EXPECT_FALSE(status.ok()) << reason;
    EXPECT_EQ(session.stats().violations_total.count(std::string(reason)), 1u)
        << reason << ": " << status;
  };
  v1::AgentMessage short_uuid = Hello();
  short_uuid.mutable_hello()->set_agent_uuid("short");
  refused(short_uuid, "hello");
  v1::AgentMessage wrong_crc = Frames({});
  wrong_crc.mutable_frames()->set_crc32c(1);
  refused(wrong_crc, "crc");
  v1::AgentMessage bomb = Frames({});
  bomb.mutable_frames()->set_encoding(v1::ENCODING_FRAME_V1_ZSTD);
  bomb.mutable_frames()->set_raw_size(UINT32_MAX);
  refused(bomb, "batch");
  refused(Frames({.refs = {}}), "batch");
  refused(Frames({.first = 0}), "batch");
  refused(Frames({.first = UINT64_MAX, .refs = {1, 1}}), "batch");
  refused(Frames({.refs = std::vector<uint32_t>(200'000, 1)}), "batch");
}

TEST_F(IngestSessionTest, WantsHelloFirstAndOnce) {
  EXPECT_FALSE(session_.OnMessage(Frames({}), kNowMs).ok());
  EXPECT_TRUE(session_.OnMessage(Hello(), kNowMs).ok());
  EXPECT_FALSE(session_.OnMessage(Hello(), kNowMs).ok());
  EXPECT_EQ(session_.stats().violations_total.at("order"), 2u);
}

// Random but well-formed messages in any order; the seed reproduces them.
TEST_F(IngestSessionTest, SurvivesAnythingThatParses) {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t first_seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  for (uint64_t seed = first_seed; seed < first_seed + (given != nullptr ? 1 : 300); ++seed) {
    SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
    std::mt19937 random(static_cast<uint32_t>(seed));
    FakeStore store;
    IngestSession session({.chains_max = 4}, "test", &store, &pool_);
    ASSERT_TRUE(session.OnMessage(Hello(), kNowMs).ok());
    for (int i = 0; i < 100; ++i) {
      v1::AgentMessage message;
      switch (random() % 4) {
        case 0:
          message = DeclareLayout(OneColumn(std::string(1, static_cast<char>('a' + random() % 3))));
          break;
        case 1:
          message = DeclareTarget(static_cast<uint32_t>(random() % 5), "x",
                                  OneColumn(std::string(1, static_cast<char>('a' + random() % 4))));
          break;
        default:
          message = Frames(
              {.first = 1 + random() % 20,
               .refs = std::vector<uint32_t>(1 + random() % 3, static_cast<uint32_t>(random() % 6)),
               .chain = random() % 6,
               .body = random() % 2 == 0 ? "K" : "d"});
      }
      if (random() % 4 == 0) store.FailNext(absl::DataLossError("damaged"));
      if (random() % 4 == 0) store.FailNext(absl::UnavailableError("busy"));
      if (!session.OnMessage(std::move(message), kNowMs).ok()) break;
      while (auto job = session.NextJob(kNowMs + i * 1'000)) {
        store.Append(std::move(job->batch),
                     [&session, chain = job->chain](const tsdb::AppendResult& result) {
                       session.OnAppended(chain, result, kNowMs);
                     });
      }
      v1::CollectorMessage said;
      for (int k = 0; session.NextMessage(&said); ++k) ASSERT_LT(k, 100) << "it never falls silent";
    }
  }
}

}  // namespace
}  // namespace baro::collector
