// The notifier over HTTP: where alerts go, what became of them, a test of the way, and
// Alertmanager's own webhooks.
//
//   GET  /api/v1/alertmanagers                   Prometheus' answer
//   GET  /api/v1/baro/notify/status              each receiver: queue, last success, last error
//   POST /api/v1/baro/notify/test                tells one receiver, or all, of a test alert
//   GET  /api/v1/baro/alerts/history             alerts and attempts to tell of them
//   POST /api/v1/baro/alertmanager-webhook       for Alertmanager's webhook_configs
//
// docs/notifications.md tells the parameters.
#pragma once

#include "baro/base/clock.h"
#include "baro/net/http_router.h"
#include "baro/notify/notifier.h"

namespace baro::collector {

// Before AddApiRoutes(), whose own /alertmanagers knows of none. Both outlive the router.
void AddNotifyRoutes(notify::Notifier* notifier, const base::Clock* clock, net::HttpRouter* router);

}  // namespace baro::collector
