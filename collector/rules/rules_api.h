// /api/v1/rules and /api/v1/alerts, in Prometheus' shape.
#pragma once

#include "baro/net/http_router.h"
#include "baro/rules/rule_engine.h"

namespace baro::collector {

// `engine` outlives the router.
void AddRuleRoutes(const rules::RuleEngine* engine, net::HttpRouter* router);

}  // namespace baro::collector
