// OTLP over HTTP: POST of an ExportMetricsServiceRequest, protobuf or JSON, as the OTLP
// specification 1.x has it.
//
// 200 comes after the sync and names what was refused; 4xx: sending the same again does not help;
// 503 with Retry-After: nothing was stored, send it again. Errors are google.rpc.Status in the
// request's own encoding.
#pragma once

#include <array>
#include <string_view>

#include "baro/net/http_router.h"
#include "otlp/otlp_receiver.h"

namespace baro::collector {

// Prometheus', OpenTelemetry's own and VictoriaMetrics' path.
inline constexpr std::array<std::string_view, 3> kOtlpPaths = {
    "/api/v1/otlp/v1/metrics", "/v1/metrics", "/opentelemetry/v1/metrics"};

// Answers now or after the store's sync; for a lane whose threads may wait. `receiver` outlives the
// reply.
void HandleOtlpHttp(const net::ServerRequest& request, net::HttpReply reply,
                    OtlpReceiver* receiver);

// The routes of kOtlpPaths.
void AddOtlpRoutes(OtlpReceiver* receiver, net::HttpRouter* router);

}  // namespace baro::collector
