// Evaluator: walks a prepared tree over a grid of steps. Every node of instant-vector type is a
// producer of rows, which flow into the sink of the node above; nothing is materialised between a
// selector and the aggregation over it. Nodes that must see all rows at once (matching, topk, …)
// hold them in a Table.
#pragma once

#include <functional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/promql/ast.h"
#include "baro/promql/functions.h"
#include "query.h"
#include "rows.h"
#include "window.h"

namespace baro::promql {

// The samples of one series for the windows of all steps; no stale markers.
struct RangeSeries {
  model::LabelsRef labels;
  bool drop_name = false;  // from inside a subquery
  std::span<const int64_t> times_ms;
  std::span<const double> values;
  const WindowBounds* bounds = nullptr;
  // As in model::SeriesView: empty, or as long as `values`.
  std::span<const model::Histogram* const> histograms = {};
  std::span<const int64_t> starts_ms = {};
};

using RangeSink = absl::FunctionRef<absl::Status(const RangeSeries&)>;

// Thread-compatible. One per grid: a subquery evaluates its inner expression with another.
class Evaluator {
 public:
  Evaluator(Query* query, const StepGrid& grid) : query_(query), grid_(grid) {}

  Query& query() { return *query_; }
  const StepGrid& grid() const { return grid_; }

  // Produces the rows of an instant vector. Errors: those of Engine, or what the sink returns.
  absl::Status Rows(const Expr& expr, RowSink sink);
  // The same, held.
  absl::Status Fill(const Expr& expr, Table* table);
  // Evaluates for the errors, warnings and infos alone.
  absl::Status Discard(const Expr& expr);
  // The value of a scalar at every step.
  absl::StatusOr<std::vector<double>> Scalars(const Expr& expr);

  // Produces the series of a range vector with the windows of `spec`, which SpecOf() has made.
  absl::Status Ranges(const Expr& expr, const WindowSpec& spec, RangeSink sink);
  WindowSpec SpecOf(const Expr& range_expr) const;

 private:
  absl::Status UnwatchedRows(const Expr& expr, RowSink sink);
  absl::Status VaryingRows(const Expr& expr, RowSink sink);
  absl::Status InvariantRows(const Expr& expr, RowSink sink);
  absl::Status UnaryRows(const UnaryExpr& unary, RowSink sink);
  absl::Status SelectorRows(const VectorSelector& selector, RowSink sink);
  absl::Status SelectorRanges(const MatrixSelector& matrix, const WindowSpec& spec, RangeSink sink);
  absl::Status SubqueryRanges(const SubqueryExpr& subquery, const WindowSpec& spec, RangeSink sink);
  absl::StatusOr<std::vector<double>> CallScalars(const Call& call);

  Query* const query_;
  const StepGrid grid_;
};

// The samples of the series that `matchers` find within (first_ms, last_ms], as the store has them,
// histograms among them.
using SeriesSink = absl::FunctionRef<absl::Status(model::LabelsRef, const model::SeriesView&)>;
// `newest_only`: of each only the last one is looked at.
absl::Status ReadSeries(Query* query, const std::vector<model::Matcher>& matchers, int64_t first_ms,
                        int64_t last_ms, SeriesSink sink, bool newest_only = false);

// The windows of an instant selector: as long as the lookback.
WindowSpec InstantSpec(const VectorSelector& selector, const StepGrid& grid, int64_t lookback_ms);

// Where Prometheus shows what a node has to say of an argument: inside its parentheses. It loses
// the place of a subquery, whose notes are shown at the beginning of the query.
NotePlace NoteOn(const Expr& arg, Place node);

// One function per node kind or family of functions; each in the file of its name.
absl::Status BinaryRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink);
absl::Status MatchedRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink);
absl::Status SetRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink);
absl::Status AggregateRows(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink);
absl::Status SelectingRows(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink);
absl::Status CountValuesRows(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink);
absl::Status CallRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status RangeCallRows(Evaluator* evaluator, const Call& call, RowSink sink);
// The samples of an anchored or smoothed range vector as an instant query shows them: between the
// ends of the range, with a sample at each. Errors: FailedPrecondition (histograms).
absl::Status ExtendedRanges(Evaluator* evaluator, const MatrixSelector& matrix, RangeSink sink);
absl::Status ExtendedRateRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status AbsentRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status TimestampRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status SmoothedRows(Evaluator* evaluator, const VectorSelector& selector, RowSink sink);
absl::Status DateRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status SortRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status LabelReplaceRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status LabelJoinRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status InfoRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status HistogramValueRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status BucketQuantileRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status BucketQuantilesRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status BucketFractionRows(Evaluator* evaluator, const Call& call, RowSink sink);

}  // namespace baro::promql
