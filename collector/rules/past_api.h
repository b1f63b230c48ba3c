// /api/v1/baro/rules/backtest and /backfill: rule files over a time that is past.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "baro/base/clock.h"
#include "baro/model/series_source.h"
#include "baro/net/http_router.h"
#include "baro/promql/engine.h"
#include "baro/rules/rule_storage.h"

namespace baro::collector {

// What is in force where a rule file says nothing.
struct RuleDefaults {
  int64_t interval_ms = 60'000;
  int64_t query_offset_ms = 0;
  std::map<std::string, std::string> external_labels;
};

// All outlive the router.
struct PastParts {
  const model::SeriesSource* source = nullptr;
  const promql::Engine* engine = nullptr;
  rules::RuleStorage* storage = nullptr;
  const base::Clock* clock = base::RealClock();
  std::function<RuleDefaults()> defaults;
  std::string external_url;
};
void AddPastRoutes(PastParts parts, net::HttpRouter* router);

}  // namespace baro::collector
