// Rows travel from a real agent's delivery through gRPC into a collector's ingest.

#include <filesystem>
#include <functional>
#include <string>

#include "baro/agent/delivery.h"
#include "baro/base/clock.h"
#include "baro/base/eventually.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/collector/ingest_service.h"
#include "baro/collector/testing/fake_store.h"
#include "gtest/gtest.h"

namespace baro {
namespace {

using base::Eventually;

class PushGrpcTest : public testing::Test {
 protected:
  ~PushGrpcTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<collector::IngestService> StartCollector(const std::string& listen) {
    auto service = collector::IngestService::Start({.listen = listen, .version = "test"}, &store_);
    EXPECT_TRUE(service.ok()) << service.status();
    return *std::move(service);
  }
  agent::DeliveryOptions AgentOptions(int port) const {
    agent::DeliveryOptions options;
    options.collector = base::StrCat("127.0.0.1:", port);
    options.spool.path = folder_;
    options.push.node_name = "node-a";
    options.push.backoff_ms_min = 20;
    options.push.backoff_ms_max = 100;
    options.write_interval_ms = 20;
    return options;
  }
  std::unique_ptr<agent::Delivery> StartAgent(int port) {
    auto delivery = agent::Delivery::Start(AgentOptions(port));
    EXPECT_TRUE(delivery.ok()) << delivery.status();
    return *std::move(delivery);
  }
  static agent::TargetHandle Declare(agent::Delivery* delivery) {
    model::Layout layout;
    for (const char* name : {"up", "load1"}) {
      model::Column column;
      column.labels.Set("__name__", name);
      layout.columns.push_back(column);
    }
    model::Labels labels;
    labels.Set("instance", "node-a");
    auto handle = delivery->Declare(labels, layout);
    EXPECT_TRUE(handle.ok()) << handle.status();
    return *handle;
  }
  static void AppendRows(agent::Delivery* delivery, agent::TargetHandle target, int count) {
    for (int i = 0; i < count; ++i) {
      const double values[] = {1, i * 0.25};
      ASSERT_TRUE(delivery->Append(target, 1'700'000'000'000 + i * 1'000, values).ok());
    }
  }
  static uint64_t Acknowledged(const agent::Delivery& delivery) {
    return delivery.GetStats().push.acknowledged_sequence;
  }

  collector::FakeStore store_;
  const std::string folder_ =
      base::StrCat(testing::TempDir(), "/push_", ::getpid(), "_",
                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(PushGrpcTest, DeliversRowsAndHearsThatTheyAreStored) {
  auto service = StartCollector("127.0.0.1:0");
  auto delivery = StartAgent(service->port());
  AppendRows(delivery.get(), Declare(delivery.get()), 100);
  EXPECT_TRUE(Eventually([&] { return Acknowledged(*delivery) == 100; }));
  ASSERT_EQ(store_.targets().size(), 1u);
  EXPECT_EQ(store_.targets()[0].Get("instance"), "node-a");
  const auto agents = service->Agents();
  ASSERT_EQ(agents.size(), 1u);
  EXPECT_EQ(agents[0].node_name, "node-a");
  EXPECT_TRUE(agents[0].connected);
  // Told at intervals.
  EXPECT_TRUE(Eventually([&] { return service->Agents()[0].stored_floor == 100; }));
  delivery->Stop();
  EXPECT_TRUE(Eventually([&] { return !service->Agents()[0].connected; }));
}

TEST_F(PushGrpcTest, ACollectorThatComesLateGetsEverything) {
  int port = 0;
  {
    auto reserved = StartCollector("127.0.0.1:0");
    port = reserved->port();
  }
  auto delivery = StartAgent(port);
  AppendRows(delivery.get(), Declare(delivery.get()), 10);
  EXPECT_TRUE(Eventually([&] { return delivery->GetStats().push.failures_total >= 2; }));
  auto service = StartCollector(base::StrCat("127.0.0.1:", port));
  EXPECT_TRUE(Eventually([&] { return Acknowledged(*delivery) == 10; }));
}

TEST_F(PushGrpcTest, BothSidesRestartAndNothingIsStoredTwice) {
  auto service = StartCollector("127.0.0.1:0");
  const int port = service->port();
  for (int round = 0; round < 4; ++round) {
    auto delivery = StartAgent(port);
    const auto target = Declare(delivery.get());
    AppendRows(delivery.get(), target, 10);
    if (round % 2 == 1) {
      service.reset();
      service = StartCollector(base::StrCat("127.0.0.1:", port));
    }
    AppendRows(delivery.get(), target, 10);
    const uint64_t all = static_cast<uint64_t>(round + 1) * 20;
    EXPECT_TRUE(Eventually([&] { return Acknowledged(*delivery) == all; })) << "round " << round;
  }
  uint64_t frames = 0;
  for (const auto& batch : store_.batches()) frames += batch.targets.size();
  EXPECT_EQ(frames, 80u);
}

TEST_F(PushGrpcTest, ASecondStreamOfTheSameAgentEndsTheFirst) {
  auto service = StartCollector("127.0.0.1:0");
  auto first = StartAgent(service->port());
  AppendRows(first.get(), Declare(first.get()), 1);
  ASSERT_TRUE(Eventually([&] { return Acknowledged(*first) == 1; }));
  store_.Hold();
  AppendRows(first.get(), Declare(first.get()), 1);
  ASSERT_TRUE(Eventually([&] { return store_.held_count() == 1; }));
  std::filesystem::copy(folder_, folder_ + "_copy");
  auto options = AgentOptions(service->port());
  options.spool.path = folder_ + "_copy";
  auto second = agent::Delivery::Start(options);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(Eventually([&] { return service->GetStats().streams_superseded_total > 0; }));
  EXPECT_FALSE((*second)->GetStats().push.connected) << "the first's batch is still under way";
  first.reset();  // else the two would fight until the collector settles for one of them
  store_.Release();
  EXPECT_TRUE(Eventually([&] { return (*second)->GetStats().push.connected; }));
  second->reset();
  std::filesystem::remove_all(folder_ + "_copy");
}

TEST_F(PushGrpcTest, StopsWhileTheStoreIsBusy) {
  auto service = StartCollector("127.0.0.1:0");
  auto delivery = StartAgent(service->port());
  store_.Hold();
  AppendRows(delivery.get(), Declare(delivery.get()), 5);
  ASSERT_TRUE(Eventually([&] { return store_.held_count() == 1; }));
  base::TaskGroup tasks;
  tasks.Start("stop", [&service] { service->Stop(); });
  EXPECT_TRUE(Eventually([&] { return !delivery->GetStats().push.connected; }));
  store_.Release();
  tasks.Stop();
}

}  // namespace
}  // namespace baro
