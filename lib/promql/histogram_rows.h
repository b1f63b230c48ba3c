// Native histograms beside the rows of floats.
//
// Rows are doubles and stay so. When the reading of a selector has met histograms, the same
// expression is walked a second time for them, by the few kinds of nodes that make histograms of
// histograms; a query over floats alone never pays. What nobody takes is said in an info.
#pragma once

#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "baro/model/histogram.h"
#include "evaluator.h"

namespace baro::promql {

// As Row; null where a step has no histogram. Valid during the call only.
struct HistogramRow {
  model::LabelsRef labels;
  bool drop_name = false;
  std::span<const model::Histogram* const> histograms;
};
using HistogramSink = absl::FunctionRef<absl::Status(const HistogramRow&)>;

// The histograms of an instant vector: of selectors, rate(), increase() and delta() of them, sum
// and avg of those, and any of it negated, times or by a scalar. Nothing for other expressions.
absl::Status HistogramRows(Evaluator* evaluator, const Expr& expr, HistogramSink sink);

// Whether HistogramRows() knows the kind of expression.
bool MayBeHistograms(const Expr& expr);

// Evaluates floats with `floats`, then, when those have met histograms and the expression may be
// some, `histograms`. Between them nothing that was met is left over.
absl::Status WithHistograms(Evaluator* evaluator, const Expr& expr,
                            absl::FunctionRef<absl::Status()> floats, HistogramSink histograms);

// histogram_count, _sum, _avg, _stddev, _stdvar; they leave floats out.
absl::Status HistogramValueRows(Evaluator* evaluator, const Call& call, RowSink sink);
// histogram_quantile and histogram_fraction, of classic and of native histograms.
absl::Status HistogramQuantileRows(Evaluator* evaluator, const Call& call, RowSink sink);
absl::Status HistogramFractionRows(Evaluator* evaluator, const Call& call, RowSink sink);

// The windows of a range vector with their histograms as they lie, for an instant query for them.
struct HistogramSamples {
  model::LabelsRef labels;
  std::span<const int64_t> times_ms;
  std::span<const model::Histogram* const> histograms;  // null where there is none
};
absl::Status HistogramRanges(Evaluator* evaluator, const MatrixSelector& matrix,
                             absl::FunctionRef<absl::Status(const HistogramSamples&)> sink);

}  // namespace baro::promql
