// Streams come and go, well-behaved or not, and the agents they speak for stay free to connect.
// Method: raw gRPC clients on loopback, so that any Hello can be sent.

#include "baro/collector/ingest_service.h"

#include <grpcpp/grpcpp.h>

#include "baro/base/eventually.h"
#include "baro/base/strings.h"
#include "baro/collector/testing/fake_store.h"
#include "baro/v1/ingest.grpc.pb.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

using base::Eventually;

// One stream of an agent, said by hand.
class RawAgent {
 public:
  RawAgent(int port, const std::string& node_name)
      : node_name_(node_name),
        stub_(v1::Ingest::NewStub(grpc::CreateChannel(base::StrCat("127.0.0.1:", port),
                                                      grpc::InsecureChannelCredentials()))) {
    context_.set_deadline(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(20, GPR_TIMESPAN)));
    stream_ = stub_->Push(&context_);
  }
  ~RawAgent() { context_.TryCancel(); }
  RawAgent(const RawAgent&) = delete;
  RawAgent& operator=(const RawAgent&) = delete;

  void SayHello(int layouts = 0) {
    v1::AgentMessage message;
    message.mutable_hello()->set_agent_uuid(std::string(16, 'u'));
    message.mutable_hello()->set_epoch(1);
    message.mutable_hello()->set_node_name(node_name_);
    for (int i = 0; i < layouts; ++i) message.mutable_hello()->add_layout_hashes("h");
    stream_->Write(message);
  }
  bool HearsWelcome() {
    v1::CollectorMessage message;
    return stream_->Read(&message) && message.has_welcome();
  }
  // How the collector ended the stream.
  grpc::Status End() {
    v1::CollectorMessage ignored;
    while (stream_->Read(&ignored)) {
    }
    return stream_->Finish();
  }

 private:
  const std::string node_name_;
  grpc::ClientContext context_;
  std::unique_ptr<v1::Ingest::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::CollectorMessage>> stream_;
};

class IngestServiceTest : public testing::Test {
 protected:
  IngestServiceTest() {
    auto service = IngestService::Start({.listen = "127.0.0.1:0", .version = "test"}, &store_);
    EXPECT_TRUE(service.ok()) << service.status();
    service_ = *std::move(service);
  }

  FakeStore store_;
  std::unique_ptr<IngestService> service_;
};

TEST_F(IngestServiceTest, ARefusedHelloLeavesItsAgentFree) {
  {
    RawAgent broken(service_->port(), "node-a");
    broken.SayHello(100'001);
    EXPECT_EQ(broken.End().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  RawAgent agent(service_->port(), "node-a");
  agent.SayHello();
  // Whether the broken stream has retired by then or is superseded depends on gRPC's threads.
  EXPECT_TRUE(agent.HearsWelcome());
}

TEST_F(IngestServiceTest, OfTwoAgentsWithOneIdentityTheOlderStaysInTheEnd) {
  std::vector<std::unique_ptr<RawAgent>> agents;
  for (int i = 0; i < 4; ++i) {
    agents.push_back(std::make_unique<RawAgent>(service_->port(), base::StrCat("node-", i % 2)));
    agents.back()->SayHello();
    ASSERT_TRUE(agents.back()->HearsWelcome()) << i;
    if (i > 0) {
      EXPECT_EQ(agents[static_cast<size_t>(i) - 1]->End().error_code(), grpc::StatusCode::ABORTED);
    }
  }
  RawAgent fifth(service_->port(), "node-0");
  fifth.SayHello();
  const grpc::Status refused = fifth.End();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_NE(refused.error_message().find("(node node-1)"), std::string::npos)
      << refused.error_message();
  EXPECT_EQ(service_->GetStats().identity_conflicts_total, 1u);
  EXPECT_TRUE(service_->Agents()[0].connected);
  agents.clear();
  // With the older one gone, the identity is free.
  ASSERT_TRUE(Eventually([&] { return !service_->Agents()[0].connected; }));
  RawAgent last(service_->port(), "node-0");
  last.SayHello();
  EXPECT_TRUE(last.HearsWelcome());
}

}  // namespace
}  // namespace baro::collector
