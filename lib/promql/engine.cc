#include "baro/promql/engine.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/parse.h"
#include "cached_range.h"
#include "evaluator.h"
#include "group_keys.h"
#include "histogram_row.h"
#include "reach.h"
#include "result_order.h"
#include "watch.h"

namespace baro::promql {
namespace {

Query::Limits LimitsOf(const EngineOptions& engine, const QueryOptions& options) {
  const int64_t timeout_ms =
      options.timeout_ms > 0 ? std::min(options.timeout_ms, engine.timeout_ms) : engine.timeout_ms;
  Query::Limits limits;
  limits.lookback_ms = options.lookback_ms > 0 ? options.lookback_ms : engine.lookback_ms;
  limits.samples_max = engine.samples_max;
  limits.clock = engine.clock;
  limits.deadline_ns = engine.clock->MonotonicNs() + timeout_ms * 1'000'000;
  limits.cancelled = options.cancelled.get();
  limits.memory = engine.memory;
  limits.series_max = engine.series_max;
  limits.memory_bytes_max = engine.memory_bytes_max;
  limits.progress = options.progress.get();
  return limits;
}

// The names that operations have marked go away; series that then look alike are an error unless
// they take turns.
absl::Status DropNames(Query* query, Table* table) {
  HalfProjection nameless(query,
                          {false, {std::string(model::kMetricName), "__type__", "__unit__"}});
  for (size_t i = 0; i < table->size(); ++i) {
    if (table->drop_name(i)) table->set_labels(i, nameless.Apply(table->labels(i)));
    table->set_drop_name(i, false);
  }
  return table->MergeEqual();
}

// Rows made into series between two looks at whether anybody waits.
constexpr size_t kRowsPerCheck = 1'024;
constexpr size_t kSamplesPerCheck = 64 * 1024;

absl::StatusOr<Vector> ToVector(Query* query, const StepGrid& grid, Table* table) {
  Vector vector;
  BARO_TRY(query->HoldResult(table->size() * (sizeof(ResultSeries) + sizeof(model::Sample))));
  vector.elements.reserve(table->size());
  for (size_t i = 0; i < table->size(); ++i) {
    if (i % kRowsPerCheck == 0) BARO_TRY(query->CheckAlive());
    const double value = table->values(i)[0];
    if (IsAbsent(value)) continue;
    ResultSeries& element = vector.elements.emplace_back();
    element.labels = table->labels(i).Merge();
    if (const HistogramPtr& histogram = table->histogram(i, 0)) {
      element.histograms.push_back({grid.start_ms, *histogram});
    } else {
      element.samples.push_back({grid.start_ms, value});
    }
  }
  return vector;
}

absl::StatusOr<Matrix> ToMatrix(Query* query, const StepGrid& grid, Table* table) {
  Matrix matrix;
  const uint64_t samples = table->size() * grid.count;
  BARO_TRY(
      query->HoldResult(table->size() * sizeof(ResultSeries) + samples * sizeof(model::Sample)));
  matrix.series.reserve(table->size());
  for (size_t i = 0; i < table->size(); ++i) {
    if (i * grid.count % kSamplesPerCheck < grid.count) BARO_TRY(query->CheckAlive());
    ResultSeries series;
    const std::span<const double> values = table->values(i);
    const auto absent = std::count_if(values.begin(), values.end(), IsAbsent);
    series.samples.reserve(grid.count - static_cast<size_t>(absent));
    for (size_t step = 0; step < grid.count; ++step) {
      if (IsAbsent(values[step])) continue;
      if (model::IsHistogramMark(values[step])) [[unlikely]] {
        series.histograms.push_back({grid.Time(step), *table->histogram(i, step)});
        continue;
      }
      series.samples.push_back({grid.Time(step), values[step]});
    }
    if (series.samples.empty() && series.histograms.empty()) continue;
    series.labels = table->labels(i).Merge();
    matrix.series.push_back(std::move(series));
  }
  return matrix;
}

// A range vector itself, as an instant query may ask for: the samples as they are.
absl::StatusOr<Matrix> RawRange(Query* query, Evaluator* evaluator, const Expr& expr) {
  Matrix matrix;
  const WindowSpec spec = evaluator->SpecOf(expr);
  HalfProjection nameless(query,
                          {false, {std::string(model::kMetricName), "__type__", "__unit__"}});
  const auto take = [&](const RangeSeries& range) {
    const size_t first = range.bounds->first[0];
    const size_t count = range.bounds->last[0] - first;
    BARO_TRY(query->Hold(count));
    ResultSeries series;
    series.labels = (range.drop_name ? nameless.Apply(range.labels) : range.labels).Merge();
    series.samples.reserve(count);
    for (size_t i = first; i < first + count; ++i) {
      if (!range.histograms.empty() && range.histograms[i] != nullptr) [[unlikely]] {
        BARO_TRY(query->Hold(SamplesOf(*range.histograms[i])));
        series.histograms.push_back({range.times_ms[i], *range.histograms[i]});
        continue;
      }
      series.samples.push_back({range.times_ms[i], range.values[i]});
    }
    matrix.series.push_back(std::move(series));
    return absl::OkStatus();
  };
  const Expr& selector = Unwrap(expr);
  const bool extended = selector.kind == Expr::Kind::kMatrixSelector &&
                        (As<MatrixSelector>(selector).selector->anchored ||
                         As<MatrixSelector>(selector).selector->smoothed);
  BARO_TRY(extended ? ExtendedRanges(evaluator, As<MatrixSelector>(selector), take)
                    : evaluator->Ranges(expr, spec, take));
  BARO_TRY(SortByLabels(*query, &matrix.series));
  for (size_t i = 1; i < matrix.series.size(); ++i) {
    if (matrix.series[i].labels == matrix.series[i - 1].labels) {
      return absl::FailedPreconditionError("vector cannot contain metrics with the same labelset");
    }
  }
  return matrix;
}

class Run {
 public:
  Run(const model::SeriesSource& source, const EngineOptions& engine, const QueryOptions& options,
      const QueryTimes& times, std::string_view text)
      : clock_(engine.clock),
        begin_ns_(engine.clock->MonotonicNs()),
        times_(times),
        text_(text),
        detailed_(options.detailed_stats),
        query_(source, LimitsOf(engine, options), times, text),
        costs_(&query_, engine.clock) {}

