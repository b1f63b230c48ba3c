// The handlers behind /api/v1, one function an endpoint. All thread-safe; errors as ErrorAnswer()
// maps them.
#pragma once

#include "absl/status/statusor.h"
#include "baro/net/http_message.h"
#include "http_api/api.h"

namespace baro::collector {

using Answer = absl::StatusOr<net::ServerResponse>;

// query_handlers.cc
Answer InstantQuery(const ApiParts& parts, const net::ServerRequest& request);
Answer RangeQuery(const ApiParts& parts, const net::ServerRequest& request);

// query_log_handlers.cc
Answer Queries(const ApiParts& parts, const net::ServerRequest& request);
Answer CancelQuery(const ApiParts& parts, const net::ServerRequest& request);
Answer TopQueries(const ApiParts& parts, const net::ServerRequest& request);

// explain_handlers.cc
Answer ExplainQuery(const ApiParts& parts, const net::ServerRequest& request);

// exemplar_handlers.cc
Answer Exemplars(const ApiParts& parts, const net::ServerRequest& request);

// expression_handlers.cc
Answer FormatQuery(const ApiParts& parts, const net::ServerRequest& request);
Answer ParseQuery(const ApiParts& parts, const net::ServerRequest& request);

// series_handlers.cc
Answer SeriesList(const ApiParts& parts, const net::ServerRequest& request);
Answer LabelNames(const ApiParts& parts, const net::ServerRequest& request);
Answer LabelValues(const ApiParts& parts, const net::ServerRequest& request);
Answer MetricMetadata(const ApiParts& parts, const net::ServerRequest& request);

// target_handlers.cc
Answer Targets(const ApiParts& parts, const net::ServerRequest& request);
Answer RelabelSteps(const ApiParts& parts, const net::ServerRequest& request);
Answer TargetsMetadata(const ApiParts& parts, const net::ServerRequest& request);
Answer ScrapePools(const ApiParts& parts, const net::ServerRequest& request);
Answer Agents(const ApiParts& parts, const net::ServerRequest& request);

// status_handlers.cc
Answer BuildInformation(const ApiParts& parts, const net::ServerRequest& request);
Answer TsdbStatus(const ApiParts& parts, const net::ServerRequest& request);
Answer CardinalityStatus(const ApiParts& parts, const net::ServerRequest& request);
Answer ConfigStatus(const ApiParts& parts, const net::ServerRequest& request);
Answer FlagsStatus(const ApiParts& parts, const net::ServerRequest& request);
Answer RuntimeStatus(const ApiParts& parts, const net::ServerRequest& request);
Answer ReplayStatus(const ApiParts& parts, const net::ServerRequest& request);
Answer TsdbBlocks(const ApiParts& parts, const net::ServerRequest& request);
Answer SelfMetricsStatus(const ApiParts& parts, const net::ServerRequest& request);
Answer Notifications(const ApiParts& parts, const net::ServerRequest& request);
Answer BaroStatus(const ApiParts& parts, const net::ServerRequest& request);

// feature_handlers.cc
Answer Features(const ApiParts& parts, const net::ServerRequest& request);

// openapi.cc
Answer OpenApi(const ApiParts& parts, const net::ServerRequest& request);

// admin_handlers.cc
Answer DeleteSeries(const ApiParts& parts, const net::ServerRequest& request);
Answer CleanTombstones(const ApiParts& parts, const net::ServerRequest& request);
Answer TakeSnapshot(const ApiParts& parts, const net::ServerRequest& request);
Answer CountDelete(const ApiParts& parts, const net::ServerRequest& request);
Answer BackUp(const ApiParts& parts, const net::ServerRequest& request);
Answer VerifyStore(const ApiParts& parts, const net::ServerRequest& request);

}  // namespace baro::collector
