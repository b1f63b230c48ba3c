#include "rules/rule_loader.h"

#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

// Prometheus takes an asterisk in the last part of a path only.
absl::Status CheckPattern(const std::string& pattern) {
  const size_t slash = pattern.rfind('/');
  if (slash == std::string::npos || pattern.find('*') > slash) return absl::OkStatus();
  return absl::InvalidArgumentError(base::StrCat("invalid rule file path ", GoQuoted(pattern)));
}

}  // namespace

absl::StatusOr<rules::RuleSet> LoadRules(const CollectorConfig& config,
                                         const std::string& config_file,
                                         const std::string& external_url) {
  const size_t slash = config_file.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : config_file.substr(0, slash);
  for (const std::string& pattern : config.rule_files) BARO_TRY(CheckPattern(pattern));
  BARO_TRY_ASSIGN(const std::vector<std::string> files,
                  rules::FindRuleFiles(config.rule_files, folder));
  rules::RuleSet set;
  set.interval_ms = config.global.evaluation_interval.count();
  set.external_labels = config.global.external_labels;
  set.external_url = external_url;
  for (const std::string& file : files) {
    BARO_TRY_ASSIGN(std::vector<rules::GroupSpec> groups, rules::ReadRuleFile(file));
    for (rules::GroupSpec& group : groups) {
      if (!group.query_offset_ms && config.global.rule_query_offset) {
        group.query_offset_ms = config.global.rule_query_offset->count();
      }
      set.groups.push_back(std::move(group));
    }
  }
  return set;
}

}  // namespace baro::collector