  absl::StatusOr<QueryResult> Instant();
  // `provenance` may be null.
  absl::StatusOr<QueryResult> Range(Provenance* provenance);

 private:
  absl::Status Parse() {
    BARO_TRY_ASSIGN(expr_, ParseExpression(text_));
    return absl::OkStatus();
  }
  double Seconds() const { return static_cast<double>(clock_->MonotonicNs() - begin_ns_) / 1e9; }
  absl::Status PrepareFor(size_t steps) {
    BARO_TRY(Prepare(times_, &expr_));
    prepare_seconds_ = Seconds();
    if (!detailed_) return absl::OkStatus();
    query_.CountInDetail(steps);
    query_.set_watch(&costs_);
    return absl::OkStatus();
  }
  absl::Status Evaluate(Evaluator* evaluator, Table* table) {
    BARO_TRY(evaluator->Fill(*expr_, table));
    return DropNames(&query_, table);
  }
  QueryResult Finish(QueryResult result) {
    query_.WarnOfWhatWasRead();
    result.warnings = query_.annotations().Warnings();
    result.infos = query_.annotations().Infos();
    result.stats.samples_total = query_.samples_total();
    result.stats.samples_peak = query_.samples_peak();
    result.stats.eval_seconds = Seconds();
    result.stats.prepare_seconds = prepare_seconds_;
    result.stats.sort_seconds = sort_seconds_;
    result.memory = query_.TakeResultMemory();
    // Which of them a step before has seen is not counted unless somebody asks.
    result.stats.samples_read = query_.samples_looked_at();
    if (!detailed_) return result;
    result.stats.samples_read = query_.samples_read();
    result.stats.samples_per_step = query_.samples_per_step();
    result.stats.samples_read_per_step = query_.samples_read_per_step();
    result.stats.tree.push_back(costs_.Tree(*expr_));
    return result;
  }

