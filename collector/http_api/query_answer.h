// The result of a query as an answer: JSON straight into the blocks that are sent, within the
// query's memory, and given up when nobody waits for it.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"
#include "baro/net/http_message.h"
#include "baro/promql/engine.h"
#include "http_api/answer.h"
#include "http_api/query_stats_json.h"

namespace baro::collector {

struct AnswerShape {
  size_t limit = 0;  // of series; 0: none
  // Null: without stats. Refers to the stats of the result it is given with.
  bool with_stats = false;
  bool detailed = false;
  double queue_seconds = 0;
  int64_t start_ms = 0;
  int64_t step_ms = 0;
  Notes notes = {};  // beside those of the result
};

struct AnswerBounds {
  base::MemoryBudget* memory = nullptr;  // null: no limit
  uint64_t bytes_max = 0;                // result and text together; 0: no limit
  const std::atomic<bool>* cancelled = nullptr;
};

// Errors: Cancelled; ResourceExhausted (the limit is named).
absl::StatusOr<net::ServerResponse> ResultAnswer(promql::QueryResult result,
                                                 const AnswerShape& shape,
                                                 const AnswerBounds& bounds);

}  // namespace baro::collector
