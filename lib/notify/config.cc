#include "baro/notify/config.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/url.h"

namespace baro::notify {
namespace {

using std::chrono::milliseconds;

void RequirePositive(std::string_view key, milliseconds value, base::YamlMap* map) {
  if (value <= milliseconds(0)) map->Fail(key, "it must be longer than 0");
}

void RefuseDiscoveries(const base::YamlNode& node, base::YamlMap* map) {
  for (const base::YamlNode::Entry& entry : node.entries()) {
    const std::string& key = entry.key.scalar();
    if (!key.ends_with("_sd_configs") || key == "file_sd_configs") continue;
    map->Fail(
        key, base::StrCat(key, " is not supported yet: use static_configs or ", "file_sd_configs"));
  }
}

void CheckTargets(const base::YamlNode& node, const AlertmanagerSet& set, base::YamlMap* map) {
  if (!set.relabel_configs.empty()) return;
  for (const discovery::TargetGroup& group : set.static_configs) {
    for (const std::string& address : group.targets) {
      if (address.find('/') == std::string::npos) continue;
      map->Keep(node.ErrorAt(base::StrCat("\"", address, "\" is not a valid hostname")));
    }
  }
}

void ReadVersion(base::YamlMap* map) {
  std::string version = "v2";
  map->Optional("api_version", &version);
  if (version == "v1") {
    map->Fail("api_version", "v1 is gone from Alertmanager since 0.27: use v2");
  } else if (version != "v2") {
    map->Fail("api_version", base::StrCat("\"", version, "\" is not v2"));
  }
}

void MakeAbsolute(const std::string& folder, std::string* path) {
  if (!path->empty()) *path = (std::filesystem::path(folder) / *path).string();
}

void CheckUrl(const std::string& url, base::YamlMap* map) {
  const auto parsed = net::ParseUrl(url);
  if (!parsed.ok()) {
    map->Fail("url", base::FromAbsl(parsed.status().message()));
  } else if (parsed->scheme != "http" && parsed->scheme != "https") {
    map->Fail("url", base::StrCat("\"", parsed->scheme, "\" is neither http nor https"));
  }
}

void CheckGroupBy(const WebhookConfig& webhook, base::YamlMap* map) {
  const std::set<std::string> names(webhook.group_by.begin(), webhook.group_by.end());
  if (names.size() != webhook.group_by.size()) map->Fail("group_by", "a label is there twice");
  if (names.contains("...") && names.size() > 1) {
    map->Fail("group_by", "\"...\" stands alone: it is every label");
  }
  if (names.contains("")) map->Fail("group_by", "a label name is empty");
}

}  // namespace

// Found by ADL, which does not look into unnamed namespaces.
static absl::Status ReadYaml(const base::YamlNode& node, AlertmanagerSet* set) {
  base::YamlMap map(node);
  RefuseDiscoveries(node, &map);
  map.Optional("scheme", &set->scheme);
  map.Optional("path_prefix", &set->path_prefix);
  map.Optional("timeout", &set->timeout);
  ReadVersion(&map);
  net::ReadHttpClientConfig(&map, &set->http);
  map.Optional("static_configs", &set->static_configs);
  map.Optional("file_sd_configs", &set->file_sd_configs);
  map.Optional("relabel_configs", &set->relabel_configs);
  map.Optional("alert_relabel_configs", &set->alert_relabel_configs);
  if (set->scheme != "http" && set->scheme != "https") {
    map.Fail("scheme", base::StrCat("\"", set->scheme, "\" is neither http nor https"));
  }
  RequirePositive("timeout", set->timeout, &map);
  CheckTargets(node, *set, &map);
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, WebhookConfig* webhook) {
  base::YamlMap map(node);
  map.Required("name", &webhook->name);
  map.Required("url", &webhook->url);
  map.Optional("send_resolved", &webhook->send_resolved);
  map.Optional("group_by", &webhook->group_by);
  map.Optional("group_wait", &webhook->group_wait);
  map.Optional("group_interval", &webhook->group_interval);
  map.Optional("repeat_interval", &webhook->repeat_interval);
  map.Optional("max_alerts", &webhook->max_alerts);
  map.Optional("timeout", &webhook->timeout);
  net::ReadHttpClientConfig(&map, &webhook->http);
  map.Optional("headers", &webhook->headers);
  map.Optional("alert_relabel_configs", &webhook->alert_relabel_configs);
  if (map.ok()) CheckUrl(webhook->url, &map);
  if (map.ok() && webhook->name.empty()) map.Fail("name", "it is empty");
  CheckGroupBy(*webhook, &map);
  if (webhook->group_wait < milliseconds(0)) map.Fail("group_wait", "it is negative");
  RequirePositive("group_interval", webhook->group_interval, &map);
  RequirePositive("repeat_interval", webhook->repeat_interval, &map);
  RequirePositive("timeout", webhook->timeout, &map);
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, QueueConfig* queue) {
  base::YamlMap map(node);
  map.Optional("alerts_max", &queue->alerts_max);
  map.Optional("bytes_max", &queue->bytes_max);
  map.Optional("retry_min", &queue->retry_min);
  map.Optional("retry_max", &queue->retry_max);
  map.Optional("resolve_hold", &queue->resolve_hold);
  map.Optional("drain_timeout", &queue->drain_timeout);
  RequirePositive("retry_min", queue->retry_min, &map);
  if (queue->alerts_max == 0) map.Fail("alerts_max", "it must be more than 0");
  if (queue->retry_max < queue->retry_min) map.Fail("retry_max", "it is shorter than retry_min");
  if (queue->bytes_max.bytes < 1U << 20) map.Fail("bytes_max", "it must be 1MiB or more");
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, HistoryConfig* history) {
  base::YamlMap map(node);
  map.Optional("bytes_max", &history->bytes_max);
  map.Optional("retention", &history->retention);
  if (history->bytes_max.bytes < 1U << 20) map.Fail("bytes_max", "it must be 1MiB or more");
  RequirePositive("retention", history->retention, &map);
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, AlertingConfig* config) {
  base::YamlMap map(node);
  map.Optional("alert_relabel_configs", &config->alert_relabel_configs);
  map.Optional("alertmanagers", &config->alertmanagers);
  map.Optional("webhooks", &config->webhooks);
  map.Optional("queue", &config->queue);
  map.Optional("history", &config->history);
  std::set<std::string> names;
  for (const WebhookConfig& webhook : config->webhooks) {
    if (!names.insert(webhook.name).second) {
      map.Fail("webhooks", base::StrCat("there are two webhooks named \"", webhook.name, "\""));
    }
  }
  return map.Finish();
}

absl::StatusOr<AlertingConfig> ReadAlertingConfig(const base::YamlNode& node,
                                                  const std::string& folder) {
  AlertingConfig config;
  BARO_TRY(ReadYaml(node, &config));
  for (AlertmanagerSet& set : config.alertmanagers) {
    net::MakePathsAbsolute(folder, &set.http);
    for (discovery::FileDiscovery& discovery : set.file_sd_configs) {
      for (std::string& file : discovery.files) MakeAbsolute(folder, &file);
    }
  }
  for (WebhookConfig& webhook : config.webhooks) net::MakePathsAbsolute(folder, &webhook.http);
  return config;
}

}  // namespace baro::notify
