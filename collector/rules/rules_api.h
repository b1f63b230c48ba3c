// /api/v1/rules and /api/v1/alerts, in Prometheus' shape.
#pragma once

#include <functional>
#include <vector>

#include "baro/net/http_router.h"
#include "baro/rules/rule_engine.h"

namespace baro::collector {

// Groups that are not the rule engine's: what objectives alert with.
using MoreGroups = std::function<std::vector<rules::GroupStatus>()>;

// `engine` outlives the router. `more` may be empty.
void AddRuleRoutes(const rules::RuleEngine* engine, net::HttpRouter* router,
                   MoreGroups more = nullptr);

}  // namespace baro::collector
