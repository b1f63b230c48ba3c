// AlertingConfig: what `alerting` says: Prometheus' keys with Prometheus' meaning, and our own
// `webhooks`, `queue` and `history` beside them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/base/yaml.h"
#include "baro/discovery/target_group.h"
#include "baro/net/http_client_config.h"
#include "baro/relabel/relabel.h"

namespace baro::notify {

// One entry of `alertmanagers`: instances that are reached alike.
struct AlertmanagerSet {
  std::string scheme = "http";
  std::string path_prefix = "/";
  std::chrono::milliseconds timeout{10'000};
  net::HttpClientConfig http;
  std::vector<discovery::TargetGroup> static_configs;
  std::vector<discovery::FileDiscovery> file_sd_configs;
  std::vector<relabel::RelabelRule> relabel_configs;  // of the instances
  std::vector<relabel::RelabelRule> alert_relabel_configs;
  bool operator==(const AlertmanagerSet&) const = default;
};

// One entry of `webhooks`: a receiver of Alertmanager's webhook body, without Alertmanager.
struct WebhookConfig {
  std::string name;
  std::string url;
  bool send_resolved = true;
  std::vector<std::string> group_by = {"alertname"};  // "...": every alert alone
  std::chrono::milliseconds group_wait{30'000};
  std::chrono::milliseconds group_interval{300'000};
  std::chrono::milliseconds repeat_interval{4 * 3'600'000};
  size_t max_alerts = 0;  // 0: no limit
  std::chrono::milliseconds timeout{10'000};
  net::HttpClientConfig http;
  std::map<std::string, std::string> headers;
  std::vector<relabel::RelabelRule> alert_relabel_configs;
  bool operator==(const WebhookConfig&) const = default;
};

// Of each receiver.
struct QueueConfig {
  size_t alerts_max = 50'000;
  base::ByteSize bytes_max{uint64_t{64} << 20};
  std::chrono::milliseconds retry_min{1'000};
  std::chrono::milliseconds retry_max{30'000};
  // Between the firing and the resolve of an alert that an Alertmanager missed as a whole; longer
  // than its group_wait.
  std::chrono::milliseconds resolve_hold{35'000};
  std::chrono::milliseconds drain_timeout{5'000};  // at shutdown
  bool operator==(const QueueConfig&) const = default;
};

struct HistoryConfig {
  base::ByteSize bytes_max{uint64_t{64} << 20};
  std::chrono::milliseconds retention{int64_t{90} * 24 * 3'600'000};
  bool operator==(const HistoryConfig&) const = default;
};

struct AlertingConfig {
  std::vector<relabel::RelabelRule> alert_relabel_configs;
  std::vector<AlertmanagerSet> alertmanagers;
  std::vector<WebhookConfig> webhooks;
  QueueConfig queue;
  HistoryConfig history;
};

// Reads the map behind `alerting`. File names are relative to `folder`, the configuration file's
// own. Errors: InvalidArgument with file:line:column; what Prometheus has and this version has not
// is refused by name.
absl::StatusOr<AlertingConfig> ReadAlertingConfig(const base::YamlNode& node,
                                                  const std::string& folder);

}  // namespace baro::notify
