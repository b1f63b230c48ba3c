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

struct EngineOptions {
  int64_t lookback_ms = 5 * 60 * 1000;
  int64_t timeout_ms = 2 * 60 * 1000;
  // Points of one series of a range query; Prometheus' and Grafana's number.
  int64_t points_max = 11'000;
  // Samples that one query may hold in memory at once, as in Prometheus.
  int64_t samples_max = 50'000'000;
  // What queries take of the process's memory; null: no other limit than samples_max.
  base::MemoryBudget* memory = nullptr;
  const base::Clock* clock = base::RealClock();
};

struct QueryOptions {
  int64_t lookback_ms = 0;  // 0: the engine's
  int64_t timeout_ms = 0;   // 0: the engine's; never longer than the engine's
  // Set from any thread to stop the query; checked at least every few milliseconds.
  std::shared_ptr<std::atomic<bool>> cancelled;
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

struct QueryStats {
  int64_t samples_total = 0;
  int64_t samples_peak = 0;
  double eval_seconds = 0;
};

struct QueryResult {
  std::variant<Scalar, String, Vector, Matrix> value;
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
  QueryStats stats;
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
