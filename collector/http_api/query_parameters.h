// The parameters that say which steps a query is evaluated at.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "http_api/api.h"
#include "http_api/parameters.h"

namespace baro::collector {

struct RangeParameters {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
};

// start, end and step, in Prometheus' words when they are wrong. Errors: InvalidArgument.
absl::StatusOr<RangeParameters> RangeOf(const Parameters& parameters);
// Not more points than a range query may have. Errors: InvalidArgument.
absl::Status CheckPoints(const ApiParts& parts, const RangeParameters& range);

}  // namespace baro::collector
