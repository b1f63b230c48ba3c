// /api/v1/baro/alerts: what fires, with the rule it comes from and who looks after it; and
// /api/v1/baro/alerts/ack, by which people say that they do.
#pragma once

#include <functional>
#include <vector>

#include "baro/net/http_router.h"
#include "baro/notify/notifier.h"
#include "baro/rules/rule_engine.h"

namespace baro::collector {

// All outlive the router. `more` tells groups of others whose alerts are shown as well.
void AddAlertRoutes(const rules::RuleEngine* engine, notify::Notifier* notifier,
                    std::function<std::vector<rules::GroupStatus>()> more, net::HttpRouter* router);

}  // namespace baro::collector
