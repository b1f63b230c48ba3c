#include "baro/promql/engine.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/parse.h"
#include "cached_range.h"
#include "evaluator.h"
#include "group_keys.h"
#include "histogram_rows.h"
#include "reach.h"
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

void SortByLabels(std::vector<ResultSeries>* series) {
  std::sort(series->begin(), series->end(),
            [](const ResultSeries& a, const ResultSeries& b) { return a.labels < b.labels; });
}

// The histograms of a result, row by row.
class HeldHistograms {
 public:
  HeldHistograms(Query* query, const StepGrid& grid) : query_(query), grid_(grid) {}

  absl::Status Add(const HistogramRow& row) {
    Held held{row.labels, row.drop_name, {}};
    for (size_t step = 0; step < row.histograms.size(); ++step) {
      const model::Histogram* histogram = row.histograms[step];
      if (histogram == nullptr) continue;
      BARO_TRY(query_->Hold(kFloatsPerHistogram + histogram->positive.size() +
                            histogram->negative.size()));
      held.points.push_back({grid_.Time(step), *histogram});
    }
    if (!held.points.empty()) rows_.push_back(std::move(held));
    return absl::OkStatus();
  }

  // Puts them beside the floats of the same labels. Where there are both at one time there is
  // neither. Errors: FailedPrecondition (two histograms at one time).
  absl::Status JoinInto(std::vector<ResultSeries>* result) {
    if (rows_.empty()) return absl::OkStatus();
    HalfProjection nameless(query_,
                            {false, {std::string(model::kMetricName), "__type__", "__unit__"}});
    std::map<model::Labels, size_t> known;
    for (size_t i = 0; i < result->size(); ++i) known.emplace((*result)[i].labels, i);
    for (Held& row : rows_) {
      const auto labels = (row.drop_name ? nameless.Apply(row.labels) : row.labels).Merge();
      const auto [it, inserted] = known.emplace(labels, result->size());
      if (inserted) result->push_back({labels, {}, {}});
      BARO_TRY(Join(std::move(row.points), &(*result)[it->second]));
    }
    std::erase_if(*result, [](const ResultSeries& series) {
      return series.samples.empty() && series.histograms.empty();
    });
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kFloatsPerHistogram = 8;
  struct Held {
    model::LabelsRef labels;
    bool drop_name = false;
    std::vector<HistogramPoint> points;
  };

  absl::Status Join(std::vector<HistogramPoint> points, ResultSeries* series) {
    const auto earlier = [](const auto& a, const auto& b) { return a.time_ms < b.time_ms; };
    auto& all = series->histograms;
    for (HistogramPoint& point : points) all.push_back(std::move(point));
    std::sort(all.begin(), all.end(), earlier);
    const auto twice = std::adjacent_find(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.time_ms == b.time_ms;
    });
    if (twice != all.end()) {
      return absl::FailedPreconditionError("vector cannot contain metrics with the same labelset");
    }
    const auto is_float = [series, earlier](const HistogramPoint& point) {
      return std::binary_search(series->samples.begin(), series->samples.end(),
                                model::Sample{point.time_ms, 0}, earlier);
    };
    std::vector<int64_t> mixed;
    for (const HistogramPoint& point : all) {
      if (is_float(point)) mixed.push_back(point.time_ms);
    }
    if (mixed.empty()) return absl::OkStatus();
    query_->annotations().Warn(
        "PromQL warning: encountered a mix of histograms and floats for aggregation");
    const auto is_mixed = [&mixed](const auto& point) {
      return std::binary_search(mixed.begin(), mixed.end(), point.time_ms);
    };
    std::erase_if(all, is_mixed);
    std::erase_if(series->samples, is_mixed);
    return absl::OkStatus();
  }

  Query* const query_;
  const StepGrid grid_;
  std::vector<Held> rows_;
};

Vector ToVector(const StepGrid& grid, Table* table) {
  Vector vector;
  vector.elements.reserve(table->size());
  for (size_t i = 0; i < table->size(); ++i) {
    const double value = table->values(i)[0];
    if (IsAbsent(value)) continue;
    vector.elements.push_back({table->labels(i).Merge(), {{grid.start_ms, value}}, {}});
  }
  return vector;
}

Matrix ToMatrix(const StepGrid& grid, Table* table) {
  Matrix matrix;
  matrix.series.reserve(table->size());
  for (size_t i = 0; i < table->size(); ++i) {
    ResultSeries series;
    const std::span<const double> values = table->values(i);
    const auto absent = std::count_if(values.begin(), values.end(), IsAbsent);
    series.samples.reserve(grid.count - static_cast<size_t>(absent));
    for (size_t step = 0; step < grid.count; ++step) {
      if (!IsAbsent(values[step])) series.samples.push_back({grid.Time(step), values[step]});
    }
    if (series.samples.empty()) continue;
    series.labels = table->labels(i).Merge();
    matrix.series.push_back(std::move(series));
  }
  return matrix;
}

