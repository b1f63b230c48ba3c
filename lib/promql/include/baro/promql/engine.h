// Engine: answers PromQL (the language of Prometheus 3) over any SeriesSource.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/base/memory_budget.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/sample.h"
#include "baro/model/series_source.h"

namespace baro::promql {

class ResultCache;  // result_cache.h

struct EngineOptions {
  int64_t lookback_ms = 5 * 60 * 1000;
  int64_t timeout_ms = 2 * 60 * 1000;
  // Points of one series of a range query; Prometheus' and Grafana's number.
  int64_t points_max = 11'000;
  // Samples that one query may hold in memory at once, as in Prometheus.
  int64_t samples_max = 50'000'000;
  // Series that one selector may find; 0: any number.
  size_t series_max = 0;
  // Bytes that one query may hold, its result and the text of its answer among them; 0: any number.
  uint64_t memory_bytes_max = 0;
  // What queries take of the process's memory; null: no other limit than samples_max.
  base::MemoryBudget* memory = nullptr;
  // Where results of range queries are kept; null: nowhere.
  ResultCache* cache = nullptr;
  const base::Clock* clock = base::RealClock();
};

enum class QueryPhase : uint8_t { kQueued, kEvaluating, kWriting, kDone };

// Where a query is; written by its thread, read by any.
struct QueryProgress {
  std::atomic<QueryPhase> phase{QueryPhase::kQueued};
  std::atomic<int64_t> samples{0};       // looked at so far
  std::atomic<int64_t> samples_peak{0};  // held at once
};

struct QueryOptions {
  int64_t lookback_ms = 0;  // 0: the engine's
  int64_t timeout_ms = 0;   // 0: the engine's; never longer than the engine's
  // Set from any thread to stop the query; checked at least every few milliseconds.
  std::shared_ptr<std::atomic<bool>> cancelled;
  // May be null.
  std::shared_ptr<QueryProgress> progress;
  bool use_cache = true;
  // Samples of each step, and time and samples of each node of the tree: QueryStats::tree. The
  // cache is not asked then, as it has nothing to tell.
  bool detailed_stats = false;
};

struct HistogramPoint {
  int64_t time_ms = 0;
  model::Histogram histogram;
};

// A vector's element has one sample or one histogram.
struct ResultSeries {
  model::Labels labels;
  std::vector<model::Sample> samples;
  std::vector<HistogramPoint> histograms = {};
};

struct Scalar {
  int64_t time_ms = 0;
  double value = 0;
};
struct String {
  int64_t time_ms = 0;
  std::string value;
};
struct Vector {
  std::vector<ResultSeries> elements;
};
struct Matrix {
  std::vector<ResultSeries> series;
};

// What a node of the tree has cost, the nodes below it not included.
struct NodeStats {
  std::string node;        // its kind: "Aggregation"
  std::string text;        // what is its own: "sum by (job)"
  std::string expression;  // with all below it
  int64_t series = 0;      // rows it gave
  int64_t samples = 0;     // looked at
  double seconds = 0;
  std::vector<NodeStats> children;
};

struct QueryStats {
  int64_t samples_total = 0;  // seen by steps; a sample in two steps' windows counts twice
  int64_t samples_peak = 0;
  int64_t samples_read = 0;  // the same, but each step counts only what the one before did not see
  double eval_seconds = 0;   // all of it
  double prepare_seconds = 0;  // parsing and passes
  double sort_seconds = 0;     // ordering the result
  // When asked for: by step, and of the tree.
  std::vector<int64_t> samples_per_step = {};
  std::vector<int64_t> samples_read_per_step = {};
  std::vector<NodeStats> tree = {};  // one root
  int64_t steps_reused = 0;          // of a range query, from the result cache
};

struct QueryResult {
  std::variant<Scalar, String, Vector, Matrix> value;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
  QueryStats stats;
  // What the result takes of the process's memory, until nobody has it any more.
  std::shared_ptr<base::MemoryShare> memory = nullptr;
};

// Errors of both queries, with Prometheus' words and "line:column" of the expression where it has
// them:
//   InvalidArgument    cannot parse, or wrong types (HTTP 400 bad_data)
//   FailedPrecondition cannot execute: many-to-many matching, … (HTTP 422 execution)
//   ResourceExhausted  a limit, which is named (HTTP 422 execution)
//   DeadlineExceeded   timeout (HTTP 503 timeout);  Cancelled (HTTP 503 canceled)
// Thread-safe.
class Engine {
 public:
  explicit Engine(EngineOptions options) : options_(options) {}

  absl::StatusOr<QueryResult> Instant(const model::SeriesSource& source,
                                      std::string_view expression, int64_t time_ms,
                                      const QueryOptions& options) const;
  absl::StatusOr<QueryResult> Range(const model::SeriesSource& source, std::string_view expression,
                                    int64_t start_ms, int64_t end_ms, int64_t step_ms,
                                    const QueryOptions& options) const;

  // For range queries that come over HTTP: a step that is positive and not too many points.
  // Errors: InvalidArgument in Prometheus' words ("exceeded maximum resolution of 11,000 points per
  // timeseries…"; HTTP 400 bad_data). Range() itself is bounded by samples_max only.
  absl::Status CheckPoints(int64_t start_ms, int64_t end_ms, int64_t step_ms) const;

  const EngineOptions& options() const { return options_; }

 private:
  const EngineOptions options_;
};

// Parses a bare selector, as match[] parameters are: up{job="node"}. Errors: InvalidArgument with
// line:column.
absl::StatusOr<std::vector<model::Matcher>> ParseSelector(std::string_view text);

}  // namespace baro::promql
