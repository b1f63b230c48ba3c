// Range queries through the result cache: what of a kept result still holds, what is evaluated, and
// how the two become one answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "baro/promql/engine.h"
#include "baro/promql/result_cache.h"
#include "passes.h"
#include "reach.h"

namespace baro::promql {

// Immutable. A result without a warning, an info or a histogram.
struct CachedRange {
  uint64_t version = 0;  // of the source, before the evaluation of any of its steps
  Reach reach;
  QueryTimes times;                  // end_ms is the last step
  uint64_t fingerprint = 0;          // RowOrder's; only when reach.order_matters
  std::vector<ResultSeries> series;  // by labels
  uint64_t bytes = 0;
};

// What an evaluation tells beside its result.
struct Provenance {
  Reach reach;
  uint64_t fingerprint = 0;
  bool histograms = false;    // some were read
  bool order_varies = false;  // the store's order is of this range alone
};

// Evaluates the query's expression over a range.
using EvaluateRange =
    absl::FunctionRef<absl::StatusOr<QueryResult>(const QueryTimes&, Provenance*)>;

struct CachedQuery {
  const model::SeriesSource* source = nullptr;
  std::string_view expression;
  int64_t lookback_ms = 0;
  QueryTimes times;
  base::MemoryBudget* memory = nullptr;  // for the result; null: no limit
};

// What `evaluate` gives for the query's times, bit for bit but for its stats. Errors: those of
// `evaluate`; ResourceExhausted when the process has no memory left for the result.
absl::StatusOr<QueryResult> RangeThroughCache(ResultCache* cache, const CachedQuery& query,
                                              EvaluateRange evaluate);

}  // namespace baro::promql
