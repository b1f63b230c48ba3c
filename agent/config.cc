#include "agent/config.h"

#include <algorithm>

#include "agent/kubernetes_config.h"
#include "agent/node/collector.h"
#include "agent/node/name_filter.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/labels.h"

namespace baro::agent {
namespace {

void RequirePositive(base::YamlMap* map, std::string_view key, std::chrono::milliseconds value) {
  if (value.count() <= 0) map->Fail(key, base::StrCat(key, " must be longer than 0"));
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, GlobalConfig* global) {
  base::YamlMap map(node);
  ReadScrapeDefaults(&map, global);
  map.Optional("external_labels", &global->external_labels);
  // What `global` says to the rest of Prometheus, so that a file of its own can be taken over.
  for (const char* key :
       {"evaluation_interval", "rule_query_offset", "query_log_file", "runtime"}) {
    map.Ignore(key);
  }
  RequirePositive(&map, "scrape_interval", global->scrape_interval);
  RequirePositive(&map, "scrape_timeout", global->scrape_timeout);
  if (global->scrape_timeout > global->scrape_interval) {
    // As in Prometheus: the default gives way, one that was written is a mistake.
    if (map.Take("scrape_timeout") != nullptr) {
      map.Fail("scrape_timeout", "scrape_timeout is longer than scrape_interval");
    }
    global->scrape_timeout = global->scrape_interval;
  }
  for (const auto& [name, value] : global->external_labels) {
    if (!model::IsClassicLabelName(name) || name == model::kMetricName) {
      map.Fail("external_labels", base::StrCat("\"", name, "\" is no label name"));
    }
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, PushConfig* push) {
  base::YamlMap map(node);
  map.Optional("spool_size_max", &push->spool_size_max);
  map.Optional("flush_interval", &push->flush_interval);
  RequirePositive(&map, "flush_interval", push->flush_interval);
  // Two segments of 4 MiB are the least that can be shed from.
  if (push->spool_size_max.bytes < (uint64_t{8} << 20)) {
    map.Fail("spool_size_max", "spool_size_max must be at least 8MiB");
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, LimitsConfig* limits) {
  base::YamlMap map(node);
  map.Optional("targets_max", &limits->targets_max);
  map.Optional("queue_size_max", &limits->queue_size_max);
  if (limits->targets_max == 0) map.Fail("targets_max", "targets_max must be at least 1");
  if (limits->queue_size_max.bytes < (uint64_t{1} << 20)) {
    map.Fail("queue_size_max", "queue_size_max must be at least 1MiB");
  }
  return map.Finish();
}

namespace {

// Where a filter's expression goes: collector, key.
struct FilterKey {
  std::string_view collector;
  std::string_view key;
  std::string NodeFilters::* expression;
};
constexpr FilterKey kFilterKeys[] = {
    {"diskstats", "device_exclude", &NodeFilters::diskstats_exclude},
    {"filesystem", "mount_points_exclude", &NodeFilters::filesystem_mount_points_exclude},
    {"filesystem", "fs_types_exclude", &NodeFilters::filesystem_types_exclude},
    {"netclass", "ignored_devices", &NodeFilters::netclass_exclude},
    {"netdev", "device_exclude", &NodeFilters::netdev_exclude},
    {"netstat", "fields", &NodeFilters::netstat_include},
    {"vmstat", "fields", &NodeFilters::vmstat_include},
};

absl::Status ReadCollector(const base::YamlNode& node, const std::string& name,
                           NodeOptions* options) {
  base::YamlMap map(node);
  CollectorSwitch& choice = options->collectors[name];
  map.Optional("enabled", &choice.enabled);
  map.Optional("interval", &choice.interval);
  if (choice.interval.has_value()) RequirePositive(&map, "interval", *choice.interval);
  for (const FilterKey& filter : kFilterKeys) {
    if (filter.collector != name) continue;
    std::string& expression = options->filters.*filter.expression;
    map.Optional(filter.key, &expression);
    const absl::Status valid = NameFilter::Make(expression).status();
    if (!valid.ok()) map.Fail(filter.key, base::FromAbsl(valid.message()));
  }
  if (name == "filesystem") {
    map.Optional("mount_timeout", &options->mount_timeout);
    RequirePositive(&map, "mount_timeout", options->mount_timeout);
  }
  return map.Finish();
}

absl::Status ReadCollectors(const base::YamlNode& node, NodeOptions* options) {
  if (node.kind() != base::YamlNode::Kind::kMap)
    return node.ErrorAt("expected a map of collectors");
  for (const base::YamlNode::Entry& entry : node.entries()) {
    std::string known;
    bool found = false;
    for (const CollectorEntry& collector : AllCollectors()) {
      found = found || collector.name == entry.key.scalar();
      base::StrAppend(&known, known.empty() ? "" : ", ", collector.name);
    }
    if (!found) {
      return entry.key.ErrorAt(base::StrCat("there is no node collector \"", entry.key.scalar(),
                                            "\" (there are: ", known, ")"));
    }
    BARO_TRY(ReadCollector(entry.value, entry.key.scalar(), options));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, NodeOptions* options) {
  base::YamlMap map(node);
  map.Optional("enabled", &options->enabled);
  map.Optional("interval", &options->interval);
  map.Optional("job", &options->job);
  map.Optional("instance", &options->instance);
  RequirePositive(&map, "interval", options->interval);
  const base::YamlNode* collectors = map.Take("collectors");
  if (collectors != nullptr && map.ok()) map.Keep(ReadCollectors(*collectors, options));
  return map.Finish();
}

namespace {

// Files named in the configuration are relative to its own folder.
std::string FolderOf(std::string_view file) {
  const size_t slash = file.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(file.substr(0, std::max<size_t>(slash, 1)));
}

absl::Status ReadScrapes(const base::YamlNode& list, const std::string& folder,
                         AgentConfig* config) {
  BARO_TRY_ASSIGN(config->scrape, ReadScrapeConfigs(list, config->global, folder));
  return absl::OkStatus();
}

// `pods`, `cluster`, and `profile`, which names the jobs that neither of them nor `node` names.
void ReadKubernetes(const std::string& folder, base::YamlMap* map, AgentConfig* config) {
  std::string profile;
  map->Optional("profile", &profile);
  if (!profile.empty() && map->ok()) {
    const absl::StatusOr<JobProfile> jobs = FindJobProfile(profile);
    if (!jobs.ok()) return map->Fail("profile", base::FromAbsl(jobs.status().message()));
    if (config->node.job == NodeOptions().job) config->node.job = jobs->node_job;
    config->pods.job = jobs->pods_job;
    config->pods.metrics_path = jobs->pods_metrics_path;
  }
  const base::YamlNode* const pods = map->Take("pods");
  if (pods != nullptr && map->ok()) map->Keep(ReadPods(*pods, folder, &config->pods));
  const base::YamlNode* const cluster = map->Take("cluster");
  if (cluster != nullptr && map->ok()) map->Keep(ReadCluster(*cluster, folder, &config->cluster));
}

absl::Status ReadRoot(const base::YamlNode& node, const std::string& folder, AgentConfig* config) {
  base::YamlMap map(node);
  map.Optional("global", &config->global);
  map.Optional("node", &config->node);
  map.Optional("push", &config->push);
  map.Optional("limits", &config->limits);
  const base::YamlNode* scrapes = map.Take("scrape_configs");
  if (scrapes != nullptr && map.ok()) map.Keep(ReadScrapes(*scrapes, folder, config));
  ReadKubernetes(folder, &map, config);
  return map.Finish();
}

}  // namespace

absl::StatusOr<AgentConfig> ParseAgentConfig(std::string_view text, std::string_view file) {
  BARO_TRY_ASSIGN(const base::YamlNode root, base::ParseYaml(text, file));
  AgentConfig config;
  BARO_TRY(ReadRoot(root, FolderOf(file), &config));
  return config;
}

absl::StatusOr<AgentConfig> ReadAgentConfig(const std::string& path) {
  if (path.empty()) return AgentConfig();
  BARO_TRY_ASSIGN(const base::YamlNode root, base::ReadYamlFile(path));
  AgentConfig config;
  BARO_TRY(ReadRoot(root, FolderOf(path), &config));
  return config;
}

}  // namespace baro::agent