  const base::Clock* const clock_;
  const int64_t begin_ns_;
  const QueryTimes times_;
  const std::string_view text_;
  const bool detailed_;
  ExprPtr expr_;
  Query query_;
  NodeCosts costs_;
  double prepare_seconds_ = 0;
  double sort_seconds_ = 0;
};

absl::StatusOr<QueryResult> Run::Instant() {
  BARO_TRY(Parse());
  BARO_TRY(PrepareFor(1));
  const StepGrid grid{times_.start_ms, 1, 1};
  Evaluator evaluator(&query_, grid);
  QueryResult result;
  switch (expr_->type) {
    case ValueType::kString:
      result.value = String{grid.start_ms, As<StringLiteral>(Unwrap(*expr_)).value};
      break;
    case ValueType::kScalar: {
      BARO_TRY_ASSIGN(const std::vector<double> values, evaluator.Scalars(*expr_));
      result.value = Scalar{grid.start_ms, values[0]};
      break;
    }
    case ValueType::kMatrix: {
      BARO_TRY_ASSIGN(result.value, RawRange(&query_, &evaluator, *expr_));
      break;
    }
    default: {
      Table table(&query_, 1);
      BARO_TRY(Evaluate(&evaluator, &table));
      BARO_TRY_ASSIGN(result.value, ToVector(&query_, grid, &table));
      break;
    }
  }
  return Finish(std::move(result));
}

absl::StatusOr<QueryResult> Run::Range(Provenance* provenance) {
  BARO_TRY(Parse());
  if (expr_->type != ValueType::kScalar && expr_->type != ValueType::kVector) {
    return absl::InvalidArgumentError(
        base::StrCat("invalid expression type \"", ValueTypeName(expr_->type),
                     "\" for range query, must be Scalar or instant Vector"));
  }
  StepGrid grid{times_.start_ms, times_.step_ms, 1};
  grid.count = static_cast<size_t>((times_.end_ms - times_.start_ms) / times_.step_ms) + 1;
  grid.left_over_ms = times_.end_ms - grid.EndMs();
  BARO_TRY(PrepareFor(grid.count));
  RowOrder order(*expr_);
  if (provenance != nullptr) {
    provenance->reach = ReachOf(*expr_, query_.lookback_ms());
    if (provenance->reach.provable() && provenance->reach.order_matters) query_.set_watch(&order);
  }
  Evaluator evaluator(&query_, grid);
  QueryResult result;
  Table table(&query_, grid.count);
  if (expr_->type == ValueType::kScalar) {
    BARO_TRY_ASSIGN(std::vector<double> values, evaluator.Scalars(*expr_));
    BARO_TRY(table.Add({NoLabelsRef(), false, values}));
  } else {
    BARO_TRY(Evaluate(&evaluator, &table));
  }
  BARO_TRY_ASSIGN(Matrix matrix, ToMatrix(&query_, grid, &table));
  const double sorting_since = Seconds();
  BARO_TRY(SortByLabels(query_, &matrix.series));
  sort_seconds_ = Seconds() - sorting_since;
  result.value = std::move(matrix);
  if (provenance != nullptr) {
    provenance->fingerprint = order.fingerprint();
    provenance->histograms = query_.saw_histograms();
    provenance->order_varies = query_.order_varies();
  }
  return Finish(std::move(result));
}

}  // namespace

absl::StatusOr<QueryResult> Engine::Instant(const model::SeriesSource& source,
                                            std::string_view expression, int64_t time_ms,
                                            const QueryOptions& options) const {
  const int64_t time = std::clamp(time_ms, -kTimeMsLimit, kTimeMsLimit);
  return Run(source, options_, options, {time, time, 0}, expression).Instant();
}

absl::StatusOr<QueryResult> Engine::Range(const model::SeriesSource& source,
                                          std::string_view expression, int64_t start_ms,
                                          int64_t end_ms, int64_t step_ms,
                                          const QueryOptions& options) const {
  if (step_ms <= 0) {
    return absl::InvalidArgumentError(
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  start_ms = std::clamp(start_ms, -kTimeMsLimit, kTimeMsLimit);
  end_ms = std::clamp(end_ms, -kTimeMsLimit, kTimeMsLimit);
  if (end_ms < start_ms) return QueryResult{Matrix{}, {}, {}, {}};
  // A step is a value in memory even when the result is one series.
  if ((end_ms - start_ms) / step_ms >= options_.samples_max) {
    return absl::ResourceExhaustedError(base::StrCat(
        "query processing would load too many samples into memory in query execution: more than ",
        options_.samples_max, " (--query.max-samples)"));
  }
  const QueryTimes times{start_ms, end_ms, step_ms};
  if (options_.cache == nullptr || !options.use_cache || options.detailed_stats) {
    return Run(source, options_, options, times, expression).Range(nullptr);
  }
  const int64_t lookback_ms = options.lookback_ms > 0 ? options.lookback_ms : options_.lookback_ms;
  return RangeThroughCache(
      options_.cache, {&source, expression, lookback_ms, times, options_.memory},
      [&](const QueryTimes& part, Provenance* provenance) {
        return Run(source, options_, options, part, expression).Range(provenance);
      });
}

absl::Status Engine::CheckPoints(int64_t start_ms, int64_t end_ms, int64_t step_ms) const {
  if (step_ms <= 0) {
    return absl::InvalidArgumentError(
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if ((end_ms - start_ms) / step_ms <= options_.points_max) return absl::OkStatus();
  std::string limit = std::to_string(options_.points_max);
  for (size_t i = limit.size(); i > 3; i -= 3) limit.insert(i - 3, ",");
  return absl::InvalidArgumentError(
      base::StrCat("exceeded maximum resolution of ", limit,
                   " points per timeseries. Try decreasing the query resolution (?step=XX)"));
}

}  // namespace baro::promql
