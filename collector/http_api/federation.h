// /federate: the last samples of the series asked for, as a scrape target shows them.
#pragma once

#include "baro/net/http_message.h"
#include "http_api/api.h"

namespace baro::collector {

// match[] selectors; without one nothing is shown. Samples not older than the lookback, stale
// series left out, external labels added where a series has no such label, as Prometheus does.
// Errors are plain text: 400 (a selector), 500, 503.
net::ServerResponse Federate(const ApiParts& parts, const net::ServerRequest& request);

}  // namespace baro::collector
