// sum and avg of native histograms, beside those of floats.
#pragma once

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "evaluator.h"
#include "histogram_row.h"
#include "histogram_sum.h"

namespace baro::promql {

// The histograms of the groups of one aggregation. Costs nothing while there are none.
// Thread-compatible.
class HistogramGroups {
 public:
  HistogramGroups(Query* query, const AggregateExpr& aggregate, size_t steps)
      : query_(query),
        place_(NoteOn(*aggregate.inner, aggregate.place)),
        average_(aggregate.op == AggregateOp::kAvg),
        steps_(steps) {}
  ~HistogramGroups() { query_->Release(held_); }
  HistogramGroups(const HistogramGroups&) = delete;
  HistogramGroups& operator=(const HistogramGroups&) = delete;

  // Adds the histograms of a row; the row is left with its floats. `has_float` tells whether the
  // group has had a float at a step: then there will be no result, and nothing is added up or said
  // of it. Errors: ResourceExhausted.
  using HasFloat = absl::FunctionRef<bool(size_t step)>;
  absl::Status Take(size_t group, HasFloat has_float, Row* row);

  bool Has(size_t group) const { return group < groups_.size() && !groups_[group].empty(); }
  // The group's row, given what its floats have become. Where both were there is neither.
  Row Finish(size_t group, std::span<const double> floats, model::LabelsRef labels, bool drop_name);

 private:
  struct Cell {
    std::unique_ptr<HistogramSum> sum;
    std::unique_ptr<HistogramMean> mean;
    bool reset = false;
    bool not_reset = false;
    bool incompatible = false;
    bool with_float = false;  // a float was there when nothing more was added

    bool empty() const { return sum == nullptr && mean == nullptr; }
  };

  absl::Status AddTo(model::LabelsRef labels, const model::Histogram& histogram, Cell* cell);

  Query* const query_;
  const NotePlace place_;
  const bool average_;
  const size_t steps_;
  std::vector<std::vector<Cell>> groups_;
  std::unique_ptr<MixedRow> row_;
  size_t held_ = 0;
};

}  // namespace baro::promql
