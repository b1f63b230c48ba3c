// The control groups of a node become cAdvisor's series with the identity that the kubelet gives
// them, through everything that pods do. Method: a folder as sysfs and procfs.
#include "pods_collector.h"

#include <gtest/gtest.h>

#include "agent/kube/kube_testing.h"
#include "pods_testing.h"

namespace baro::agent {
namespace {

class PodsCollectorTest : public ::testing::Test {
 protected:
  PodsOptions Options() const {
    PodsOptions options;
    options.paths = {folder_.proc(), folder_.path(), folder_.path(), folder_.path()};
    options.kubelet.server = "https://127.0.0.1:10250";
    options.instance = "n1";
    return options;
  }
  void Tell(PodsCollector* collector, const std::vector<std::string>& pods) {
    std::string text = R"({"items":[)";
    for (size_t i = 0; i < pods.size(); ++i) base::StrAppend(&text, i > 0 ? "," : "", pods[i]);
    const auto list = parser_.Parse(text + "]}", "a test");
    ASSERT_TRUE(list.ok()) << list.status();
    collector->SetPods(*list);
  }
  void Pass(PodsCollector* collector) {
    clock_.AdvanceMs(15'000);
    collector->Pass();
  }

  CgroupFolder folder_;
  SeriesSink sink_;
  base::FakeClock clock_{1'714'560'000'000};
  kubernetes::JsonParser parser_;
};

TEST_F(PodsCollectorTest, TellsContainersWithTheirIdentity) {
  folder_.WritePod(1, 2);
  PodsCollector collector(Options(), &sink_, &clock_);
  Tell(&collector, {CgroupFolder::PodJson(1, 2)});
  Pass(&collector);
  const std::string identity = base::StrCat(
      "container=\"c1\", cpu=\"total\", id=\"", CgroupFolder::ContainerGroup(1, 1),
      "\", image=\"shop/web:1\", instance=\"n1\", job=\"kubelet\", "
      "metrics_path=\"/metrics/cadvisor\", name=\"",
      CgroupFolder::Id(1, 1),
      "\", namespace=\"shop\", pod=\"web-1\", workload=\"web\", workload_type=\"deployment\"");
  const SeriesSink::Series series = sink_.series();
  const auto found = series.find(base::StrCat("container_cpu_usage_seconds_total{", identity, "}"));
  ASSERT_NE(found, series.end());
  EXPECT_EQ(found->second, 11);
  const auto of = [&](const char* family) {
    return sink_.Value({base::StrCat(family, "{"), "container=\"c1\""});
  };
  EXPECT_EQ(of("container_memory_working_set_bytes"), 11'000 - 100);
  EXPECT_EQ(of("container_memory_rss"), 1'100);
  EXPECT_EQ(of("container_fs_writes_bytes_total"), 8192);
  EXPECT_TRUE(HasSeries(series, {"container_fs_reads_total", "device=\"/dev/sda\""}));
  EXPECT_EQ(of("container_spec_cpu_quota"), 50'000);
  EXPECT_EQ(of("container_cpu_cfs_throttled_periods_total"), 2);
  EXPECT_DOUBLE_EQ(of("container_pressure_cpu_waiting_seconds_total"), 11e-6);
  EXPECT_EQ(of("container_oom_events_total"), 0);
  EXPECT_EQ(of("container_start_time_seconds"), 1'714'557'600);
  // The pod, its class of service, the services and the node are told, too.
  EXPECT_EQ(sink_.Value({"container_memory_usage_bytes{", "id=\"/\""}), 1000);
  EXPECT_TRUE(
      HasSeries(series, {"container_memory_usage_bytes",
                         base::StrCat("id=\"", CgroupFolder::PodGroup(1), "\""), "pod=\"web-1\""}));
  EXPECT_TRUE(HasSeries(series, {"id=\"/system.slice/containerd.service\""}));
  EXPECT_EQ(sink_.Value({"machine_cpu_cores", "boot_id=\"boot-1\"", "machine_id=\"machine-1\""}),
            2);
  EXPECT_EQ(sink_.Value({"machine_memory_bytes"}), 16384 * 1024);
  EXPECT_EQ(sink_.Value({"up{", "job=\"kubelet\""}), 1);
  // And what kube-state-metrics would say of the pod.
  EXPECT_EQ(
      sink_.Value({"kube_pod_status_phase", "phase=\"Running\"", "job=\"kube-state-metrics\""}), 1);
}

TEST_F(PodsCollectorTest, WaitsForANameBeforeItTellsAContainer) {
  folder_.WritePod(1, 1);
  PodsCollector collector(Options(), &sink_, &clock_);
  Pass(&collector);
  EXPECT_FALSE(HasSeries(sink_.series(), {"kubepods-burstable-pod"}));
  EXPECT_EQ(collector.stats().groups_unknown, 2u);
  Tell(&collector, {CgroupFolder::PodJson(1, 1)});
  Pass(&collector);
  EXPECT_TRUE(HasSeries(sink_.series(), {"container=\"c0\""}));
  EXPECT_EQ(collector.stats().groups_unknown, 0u);
}

TEST_F(PodsCollectorTest, TellsContainersWithoutAKubeletById) {
  folder_.WritePod(1, 1);
  PodsOptions options = Options();
  options.kubelet.server.clear();
  PodsCollector collector(options, &sink_, &clock_);
  Pass(&collector);
  EXPECT_TRUE(HasSeries(sink_.series(), {base::StrCat("name=\"", CgroupFolder::Id(1, 0), "\"")}));
}

TEST_F(PodsCollectorTest, EndsTheSeriesOfWhatIsGone) {
  folder_.WritePod(1, 1);
  folder_.WritePod(2, 1);
  PodsCollector collector(Options(), &sink_, &clock_);
  Tell(&collector, {CgroupFolder::PodJson(1, 1), CgroupFolder::PodJson(2, 1)});
  Pass(&collector);
  EXPECT_TRUE(HasSeries(sink_.series(), {"container_memory_rss", "pod=\"web-1\""}));
  folder_.Remove(CgroupFolder::PodGroup(1));
  Tell(&collector, {CgroupFolder::PodJson(2, 1)});
  Pass(&collector);
  EXPECT_FALSE(HasSeries(sink_.series(), {"pod=\"web-1\""}));
  EXPECT_TRUE(HasSeries(sink_.series(), {"container_memory_rss", "pod=\"web-2\""}));
  collector.Retire();
  EXPECT_EQ(sink_.series().size(), 0u);
  EXPECT_EQ(sink_.declared(), 0u);
}

TEST_F(PodsCollectorTest, KeepsCountOfOomKillsOverRestarts) {
  folder_.WritePod(1, 2);
  PodsCollector collector(Options(), &sink_, &clock_);
  Tell(&collector, {CgroupFolder::PodJson(1, 2)});
  Pass(&collector);
  const auto kills = [&](const char* container) {
    return sink_.Value({"container_oom_events_total", base::StrCat("container=\"", container)});
  };
  for (int kill = 1; kill <= 3; ++kill) {
    folder_.WriteOomKills(CgroupFolder::PodGroup(1), kill);
    folder_.Remove(CgroupFolder::ContainerGroup(1, 0));
    Pass(&collector);
    folder_.WriteGroup(CgroupFolder::ContainerGroup(1, 0), 10);
    Pass(&collector);
    EXPECT_EQ(kills("c0"), kill);
    EXPECT_EQ(kills("c1"), 0);
  }
}

TEST_F(PodsCollectorTest, TellsAPodsNetworkByItsSandbox) {
  folder_.WritePod(1, 2);
  const int kSandbox = 1;
  folder_.Write("fs/cgroup" + CgroupFolder::ContainerGroup(1, kSandbox) + "/cgroup.procs", "77\n");
  folder_.Write("proc/77/net/dev",
                "Inter-|   Receive\n face |bytes\n    lo: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n"
                "  eth0: 100 2 3 4 0 0 0 0 900 10 11 12 0 0 0 0\n");
  PodsCollector collector(Options(), &sink_, &clock_);
  for (int poll = 0; poll < 2; ++poll) {
    Tell(&collector, {CgroupFolder::PodJson(1, 1)});  // the kubelet names one container only
    Pass(&collector);
  }
  const auto of = [&](const char* family) {
    return sink_.Value({family, "interface=\"eth0\"", "namespace=\"shop\"", "pod=\"web-1\""});
  };
  EXPECT_EQ(of("container_network_receive_bytes_total"), 100);
  EXPECT_EQ(of("container_network_transmit_packets_dropped_total"), 12);
  EXPECT_FALSE(HasSeries(sink_.series(), {"interface=\"lo\""}));
}

TEST_F(PodsCollectorTest, FindsAPodsProcessFromItsOwnProcessNamespace) {
  folder_.WritePod(1, 1);
  folder_.Write("fs/cgroup" + CgroupFolder::ContainerGroup(1, 0) + "/cgroup.procs", "0\n");
  folder_.Write("proc/4711/cgroup", "0::/../../" + CgroupFolder::ContainerGroup(1, 0) + "\n");
  folder_.Write("proc/4711/net/dev", "eth0: 7 2 3 4 0 0 0 0 900 10 11 12 0 0 0 0\n");
  PodsCollector collector(Options(), &sink_, &clock_);
  for (int poll = 0; poll < 2; ++poll) {
    Tell(&collector, {CgroupFolder::PodJson(1, 0)});
    Pass(&collector);
  }
  EXPECT_EQ(sink_.Value({"container_network_receive_bytes_total", "pod=\"web-1\""}), 7);
}

TEST_F(PodsCollectorTest, WorksWithinAnyNumberOfDescriptors) {
  folder_.WritePod(1, 3);
  for (const size_t descriptors : {0, 1, 7, 1000}) {
    SeriesSink sink;
    PodsOptions options = Options();
    options.descriptors_max = descriptors;
    PodsCollector collector(options, &sink, &clock_);
    Tell(&collector, {CgroupFolder::PodJson(1, 3)});
    Pass(&collector);
    folder_.WriteGroup(CgroupFolder::ContainerGroup(1, 2), 77);
    Pass(&collector);
    EXPECT_EQ(sink.Value({"container_cpu_usage_seconds_total", "container=\"c2\""}), 77)
        << descriptors;
  }
}

TEST_F(PodsCollectorTest, SaysWhatItCannotRead) {
  PodsOptions options = Options();
  options.paths.sysfs = "/nonexistent";
  PodsCollector collector(options, &sink_, &clock_);
  collector.SetPodsError("connection refused");
  Pass(&collector);
  EXPECT_EQ(sink_.Value({"up{", "job=\"kubelet\""}), 0);
  EXPECT_EQ(sink_.Value({"baro_collector_state", "reason=\"no_control_groups\""}), 1);
  EXPECT_EQ(sink_.Value({"baro_collector_state", "reason=\"kubelet_silent\""}), 1);
}

// The tree of the machine that the test runs on, whatever it is.
TEST_F(PodsCollectorTest, ReadsThisMachine) {
  PodsOptions options = Options();
  options.paths = {};
  PodsCollector collector(options, &sink_, &clock_);
  Pass(&collector);
  if (sink_.Value({"up{", "job=\"kubelet\""}) != 1) GTEST_SKIP() << "no control groups here";
  EXPECT_GT(sink_.Value({"container_cpu_usage_seconds_total", "id=\"/\""}), 0);
  EXPECT_GT(sink_.Value({"machine_memory_bytes"}), 0);
}

}  // namespace
}  // namespace baro::agent
