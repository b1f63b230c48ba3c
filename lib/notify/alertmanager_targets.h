// AlertmanagerTargets: from what discovery has found to the URLs that alerts are posted to.
#pragma once

#include <string>
#include <vector>

#include "baro/discovery/target_group.h"
#include "baro/notify/config.h"

namespace baro::notify {

struct AlertmanagerTargets {
  std::vector<std::string> active;   // whole URLs, each once
  std::vector<std::string> dropped;  // by relabelling
  std::vector<std::string> errors;   // addresses that are none
};

// As Prometheus: __address__, __scheme__ and __alerts_path__ are relabelled.
AlertmanagerTargets FindAlertmanagers(const AlertmanagerSet& set,
                                      const std::vector<discovery::TargetGroup>& groups);

}  // namespace baro::notify
