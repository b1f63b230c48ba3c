// `alerting` means what it means to Prometheus; every mistake is told with its place.
#include "baro/notify/config.h"

#include <gtest/gtest.h>

#include "alertmanager_targets.h"
#include "baro/base/strings.h"

namespace baro::notify {
namespace {

absl::StatusOr<AlertingConfig> Read(std::string_view yaml) {
  const auto node = base::ParseYaml(yaml, "c.yml");
  if (!node.ok()) return node.status();
  return ReadAlertingConfig(*node, "/etc/baro");
}

void ExpectRefused(std::string_view yaml, std::string_view words) {
  const auto config = Read(yaml);
  ASSERT_FALSE(config.ok()) << yaml;
  EXPECT_NE(config.status().message().find(base::ToAbsl(words)), absl::string_view::npos)
      << config.status();
}

TEST(AlertingConfig, ReadsPrometheusOwn) {
  const auto config = Read(R"(
alert_relabel_configs:
  - {regex: replica, action: labeldrop}
alertmanagers:
  - scheme: https
    path_prefix: /am/
    timeout: 5s
    api_version: v2
    basic_auth: {username: u, password_file: secret}
    tls_config: {ca_file: ca.pem, server_name: am}
    static_configs: [{targets: [a:9093, b:9093]}]
    file_sd_configs: [{files: [ams/*.yml]}]
    relabel_configs: [{source_labels: [__address__], regex: 'b:.*', action: drop}]
    alert_relabel_configs: [{target_label: via, replacement: am}]
)");
  ASSERT_TRUE(config.ok()) << config.status();
  const AlertmanagerSet& set = config->alertmanagers.at(0);
  EXPECT_EQ(set.timeout, std::chrono::seconds(5));
  EXPECT_EQ(set.http.basic_auth->password_file, "/etc/baro/secret");
  EXPECT_EQ(set.http.tls.ca_file, "/etc/baro/ca.pem");
  EXPECT_EQ(set.file_sd_configs.at(0).files.at(0), "/etc/baro/ams/*.yml");
  const AlertmanagerTargets targets = FindAlertmanagers(set, set.static_configs);
  EXPECT_EQ(targets.active, std::vector<std::string>{"https://a:9093/am/api/v2/alerts"});
  EXPECT_EQ(targets.dropped, std::vector<std::string>{"https://b:9093/am/api/v2/alerts"});
}

TEST(AlertingConfig, ReadsWebhooks) {
  const auto config = Read(R"(
webhooks:
  - name: pager
    url: https://hooks.example/x
    send_resolved: false
    group_by: [alertname, cluster]
    group_wait: 10s
    max_alerts: 50
    headers: {X-Team: core}
    authorization: {credentials: t}
queue: {alerts_max: 10, resolve_hold: 1m}
history: {bytes_max: 2MiB, retention: 7d}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->webhooks.at(0).group_by.size(), 2U);
  EXPECT_EQ(config->webhooks.at(0).headers.at("X-Team"), "core");
  EXPECT_EQ(config->queue.resolve_hold, std::chrono::minutes(1));
  EXPECT_EQ(config->history.bytes_max.bytes, 2U << 20);
  EXPECT_TRUE(Read("").ok());
}

TEST(AlertingConfig, NamesThePlaceOfEveryMistake) {
  ExpectRefused("alertmanager: []\n", "c.yml:1:1: unknown key");
  ExpectRefused("alertmanagers:\n  - sheme: http\n", "c.yml:2:5");
  ExpectRefused("alertmanagers:\n  - scheme: ftp\n", "c.yml:2:13: \"ftp\" is neither");
  ExpectRefused("alertmanagers:\n  - api_version: v1\n", "use v2");
  ExpectRefused("alertmanagers:\n  - api_version: v3\n", "\"v3\" is not v2");
  ExpectRefused("alertmanagers:\n  - timeout: 0s\n", "longer than 0");
  ExpectRefused("alertmanagers:\n  - static_configs: [{targets: ['http://a:1']}]\n",
                "\"http://a:1\" is not a valid hostname");
  ExpectRefused("alertmanagers:\n  - kubernetes_sd_configs: [{role: pod}]\n",
                "kubernetes_sd_configs is not supported yet");
  ExpectRefused("alertmanagers:\n  - sigv4: {region: x}\n", "sigv4 is not supported");
  ExpectRefused("alertmanagers:\n  - proxy_url: https://p\n", "are not supported");
  ExpectRefused("alertmanagers:\n  - alert_relabel_configs: [{action: replac}]\n",
                "not a relabel action");
  ExpectRefused("webhooks: [{name: a}]\n", "url");
  ExpectRefused("webhooks: [{name: a, url: 'x'}]\n", "c.yml:1:27");
  ExpectRefused("webhooks: [{name: a, url: 'ftp://x'}]\n", "c.yml:1:27");
  ExpectRefused("webhooks: [{name: '', url: 'http://x'}]\n", "it is empty");
  ExpectRefused("webhooks: [{name: a, url: 'http://x', group_by: [a, a]}]\n", "there twice");
  ExpectRefused("webhooks: [{name: a, url: 'http://x', group_by: ['...', a]}]\n", "stands alone");
  ExpectRefused("webhooks: [{name: a, url: 'http://x', group_interval: 0s}]\n", "longer than 0");
  ExpectRefused("webhooks: [{name: a, url: 'http://x'}, {name: a, url: 'http://y'}]\n",
                "two webhooks named \"a\"");
  ExpectRefused("queue: {alerts_max: 0}\n", "more than 0");
  ExpectRefused("queue: {retry_max: 1ms}\n", "shorter than retry_min");
  ExpectRefused("queue: {bytes_max: 1KiB}\n", "1MiB or more");
  ExpectRefused("history: {retention: 0s}\n", "longer than 0");
}

}  // namespace
}  // namespace baro::notify
