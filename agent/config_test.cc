// The agent's configuration does what it says; every mistake is refused with its place.

#include "agent/config.h"

#include "baro/base/strings.h"
#include "gtest/gtest.h"

namespace baro::agent {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto config = ParseAgentConfig(text, "a.yml");
  if (config.ok()) return "no error";
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(base::FromAbsl(config.status().message()));
}

TEST(AgentConfig, CollectsTheNodeWhenItIsEmpty) {
  for (const char* text : {"", "node:\n", "global: {}\n"}) {
    const auto config = ParseAgentConfig(text, "a.yml");
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_TRUE(config->node.enabled);
    EXPECT_EQ(config->node.interval.count(), 15'000);
    EXPECT_EQ(config->global.scrape_interval.count(), 60'000);
  }
  EXPECT_TRUE(ReadAgentConfig("").ok());
}

TEST(AgentConfig, ReadsEveryKey) {
  const auto config = ParseAgentConfig(R"(
global: {scrape_interval: 5s, scrape_timeout: 2s, external_labels: {cluster: prod, replica: 1}}
node:
  interval: 1s
  job: machines
  instance: n1
  collectors:
    vmstat: {enabled: false}
    netdev: {device_exclude: "^veth"}
    filesystem: {interval: 1m, mount_timeout: 2s, fs_types_exclude: "^tmpfs$"}
scrape_configs: [{job_name: app, static_configs: [{targets: ["127.0.0.1:8080"]}]}]
push: {spool_size_max: 1GiB, flush_interval: 500ms}
limits: {targets_max: 10, queue_size_max: 4MiB}
)",
                                       "a.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->global.external_labels.at("replica"), "1");
  EXPECT_EQ(config->node.interval.count(), 1000);
  EXPECT_EQ(config->node.job, "machines");
  EXPECT_EQ(config->node.instance, "n1");
  EXPECT_EQ(config->node.collectors.at("vmstat").enabled, false);
  EXPECT_EQ(config->node.collectors.at("filesystem").interval, std::chrono::minutes(1));
  EXPECT_EQ(config->node.mount_timeout.count(), 2000);
  EXPECT_EQ(config->node.filters.netdev_exclude, "^veth");
  EXPECT_EQ(config->node.filters.filesystem_types_exclude, "^tmpfs$");
  ASSERT_EQ(config->scrape.jobs.size(), 1u);
  EXPECT_EQ(config->scrape.jobs[0].scrape_interval.count(), 5'000);
  EXPECT_EQ(config->scrape.jobs[0].scrape_timeout.count(), 2'000);
  EXPECT_EQ(config->push.spool_size_max.bytes, uint64_t{1} << 30);
  EXPECT_EQ(config->limits.targets_max, 10u);
}

TEST(AgentConfig, NamesThePlaceOfEveryMistake) {
  EXPECT_EQ(ErrorOf("nodes: {}").substr(0, 50),
            "a.yml:1:1: unknown key \"nodes\", did you mean \"node");
  EXPECT_EQ(ErrorOf("node: {collectors: {cpus: {}}}").substr(0, 51),
            "a.yml:1:21: there is no node collector \"cpus\" (ther");
  EXPECT_EQ(ErrorOf("node: {collectors: {cpu: {device_exclude: x}}}").substr(0, 40),
            "a.yml:1:27: unknown key \"device_exclude\"");
  EXPECT_EQ(ErrorOf("node: {collectors: {netdev: {device_exclude: '('}}}").substr(0, 55),
            "a.yml:1:46: cannot read \"(\" as a regular expression: mi");
  EXPECT_EQ(ErrorOf("node: {interval: 0s}"), "a.yml:1:18: interval must be longer than 0");
  EXPECT_EQ(ErrorOf("node: {collectors: {cpu: {interval: 0}}}"),
            "a.yml:1:37: interval must be longer than 0");
  EXPECT_EQ(ErrorOf("node: {collectors: [cpu]}"), "a.yml:1:20: expected a map of collectors");
  EXPECT_EQ(ErrorOf("pods: {interval: 0s}"), "a.yml:1:18: interval must be longer than 0");
  EXPECT_EQ(ErrorOf("pods: {kubelet: {url: 'ftp://x'}}").substr(0, 12), "a.yml:1:23: ");
  EXPECT_EQ(ErrorOf("cluster: {resources: [pods, unicorns]}"),
            "a.yml:1:22: there is no resource \"unicorns\"");
  EXPECT_EQ(ErrorOf("cluster: {pods: some}"), "a.yml:1:17: pods is all or unscheduled");
  EXPECT_EQ(ErrorOf("profile: none"),
            "a.yml:1:10: there is no profile \"none\" (there are: kube-prometheus, "
            "kubernetes-mixin, node-mixin)");
  EXPECT_EQ(ErrorOf("global: {external_labels: {a-b: c}}"), "a.yml:1:27: \"a-b\" is no label name");
  EXPECT_EQ(ErrorOf("global: {scrape_interval: 1s, scrape_timeout: 2s}"),
            "a.yml:1:47: scrape_timeout is longer than scrape_interval");
  EXPECT_EQ(ErrorOf("scrape_configs: [{job: a}]").substr(0, 12), "a.yml:1:18: ");
  EXPECT_EQ(ErrorOf("push: {spool_size_max: 1MiB}"),
            "a.yml:1:24: spool_size_max must be at least 8MiB");
  EXPECT_EQ(ErrorOf("limits: {targets_max: 0}"), "a.yml:1:23: targets_max must be at least 1");
}

TEST(AgentConfig, NamesJobsAsDashboardsExpectThem) {
  const auto config = ParseAgentConfig(
      "profile: kube-prometheus\n"
      "pods: {node_name: n1, kubelet: {url: 'https://10.0.0.1:10250/', authorization: "
      "{credentials_file: token}}}\n"
      "cluster: {pods: unscheduled, lease: {enabled: false}}\n",
      "/etc/baro/a.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node.job, "node-exporter");
  EXPECT_EQ(config->pods.job, "kubelet");
  EXPECT_EQ(config->pods.metrics_path, "/metrics/cadvisor");
  EXPECT_TRUE(config->pods.enabled);
  EXPECT_EQ(config->pods.kubelet.server, "https://10.0.0.1:10250");
  EXPECT_EQ(config->pods.kubelet.http.authorization->credentials_file, "/etc/baro/token");
  EXPECT_TRUE(config->cluster.unscheduled_pods);
  EXPECT_FALSE(config->cluster.elect);
  EXPECT_FALSE(ParseAgentConfig("{}", "a.yml")->pods.enabled);
}

TEST(AgentConfig, ShortensTheDefaultTimeoutToTheInterval) {
  const auto config = ParseAgentConfig("global: {scrape_interval: 5s}", "a.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->global.scrape_timeout.count(), 5'000);
}

TEST(AgentConfig, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ReadAgentConfig("/nonexistent.yml").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace baro::agent
