// The keys of a baseline rule.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "baro/base/yaml.h"
#include "baro/rules/rule_file.h"

namespace baro::rules {

// `node` is what stands behind `baseline`; the other keys are taken from `map`. `record` becomes
// the name. Errors: InvalidArgument with file:line:column.
absl::Status ReadBaseline(const base::YamlNode& node, base::YamlMap* map, std::string* record,
                          std::optional<BaselineSpec>* baseline);

}  // namespace baro::rules
