// The push protocol's bytes never change: each message, with every field set, is held against the
// bytes in testdata/protocol_v1.hex that the first version wrote. A line is "name hex".

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "baro/base/crc32c.h"
#include "baro/codec/frame.h"
#include "baro/model/sample.h"
#include "baro/wire/ingest.h"
#include "gtest/gtest.h"

namespace baro::wire {
namespace {

constexpr char kGoldenPath[] = BARO_TESTDATA_DIR "/protocol_v1.hex";

model::Layout ParentLayout() {
  return {{{{{"__name__", "up"}}, {"up", model::MetricType::kGauge, "Is it up?", ""}}}};
}

model::Layout ChildLayout() {
  model::Layout layout = ParentLayout();
  layout.columns.push_back(
      {{{"__name__", "http_requests_total"}, {"code", "200"}},
       {"http_requests", model::MetricType::kCounter, "Requests.", "requests"}});
  return layout;
}

std::string SomeHash(char fill) { return std::string(16, fill); }

v1::AgentMessage HelloMessage() {
  v1::AgentMessage message;
  v1::Hello* const hello = message.mutable_hello();
  hello->set_agent_uuid("0123456789abcdef");
  hello->set_epoch(0x1122334455667788);
  hello->set_node_name("node-1");
  hello->set_version("0.1.0");
  hello->add_encodings(v1::ENCODING_FRAME_V1);
  hello->add_encodings(v1::ENCODING_FRAME_V1_ZSTD);
  hello->add_layout_hashes(SomeHash('a'));
  return message;
}

v1::AgentMessage LayoutMessage(bool child) {
  v1::AgentMessage message;
  v1::LayoutDeclaration* const layout = message.mutable_declare()->mutable_layout();
  if (child) {
    DeclareLayout(ChildLayout(), {ParentLayout().Hash(), 1}, layout);
  } else {
    DeclareLayout(ParentLayout(), layout);
  }
  return message;
}

v1::AgentMessage TargetMessage() {
  v1::AgentMessage message;
  DeclareTarget({5, {{"instance", "h:80"}, {"job", "web"}}, ChildLayout().Hash()},
                message.mutable_declare()->mutable_target());
  return message;
}

// A key frame and a delta frame of the child layout.
v1::AgentMessage FramesMessage() {
  v1::AgentMessage message;
  v1::FrameBatch* const batch = message.mutable_frames();
  batch->set_first_sequence(41);
  batch->set_chain(3);
  batch->add_target_refs(5);
  batch->add_target_refs(5);
  batch->set_encoding(v1::ENCODING_FRAME_V1);
  codec::FrameEncoder encoder(2);
  encoder.Encode({1'700'000'000'000, std::vector<double>{1, 12.25}}, true, batch->mutable_body());
  encoder.Encode({1'700'000'015'000, std::vector<double>{model::kStaleNan, 12.5}}, false,
                 batch->mutable_body());
  batch->set_raw_size(static_cast<uint32_t>(batch->body().size()));
  batch->set_crc32c(base::Crc32c(batch->body()));
  return message;
}

v1::CollectorMessage WelcomeMessage() {
  v1::CollectorMessage message;
  v1::Welcome* const welcome = message.mutable_welcome();
  welcome->set_last_sequence(40);
  v1::SequenceRange* const stored = welcome->add_stored();
  stored->set_first(50);
  stored->set_last(60);
  welcome->add_known_layout_hashes(SomeHash('a'));
  welcome->set_credit_bytes(4 << 20);
  welcome->add_encodings(v1::ENCODING_FRAME_V1_ZSTD);
  welcome->set_version("0.1.0");
  return message;
}

v1::CollectorMessage AckMessage() {
  v1::CollectorMessage message;
  message.mutable_ack()->set_last_sequence(42);
  v1::SequenceRange* const stored = message.mutable_ack()->add_stored();
  stored->set_first(50);
  stored->set_last(61);
  return message;
}

v1::CollectorMessage CreditMessage() {
  v1::CollectorMessage message;
  message.mutable_credit()->set_bytes(65536);
  return message;
}

v1::CollectorMessage RejectMessage() {
  v1::CollectorMessage message;
  v1::Reject* const reject = message.mutable_reject();
  reject->set_target_ref(5);
  reject->set_layout_content_hash(SomeHash('b'));
  v1::RejectedColumn* const column = reject->add_columns();
  column->set_column(1);
  column->set_reason("label_value_bytes_max");
  column->set_what("http_requests_total{code=\"200\"}");
  reject->set_reason("series_per_target_max");
  reject->set_message("too many");
  reject->mutable_undecodable()->set_first(41);
  reject->mutable_undecodable()->set_last(42);
  return message;
}

v1::CollectorMessage NeedDeclareMessage() {
  v1::CollectorMessage message;
  v1::NeedDeclare* const need = message.mutable_need_declare();
  need->add_layout_hashes(SomeHash('c'));
  need->add_target_refs(5);
  need->add_chains(3);
  return message;
}

std::map<std::string, std::string> MessagesOfToday() {
  return {{"agent.hello", HelloMessage().SerializeAsString()},
          {"agent.declare_layout", LayoutMessage(false).SerializeAsString()},
          {"agent.declare_child_layout", LayoutMessage(true).SerializeAsString()},
          {"agent.declare_target", TargetMessage().SerializeAsString()},
          {"agent.frames", FramesMessage().SerializeAsString()},
          {"collector.welcome", WelcomeMessage().SerializeAsString()},
          {"collector.ack", AckMessage().SerializeAsString()},
          {"collector.credit", CreditMessage().SerializeAsString()},
          {"collector.reject", RejectMessage().SerializeAsString()},
          {"collector.need_declare", NeedDeclareMessage().SerializeAsString()}};
}

std::map<std::string, std::string> GoldenMessages() {
  std::map<std::string, std::string> messages;
  std::ifstream file(kGoldenPath);
  for (std::string name, hex; file >> name >> hex;) messages[name] = absl::HexStringToBytes(hex);
  return messages;
}

TEST(Protocol, WritesTheBytesOfTheFirstVersion) {
  const auto today = MessagesOfToday();
  if (std::getenv("BARO_UPDATE_GOLDEN") != nullptr) {
    std::ofstream file(kGoldenPath);
    for (const auto& [name, bytes] : today)
      file << name << " " << absl::BytesToHexString(bytes) << "\n";
  }
  const auto golden = GoldenMessages();
  ASSERT_EQ(golden.size(), today.size());
  for (const auto& [name, bytes] : today) {
    ASSERT_TRUE(golden.contains(name)) << name;
    EXPECT_EQ(absl::BytesToHexString(bytes), absl::BytesToHexString(golden.at(name))) << name;
  }
}

// What a receiver of today makes of the golden bytes; protobuf alone would drop unknown fields in
// silence.
TEST(Protocol, ReadsTheBytesOfTheFirstVersion) {
  const auto golden = GoldenMessages();
  for (const auto& [name, bytes] : golden) {
    v1::AgentMessage from_agent;
    v1::CollectorMessage from_collector;
    google::protobuf::Message* const message =
        name.starts_with("agent.") ? static_cast<google::protobuf::Message*>(&from_agent)
                                   : &from_collector;
    ASSERT_TRUE(message->ParseFromString(bytes)) << name;
    EXPECT_TRUE(message->GetReflection()->GetUnknownFields(*message).empty()) << name;
    EXPECT_EQ(absl::BytesToHexString(message->SerializeAsString()), absl::BytesToHexString(bytes))
        << name;
  }
}

v1::AgentMessage GoldenAgentMessage(const std::string& name) {
  v1::AgentMessage message;
  EXPECT_TRUE(message.ParseFromString(GoldenMessages()["agent." + name])) << name;
  return message;
}

TEST(Protocol, GoldenDeclarationsAndFramesAreUnderstood) {
  const auto parent = ReadLayout(GoldenAgentMessage("declare_layout").declare().layout(), nullptr);
  ASSERT_TRUE(parent.ok()) << parent.status();
  const auto child = ReadLayout(GoldenAgentMessage("declare_child_layout").declare().layout(),
                                [&parent](const model::ContentHash& hash) {
                                  return hash == parent->Hash() ? &*parent : nullptr;
                                });
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->columns, ChildLayout().columns);
  const auto target = ReadTarget(GoldenAgentMessage("declare_target").declare().target());
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->layout, child->Hash());

  const v1::AgentMessage message = GoldenAgentMessage("frames");
  ASSERT_TRUE(CheckFrameBatch(message.frames()).ok());
  codec::FrameDecoder decoder(child->columns.size());
  std::string_view body = message.frames().body();
  codec::Row row;
  ASSERT_TRUE(decoder.Decode(&body, &row).ok());
  EXPECT_EQ(row.time_ms, 1'700'000'000'000);
  EXPECT_EQ(row.values[1], 12.25);
  ASSERT_TRUE(decoder.Decode(&body, &row).ok());
  EXPECT_EQ(row.time_ms, 1'700'000'015'000);
  EXPECT_TRUE(model::IsStaleNan(row.values[0]));
  EXPECT_EQ(row.values[1], 12.5);
  EXPECT_TRUE(body.empty());
}

}  // namespace
}  // namespace baro::wire
