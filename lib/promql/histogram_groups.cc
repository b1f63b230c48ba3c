#include "histogram_groups.h"

#include "baro/base/status.h"

namespace baro::promql {

using model::Histogram;
using model::ResetHint;

absl::Status HistogramGroups::Take(size_t group, HasFloat has_float, Row* row) {
  for (size_t step = 0; step < steps_; ++step) {
    const HistogramPtr* const histogram = HistogramAt(*row, step);
    if (histogram == nullptr) continue;
    if (group >= groups_.size()) groups_.resize(group + 1);
    if (groups_[group].empty()) groups_[group].resize(steps_);
    Cell* const cell = &groups_[group][step];
    const bool done = cell->incompatible;
    const bool after_float = cell->empty() && has_float(step);
    BARO_TRY(AddTo(row->labels, **histogram, cell));
    cell->incompatible |= after_float;
    if (!done && cell->incompatible) cell->with_float = has_float(step);
  }
  DropHistograms(row);
  return absl::OkStatus();
}

absl::Status HistogramGroups::AddTo(model::LabelsRef labels, const Histogram& histogram,
                                    Cell* cell) {
  if (cell->incompatible) return absl::OkStatus();
  cell->reset |= histogram.reset_hint == ResetHint::kReset;
  cell->not_reset |= histogram.reset_hint == ResetHint::kNotReset;
  if (cell->empty()) {
    if (average_) {
      cell->mean = std::make_unique<HistogramMean>(histogram);
    } else {
      cell->sum = std::make_unique<HistogramSum>(histogram);
    }
    const size_t cost = 2 * SamplesOf(histogram);  // with the compensations
    held_ += cost;
    return query_->Hold(cost);
  }
  const HistogramOutcome outcome =
      average_ ? cell->mean->Add(histogram) : cell->sum->Add(histogram);
  Annotations& annotations = query_->annotations();
  if (!outcome.compatible) {
    annotations.MixedSchemas(labels.Get(model::kMetricName), place_);
    cell->incompatible = true;
  }
  if (outcome.reconciled) annotations.BoundsReconciled("aggregation", place_);
  return absl::OkStatus();
}

Row HistogramGroups::Finish(size_t group, std::span<const double> floats, model::LabelsRef labels,
                            bool drop_name) {
  if (row_ == nullptr) row_ = std::make_unique<MixedRow>(steps_);
  row_->Clear();
  for (size_t step = 0; step < steps_; ++step) {
    const Cell& cell = groups_[group][step];
    if (cell.empty()) {
      row_->Set(step, floats[step]);
      continue;
    }
    // What comes after incompatible histograms is not looked at.
    if (!IsAbsent(floats[step]) && (!cell.incompatible || cell.with_float)) {
      query_->annotations().MixedInAggregation(place_);
      continue;
    }
    if (cell.incompatible) continue;
    row_->Set(step, average_ ? cell.mean->Mean() : cell.sum->Total());
    if (cell.reset && cell.not_reset) query_->annotations().HintsCollide("aggregation", place_);
  }
  return row_->row(labels, drop_name);
}

}  // namespace baro::promql