// Histograms of a range vector, beside its floats.
absl::Status AddRawHistograms(Query* query, Evaluator* evaluator, const MatrixSelector& selector,
                              std::vector<ResultSeries>* result) {
  std::map<model::Labels, size_t> known;
  for (size_t i = 0; i < result->size(); ++i) known.emplace((*result)[i].labels, i);
  return HistogramRanges(evaluator, selector, [&](const HistogramSamples& samples) {
    const auto [it, inserted] = known.emplace(samples.labels.Merge(), result->size());
    if (inserted) result->push_back({samples.labels.Merge(), {}, {}});
    for (size_t i = 0; i < samples.histograms.size(); ++i) {
      const model::Histogram* histogram = samples.histograms[i];
      if (histogram == nullptr) continue;
      BARO_TRY(query->Hold(histogram->positive.size() + histogram->negative.size() + 1));
      (*result)[it->second].histograms.push_back({samples.times_ms[i], *histogram});
    }
    return absl::OkStatus();
  });
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
      series.samples.push_back({range.times_ms[i], range.values[i]});
    }
    matrix.series.push_back(std::move(series));
    return absl::OkStatus();
  };
  const size_t met = query->histograms_met();
  BARO_TRY(evaluator->Ranges(expr, spec, take));
  const Expr& selector = Unwrap(expr);
  if (query->histograms_met() > met && selector.kind == Expr::Kind::kMatrixSelector) {
    query->TakeHistograms(met);
    BARO_TRY(AddRawHistograms(query, evaluator, As<MatrixSelector>(selector), &matrix.series));
  }
  SortByLabels(&matrix.series);
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
        query_(source, LimitsOf(engine, options), times, text) {}

  absl::StatusOr<QueryResult> Instant();
  // `provenance` may be null.
  absl::StatusOr<QueryResult> Range(Provenance* provenance);

 private:
  absl::Status Parse() {
    BARO_TRY_ASSIGN(expr_, ParseExpression(text_));
    return absl::OkStatus();
  }
  absl::Status Evaluate(Evaluator* evaluator, Table* table, HeldHistograms* histograms) {
    BARO_TRY(WithHistograms(
        evaluator, *expr_, [&] { return evaluator->Fill(*expr_, table); },
        [&](const HistogramRow& row) { return histograms->Add(row); }));
    return DropNames(&query_, table);
  }
  QueryResult Finish(QueryResult result) {
    query_.WarnOfWhatWasRead();
    for (const std::string& metric : query_.ignored_histograms()) {
      query_.annotations().IgnoredHistograms(metric);
    }
    result.warnings = query_.annotations().Warnings();
    result.infos = query_.annotations().Infos();
    result.stats.samples_total = query_.samples_total();
    result.stats.samples_peak = query_.samples_peak();
    result.stats.eval_seconds = static_cast<double>(clock_->MonotonicNs() - begin_ns_) / 1e9;
    return result;
  }

  const base::Clock* const clock_;
  const int64_t begin_ns_;
  const QueryTimes times_;
  const std::string_view text_;
  ExprPtr expr_;
  Query query_;
};

absl::StatusOr<QueryResult> Run::Instant() {
  BARO_TRY(Parse());
  BARO_TRY(Prepare(times_, &expr_));
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
      HeldHistograms histograms(&query_, grid);
      BARO_TRY(Evaluate(&evaluator, &table, &histograms));
      Vector vector = ToVector(grid, &table);
      BARO_TRY(histograms.JoinInto(&vector.elements));
      result.value = std::move(vector);
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
  BARO_TRY(Prepare(times_, &expr_));
  RowOrder order;
  if (provenance != nullptr) {
    provenance->reach = ReachOf(*expr_, query_.lookback_ms());
    if (provenance->reach.provable() && provenance->reach.order_matters) query_.set_watch(&order);
  }
  StepGrid grid{times_.start_ms, times_.step_ms, 1};
  grid.count = static_cast<size_t>((times_.end_ms - times_.start_ms) / times_.step_ms) + 1;
  Evaluator evaluator(&query_, grid);
  QueryResult result;
  Table table(&query_, grid.count);
  HeldHistograms histograms(&query_, grid);
  if (expr_->type == ValueType::kScalar) {
    BARO_TRY_ASSIGN(std::vector<double> values, evaluator.Scalars(*expr_));
    BARO_TRY(table.Add({NoLabelsRef(), false, values}));
  } else {
    BARO_TRY(Evaluate(&evaluator, &table, &histograms));
  }
  Matrix matrix = ToMatrix(grid, &table);
  BARO_TRY(histograms.JoinInto(&matrix.series));
  SortByLabels(&matrix.series);
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
