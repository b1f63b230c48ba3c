// From the configuration to the rules in force.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "baro/rules/rule_engine.h"
#include "config.h"

namespace baro::collector {

// Reads every rule file that the configuration names; patterns are relative to the folder of
// `config_file`. Errors: InvalidArgument (the first mistake, file:line:column), or what reading a
// file gives; then nothing has changed.
absl::StatusOr<rules::RuleSet> LoadRules(const CollectorConfig& config,
                                         const std::string& config_file,
                                         const std::string& external_url);

}  // namespace baro::collector
