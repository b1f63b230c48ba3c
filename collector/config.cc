#include "config.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/promql/engine.h"
#include "notify/alerting_yaml.h"

namespace baro::collector {
namespace {

struct Absent {
  std::string_view key;
  std::string_view what;
};

// What Prometheus has at the top of its file and this version refuses.
constexpr Absent kAbsent[] = {
    {"scrape_configs", "scraping is baro-agent's work: put it in the agent's configuration"},
    {"scrape_config_files", "scraping is baro-agent's work: put it in the agent's configuration"},
    {"remote_write", "forwarding by remote write is not available yet"},
    {"remote_read", "remote read is not available yet"},
    {"tracing", "tracing is not available yet"},
    {"runtime", "there is no Go runtime to tune"},
};

// What a key of the store has room for, less the default one; numbers of classes that are gone but
// still have samples need some of them.
constexpr size_t kRetentionClassesMax = 32;

absl::Status CheckDownsampling(const std::vector<DownsamplingConfig>& tiers) {
  if (tiers.size() > tsdb::kDownsampledTiersMax) {
    return absl::InvalidArgumentError(
        base::StrCat("at most ", tsdb::kDownsampledTiersMax, " intervals are possible"));
  }
  int64_t before_ms = 0;
  for (const DownsamplingConfig& tier : tiers) {
    if (tier.interval.count() < tsdb::kDownsampledIntervalMinMs) {
      return absl::InvalidArgumentError("an interval must be 1m or longer");
    }
    if (tier.interval.count() <= before_ms) {
      return absl::InvalidArgumentError("intervals must ascend");
    }
    before_ms = tier.interval.count();
  }
  return absl::OkStatus();
}

}  // namespace

// Found by ADL, which does not look into unnamed namespaces.
static absl::Status ReadYaml(const base::YamlNode& node, GlobalConfig* global) {
  base::YamlMap map(node);
  map.Optional("scrape_interval", &global->scrape_interval);
  map.Optional("scrape_timeout", &global->scrape_timeout);
  map.Optional("evaluation_interval", &global->evaluation_interval);
  map.Optional("external_labels", &global->external_labels);
  map.Optional("rule_query_offset", &global->rule_query_offset);
  for (const auto& [name, value] : global->external_labels) {
    if (name.empty() || value.empty()) {
      map.Fail("external_labels", "a label's name and value must not be empty");
    }
  }
  if (global->evaluation_interval.count() <= 0) {
    map.Fail("evaluation_interval", "must be longer than 0");
  }
  if (global->scrape_interval.count() <= 0) map.Fail("scrape_interval", "must be longer than 0");
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, RetentionClassConfig* one) {
  base::YamlMap map(node);
  map.Required("match", &one->match);
  map.Required("retention", &one->retention);
  const auto matchers = promql::ParseSelector(one->match);
  if (matchers.ok()) {
    one->matchers = *matchers;
  } else {
    map.Fail("match", base::FromAbsl(matchers.status().message()));
  }
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, DownsamplingConfig* tier) {
  base::YamlMap map(node);
  map.Required("interval", &tier->interval);
  map.Required("retention", &tier->retention);
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, StorageConfig* storage) {
  base::YamlMap map(node);
  map.Optional("retention", &storage->retention);
  map.Optional("retention_classes", &storage->retention_classes);
  map.Optional("downsampling", &storage->downsampling);
  if (storage->retention_classes.size() > kRetentionClassesMax) {
    map.Fail("retention_classes", base::StrCat("at most ", kRetentionClassesMax, " are possible"));
  }
  const absl::Status tiers = CheckDownsampling(storage->downsampling);
  if (!tiers.ok()) map.Fail("downsampling", base::FromAbsl(tiers.message()));
  for (const char* key : {"tsdb", "exemplars"}) {
    if (map.Take(key) != nullptr) {
      map.Fail(key,
               "not available: of `storage` this version has `retention`, `retention_classes` and "
               "`downsampling` only");
    }
  }
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, CollectorConfig* config) {
  base::YamlMap map(node);
  map.Optional("global", &config->global);
  map.Optional("storage", &config->storage);
  map.Optional("otlp", &config->otlp);
  if (const base::YamlNode* alerting = map.Take("alerting")) {
    auto read = notify::ReadAlertingConfig(*alerting, config->folder);
    map.Keep(read.status());
    if (read.ok()) config->alerting = *std::move(read);
    config->alerting_yaml = PrintAlerting(*alerting);
  }
  map.Optional("rule_files", &config->rule_files);
  map.Optional("slo_files", &config->slo_files);
  for (const Absent& absent : kAbsent) {
    if (map.Take(absent.key) != nullptr) {
      map.Fail(absent.key, base::StrCat(absent.key, ": ", absent.what));
    }
  }
  return map.Finish();
}

namespace {

absl::StatusOr<CollectorConfig> FromNode(const base::YamlNode& node, const std::string& file) {
  CollectorConfig config;
  config.folder = std::filesystem::path(file).parent_path().string();
  BARO_TRY(ReadYaml(node, &config));
  return config;
}

void AppendStorage(const StorageConfig& storage, std::string* out) {
  if (!storage.retention && storage.retention_classes.empty() && storage.downsampling.empty()) {
    return;
  }
  *out += "storage:\n";
  if (storage.retention) {
    base::StrAppend(out, "  retention: ", base::FormatDuration(*storage.retention), "\n");
  }
  if (!storage.retention_classes.empty()) *out += "  retention_classes:\n";
  for (const RetentionClassConfig& one : storage.retention_classes) {
    base::StrAppend(out, "    - match: ", base::QuotedYaml(one.match),
                    "\n      retention: ", base::FormatDuration(one.retention), "\n");
  }
  if (!storage.downsampling.empty()) *out += "  downsampling:\n";
  for (const DownsamplingConfig& tier : storage.downsampling) {
    base::StrAppend(out, "    - interval: ", base::FormatDuration(tier.interval),
                    "\n      retention: ", base::FormatDuration(tier.retention), "\n");
  }
}

}  // namespace

absl::StatusOr<CollectorConfig> ParseConfig(std::string_view text, const std::string& file) {
  BARO_TRY_ASSIGN(const base::YamlNode node, base::ParseYaml(text, file));
  return FromNode(node, file);
}

absl::StatusOr<CollectorConfig> ReadConfig(const std::string& path) {
  if (path.empty()) return CollectorConfig();
  BARO_TRY_ASSIGN(const base::YamlNode node, base::ReadYamlFile(path));
  return FromNode(node, path);
}

absl::StatusOr<std::vector<DownsamplingConfig>> ParseDownsampling(std::string_view text) {
  std::vector<DownsamplingConfig> tiers;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view one = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const size_t colon = std::min(one.find(':'), one.size());
    const auto interval = base::ParseDuration(one.substr(0, colon));
    const auto retention = base::ParseDuration(one.substr(std::min(colon + 1, one.size())));
    if (!interval.ok() || !retention.ok()) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot read \"", one, "\": expected interval:retention such as 5m:1y"));
    }
    tiers.push_back({*interval, *retention});
  }
  BARO_TRY(CheckDownsampling(tiers));
  return tiers;
}

