// Explain: what a query would cost, before anybody runs it. Series are counted in the index;
// samples are estimated from it, so no sample is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/promql/engine.h"

namespace baro::promql {

// start == end and step 0: an instant query.
struct ExplainTimes {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
};

struct PlanNode {
  std::string node;        // "Aggregation"
  std::string text;        // "sum by (job)"
  std::string expression;  // with all below it
  int64_t series = 0;      // rows it would give
  int64_t samples = 0;     // it would look at, once for each step that sees them
  std::vector<PlanNode> children = {};
};

struct Explanation {
  std::string query;          // canonical
  int64_t series = 0;         // found by all selectors together
  int64_t samples = 0;        // looked at, as QueryStats::samples_total counts
  int64_t samples_read = 0;   // from the store, about
  int64_t points = 0;         // of the result
  uint64_t memory_bytes = 0;  // at most at once, answer included
  double seconds = 0;         // of one core, about
  bool allowed = true;
  std::string reason;  // which limit is in the way
  PlanNode tree;
  std::vector<std::string> notes;  // what the passes did, what the cache can do, the store's notes
};

// Errors: those of the engine for an expression that cannot be parsed; InvalidArgument for a range
// query of a type that has none; DeadlineExceeded, Cancelled.
absl::StatusOr<Explanation> Explain(const Engine& engine, const model::SeriesSource& source,
                                    std::string_view expression, const ExplainTimes& times,
                                    const QueryOptions& options);

}  // namespace baro::promql
