// The node's row tells what /proc says; its layout changes only when something comes or goes, and
// what went is marked stale once. Method: a folder as procfs whose files the test rewrites, a fake
// clock, a sink that remembers.

#include "node_target.h"

#include "node_loop.h"
#include "node_testing.h"

namespace baro::agent {
namespace {

constexpr std::string_view kNetDevHead = "head\nhead\n";
constexpr std::string_view kZeros = " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

class NodeTargetTest : public testing::Test {
 protected:
  NodeTargetTest() {
    folder_.Write("loadavg", "0.50 1.25 2.00 1/100 1234\n");
    folder_.Write("meminfo", "MemTotal: 1024 kB\nHugePages_Total: 3\n");
    folder_.Write("stat", "cpu0 100 0 0 1000\ncpu1 200 0 0 2000\nctxt 5\n");
    SetDevices({"eth0", "lo"});
  }

  void SetDevices(const std::vector<std::string>& devices) {
    std::string text(kNetDevHead);
    for (const std::string& device : devices) base::StrAppend(&text, device, ": 7", kZeros);
    folder_.Write("1/net/dev", text);
  }

  NodeOptions Options(std::initializer_list<std::string_view> collectors) {
    NodeOptions options;
    options.instance = "n1";
    options.paths = {folder_.path(), folder_.path(), folder_.path(), folder_.path()};
    options.statfs_program = {BARO_STATFS_HELPER};
    for (const CollectorEntry& entry : AllCollectors()) {
      options.collectors[std::string(entry.name)].enabled =
          std::find(collectors.begin(), collectors.end(), entry.name) != collectors.end();
    }
    return options;
  }

  std::unique_ptr<NodeTarget> Make(NodeOptions options) {
    auto node = NodeTarget::Make(std::move(options), &sink_, &metrics_, &clock_);
    EXPECT_TRUE(node.ok()) << node.status();
    return *std::move(node);
  }

  // Passes when the next collector is due and gives back the last row.
  std::map<std::string, double> Pass(NodeTarget* node) {
    const int64_t wait_ns = node->next_pass_ns() - clock_.MonotonicNs();
    if (wait_ns > 0) clock_.AdvanceMs(wait_ns / 1'000'000);
    node->Pass();
    return sink_.Series(sink_.rows().back());
  }

