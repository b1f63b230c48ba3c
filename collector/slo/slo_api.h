// /api/v1/baro/slo…: docs/slo.md.
#pragma once

#include "baro/base/clock.h"
#include "baro/net/http_router.h"
#include "baro/slo/slo_engine.h"

namespace baro::collector {

// `engine` and `clock` outlive the router.
void AddSloRoutes(slo::SloEngine* engine, const base::Clock* clock, net::HttpRouter* router);

}  // namespace baro::collector
