// The order of a result's series.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "baro/promql/engine.h"
#include "query.h"

namespace baro::promql {

// By labels, looking now and then at whether anybody waits: a million label sets take seconds.
// Errors: DeadlineExceeded, Cancelled; the list is then in no order.
absl::Status SortByLabels(const Query& query, std::vector<ResultSeries>* series);

}  // namespace baro::promql
