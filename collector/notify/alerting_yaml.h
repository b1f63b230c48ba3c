// What status/config shows of `alerting`: as it was written, secrets left out.
#pragma once

#include <string>

#include "baro/base/yaml.h"

namespace baro::collector {

// "alerting:" and the map below it, as YAML; empty for a null node. Values of password,
// credentials, bearer_token, key, secrets and headers become <secret>, and so do user and password
// of a URL.
std::string PrintAlerting(const base::YamlNode& node);

}  // namespace baro::collector
