#include "config.h"

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"

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
    {"rule_files", "rules are not available yet"},
    {"alerting", "alerting is not available yet"},
    {"remote_write", "forwarding by remote write is not available yet"},
    {"remote_read", "remote read is not available yet"},
    {"tracing", "tracing is not available yet"},
    {"runtime", "there is no Go runtime to tune"},
};

}  // namespace

// Found by ADL, which does not look into unnamed namespaces.
static absl::Status ReadYaml(const base::YamlNode& node, GlobalConfig* global) {
  base::YamlMap map(node);
  map.Optional("scrape_interval", &global->scrape_interval);
  map.Optional("scrape_timeout", &global->scrape_timeout);
  map.Optional("evaluation_interval", &global->evaluation_interval);
  map.Optional("external_labels", &global->external_labels);
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

static absl::Status ReadYaml(const base::YamlNode& node, StorageConfig* storage) {
  base::YamlMap map(node);
  map.Optional("retention", &storage->retention);
  for (const char* key : {"tsdb", "exemplars"}) {
    if (map.Take(key) != nullptr) {
      map.Fail(key, "not available: of `storage` this version has `retention` only");
    }
  }
  return map.Finish();
}

static absl::Status ReadYaml(const base::YamlNode& node, CollectorConfig* config) {
  base::YamlMap map(node);
  map.Optional("global", &config->global);
  map.Optional("storage", &config->storage);
  map.Optional("otlp", &config->otlp);
  for (const Absent& absent : kAbsent) {
    if (map.Take(absent.key) != nullptr) {
      map.Fail(absent.key, base::StrCat(absent.key, ": ", absent.what));
    }
  }
  return map.Finish();
}

namespace {

absl::StatusOr<CollectorConfig> FromNode(const base::YamlNode& node) {
  CollectorConfig config;
  BARO_TRY(ReadYaml(node, &config));
  return config;
}

// A double-quoted YAML scalar.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

absl::StatusOr<CollectorConfig> ParseConfig(std::string_view text, const std::string& file) {
  BARO_TRY_ASSIGN(const base::YamlNode node, base::ParseYaml(text, file));
  return FromNode(node);
}

absl::StatusOr<CollectorConfig> ReadConfig(const std::string& path) {
  if (path.empty()) return CollectorConfig();
  BARO_TRY_ASSIGN(const base::YamlNode node, base::ReadYamlFile(path));
  return FromNode(node);
}

std::string PrintConfig(const CollectorConfig& config) {
  const GlobalConfig& global = config.global;
  std::string out = base::StrCat(
      "global:\n  scrape_interval: ", base::FormatDuration(global.scrape_interval),
      "\n  scrape_timeout: ", base::FormatDuration(global.scrape_timeout),
      "\n  evaluation_interval: ", base::FormatDuration(global.evaluation_interval), "\n");
  if (!global.external_labels.empty()) out += "  external_labels:\n";
  for (const auto& [name, value] : global.external_labels) {
    base::StrAppend(&out, "    ", Quoted(name), ": ", Quoted(value), "\n");
  }
  if (config.storage.retention) {
    base::StrAppend(
        &out, "storage:\n  retention: ", base::FormatDuration(*config.storage.retention), "\n");
  }
  return out + PrintOtlpConfig(config.otlp);
}

}  // namespace baro::collector