  TestFolder folder_;
  RememberingSink sink_;
  prometheus::Registry registry_;
  NodeMetrics metrics_{&registry_};
  base::FakeClock clock_{1'700'000'000'000};
};

TEST_F(NodeTargetTest, TellsWhatProcSays) {
  auto node = Make(Options({"loadavg", "meminfo", "stat", "cpu", "netdev"}));
  const auto series = Pass(node.get());
  EXPECT_EQ(sink_.labels().ToString(), "{instance=\"n1\", job=\"node\"}");
  EXPECT_EQ(sink_.rows().back().time_ms, 1'700'000'000'000);
  EXPECT_EQ(series.at("node_load5"), 1.25);
  EXPECT_EQ(series.at("node_memory_MemTotal_bytes"), 1024 * 1024);
  EXPECT_EQ(series.at("node_memory_HugePages_Total"), 3);
  EXPECT_EQ(series.at("node_context_switches_total"), 5);
  EXPECT_EQ(series.at("node_cpu_seconds_total{cpu=\"1\", mode=\"idle\"}"), 20);
  EXPECT_EQ(series.at("node_network_receive_bytes_total{device=\"eth0\"}"), 7);
  EXPECT_EQ(series.at("up"), 1);
  EXPECT_EQ(series.at("node_scrape_collector_success{collector=\"cpu\"}"), 1);
}

TEST_F(NodeTargetTest, KeepsItsLayoutUntilADeviceComesOrGoes) {
  auto node = Make(Options({"netdev"}));
  Pass(node.get());
  Pass(node.get());
  ASSERT_EQ(sink_.rows().size(), 2u);
  EXPECT_EQ(sink_.rows()[0].target, sink_.rows()[1].target);

  SetDevices({"lo", "veth1"});
  const auto series = Pass(node.get());
  const std::vector<SinkRow> rows = sink_.rows();
  ASSERT_EQ(rows.size(), 4u);  // the last row of the old layout, the first of the new one
  EXPECT_NE(rows[3].target, rows[2].target);
  EXPECT_EQ(rows[3].time_ms, rows[2].time_ms);
  EXPECT_TRUE(series.contains("node_network_receive_bytes_total{device=\"veth1\"}"));
  EXPECT_FALSE(series.contains("node_network_receive_bytes_total{device=\"eth0\"}"));
  const auto last = sink_.Series(rows[2]);
  EXPECT_TRUE(model::IsStaleNan(last.at("node_network_receive_bytes_total{device=\"eth0\"}")));
  EXPECT_TRUE(model::IsNoSample(last.at("node_network_receive_bytes_total{device=\"lo\"}")));
  EXPECT_TRUE(model::IsNoSample(last.at("up")));
}

TEST_F(NodeTargetTest, MarksAFailedCollectorAndSaysWhy) {
  auto node = Make(Options({"loadavg", "meminfo"}));
  Pass(node.get());
  folder_.Remove("loadavg");
  auto series = Pass(node.get());
  EXPECT_TRUE(model::IsStaleNan(series.at("node_load1")));
  EXPECT_EQ(series.at("node_scrape_collector_success{collector=\"loadavg\"}"), 0);
  EXPECT_EQ(series.at("baro_collector_state{collector=\"loadavg\", reason=\"not_found\"}"), 1);
  EXPECT_EQ(series.at("node_memory_MemTotal_bytes"), 1024 * 1024);
  EXPECT_EQ(series.at("up"), 1);

  folder_.Write("loadavg", "1 2 3");
  series = Pass(node.get());
  EXPECT_EQ(series.at("node_load1"), 1);
  EXPECT_FALSE(
      series.contains("baro_collector_state{collector=\"loadavg\", reason=\"not_found\"}"));
}

TEST_F(NodeTargetTest, TellsNothingOfACollectorThatIsNotDue) {
  NodeOptions options = Options({"loadavg", "meminfo"});
  options.collectors["meminfo"].interval = std::chrono::seconds(60);
  auto node = Make(std::move(options));
  EXPECT_EQ(Pass(node.get()).at("node_memory_HugePages_Total"), 3);
  for (int i = 0; i < 3; ++i) {
    const auto series = Pass(node.get());
    EXPECT_EQ(series.at("node_load1"), 0.5);
    EXPECT_TRUE(model::IsNoSample(series.at("node_memory_HugePages_Total")));
  }
  EXPECT_EQ(Pass(node.get()).at("node_memory_HugePages_Total"), 3);
  EXPECT_EQ(sink_.rows().size(), 5u);
}

TEST_F(NodeTargetTest, NeverLetsACpuCounterGoBackButAfterAHotplug) {
  auto node = Make(Options({"cpu"}));
  const std::string idle = "node_cpu_seconds_total{cpu=\"0\", mode=\"idle\"}";
  EXPECT_EQ(Pass(node.get()).at(idle), 10);
  folder_.Write("stat", "cpu0 100 0 0 900\ncpu1 200 0 0 2000\n");
  EXPECT_EQ(Pass(node.get()).at(idle), 10);
  folder_.Write("stat", "cpu0 10 0 0 500\ncpu1 200 0 0 2000\n");
  const auto series = Pass(node.get());
  EXPECT_EQ(series.at(idle), 5);
  EXPECT_EQ(series.at("node_cpu_seconds_total{cpu=\"0\", mode=\"user\"}"), 0.1);
}

TEST_F(NodeTargetTest, KeepsRowTimesOnTheBeat) {
  auto node = Make(Options({"loadavg"}));
  node->Pass();
  clock_.AdvanceMs(15'003);  // woken a little late
  node->Pass();
  clock_.AdvanceMs(14'999);
  node->Pass();
  clock_.AdvanceMs(14'998);
  node->Pass();
  const std::vector<SinkRow> rows = sink_.rows();
  ASSERT_EQ(rows.size(), 4u);
  for (size_t i = 1; i < rows.size(); ++i) EXPECT_EQ(rows[i].time_ms - rows[i - 1].time_ms, 15'000);
}

TEST_F(NodeTargetTest, LeavesOutPassesItIsTooLateFor) {
  auto node = Make(Options({"loadavg", "meminfo"}));
  node->Pass();
  clock_.AdvanceMs(50'000);
  node->Pass();
  EXPECT_EQ(metrics_.passes_missed.Value(), 2);
  EXPECT_EQ((node->next_pass_ns() - clock_.MonotonicNs()) / 1'000'000, 10'000);
}

TEST_F(NodeTargetTest, CountsRowsThatDeliveryRefuses) {
  sink_.RefuseDeclarations(absl::ResourceExhaustedError("series limit"));
  auto node = Make(Options({"loadavg"}));
  node->Pass();
  EXPECT_TRUE(sink_.rows().empty());
  sink_.RefuseDeclarations(absl::OkStatus());
  Pass(node.get());
  EXPECT_EQ(sink_.rows().size(), 1u);
}

TEST_F(NodeTargetTest, MarksEverythingStaleWhenItRetires) {
  auto node = Make(Options({"loadavg"}));
  Pass(node.get());
  node->Retire();
  const std::vector<SinkRow> rows = sink_.rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].time_ms, rows[0].time_ms + 1);
  for (const double value : rows[1].values) EXPECT_TRUE(model::IsStaleNan(value));
}

TEST_F(NodeTargetTest, RefusesAWrongConfiguration) {
  NodeOptions options = Options({});
  options.collectors["cpus"].enabled = true;
  EXPECT_EQ(NodeTarget::Make(options, &sink_, &metrics_, &clock_).status().message(),
            "there is no node collector \"cpus\"");
  options = Options({"netdev"});
  options.filters.netdev_exclude = "(";
  EXPECT_EQ(NodeTarget::Make(options, &sink_, &metrics_, &clock_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(NodeTargetTest, TellsAStuckMountWhileAllElseGoesOn) {
  folder_.Write("1/mountinfo",
                "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                "2 1 0:9 / /stuck rw - nfs4 server:/x rw\n"
                "3 1 0:10 / /gone ro - tmpfs none ro\n"
                "4 1 0:11 / /proc rw - proc proc rw\n");
  folder_.Write("stuck/file", "");
  auto node = Make(Options({"filesystem", "loadavg"}));
  auto series = Pass(node.get());
  const std::string root = "{device=\"/dev/sda1\", fstype=\"ext4\", mountpoint=\"/\"}";
  EXPECT_GT(series.at("node_filesystem_size_bytes" + root), 0);
  EXPECT_EQ(series.at("node_filesystem_device_error" + root), 0);
  EXPECT_EQ(series.at("node_filesystem_mount_info{device=\"/dev/sda1\", major=\"8\", minor=\"1\", "
                      "mountpoint=\"/\"}"),
            1);
  EXPECT_EQ(series.at("node_filesystem_device_error{device=\"none\", device_error=\"no such file "
                      "or directory\", fstype=\"tmpfs\", mountpoint=\"/gone\"}"),
            1);
  series = Pass(node.get());
  EXPECT_EQ(
      series.at("node_filesystem_device_error{device=\"server:/x\", device_error=\"mountpoint "
                "timeout\", fstype=\"nfs4\", mountpoint=\"/stuck\"}"),
      1);
  EXPECT_EQ(series.at("node_load1"), 0.5);
  EXPECT_EQ(series.at("up"), 1);
  EXPECT_EQ(metrics_.statfs_kills.Value(), 1);
}

TEST_F(NodeTargetTest, LoopPassesAtOnceAndStops) {
  NodeOptions options = Options({"loadavg"});
  options.interval = std::chrono::milliseconds(20);
  auto node = NodeTarget::Make(std::move(options), &sink_, &metrics_, base::RealClock());
  ASSERT_TRUE(node.ok());
  NodeLoop loop(*std::move(node), base::RealClock());
  loop.Start();
  EXPECT_TRUE(sink_.AwaitRows(3));
  loop.Stop(true);
  EXPECT_TRUE(model::IsStaleNan(sink_.rows().back().values.front()));
  EXPECT_EQ(loop.state().collectors.at(0).name, "loadavg");
}

}  // namespace
}  // namespace baro::agent