tsdb::Retention StoreRetention(const StorageConfig& storage, int64_t samples_ms) {
  tsdb::Retention retention;
  retention.retention_ms = samples_ms;
  for (const RetentionClassConfig& one : storage.retention_classes) {
    retention.classes.push_back({one.matchers, one.retention.count()});
  }
  for (const DownsamplingConfig& tier : storage.downsampling) {
    retention.tiers.push_back({tier.interval.count(), tier.retention.count()});
  }
  return retention;
}

std::string PrintConfig(const CollectorConfig& config) {
  const GlobalConfig& global = config.global;
  std::string out = base::StrCat(
      "global:\n  scrape_interval: ", base::FormatDuration(global.scrape_interval),
      "\n  scrape_timeout: ", base::FormatDuration(global.scrape_timeout),
      "\n  evaluation_interval: ", base::FormatDuration(global.evaluation_interval), "\n");
  if (!global.external_labels.empty()) out += "  external_labels:\n";
  for (const auto& [name, value] : global.external_labels) {
    base::StrAppend(&out, "    ", base::QuotedYaml(name), ": ", base::QuotedYaml(value), "\n");
  }
  if (global.rule_query_offset) {
    base::StrAppend(&out, "  rule_query_offset: ", base::FormatDuration(*global.rule_query_offset),
                    "\n");
  }
  if (!config.rule_files.empty()) out += "rule_files:\n";
  for (const std::string& pattern : config.rule_files) {
    base::StrAppend(&out, "  - ", base::QuotedYaml(pattern), "\n");
  }
  if (!config.slo_files.empty()) out += "slo_files:\n";
  for (const std::string& pattern : config.slo_files) {
    base::StrAppend(&out, "  - ", base::QuotedYaml(pattern), "\n");
  }
  AppendStorage(config.storage, &out);
  return out + PrintOtlpConfig(config.otlp) + config.alerting_yaml;
}

}  // namespace baro::collector
