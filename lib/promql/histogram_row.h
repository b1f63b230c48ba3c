// Native histograms in rows: what nodes that know floats, or histograms, only do with the other.
#pragma once

#include <span>
#include <vector>

#include "baro/model/histogram.h"
#include "evaluator.h"
#include "rows.h"

namespace baro::promql {

// How many floats a histogram costs to hold, for the limit on samples in memory.
size_t SamplesOf(const model::Histogram& histogram);

// Makes the steps with a histogram absent; the row is then of floats alone. False when there was
// none.
bool DropHistograms(Row* row);
// DropHistograms() for rows that most often have none; false when nothing is left of the row.
inline bool TakeFloats(Row* row) {
  if (row->histograms.empty()) [[likely]] {
    return true;
  }
  return !DropHistograms(row) || HasValues(row->values);
}

// Does nothing with the floats.
void NegateHistograms(Row* row);

// The histogram of a step; null where there is none.
inline const HistogramPtr* HistogramAt(const Row& row, size_t step) {
  const bool there = !row.histograms.empty() && model::IsHistogramMark(row.values[step]);
  return there ? &row.histograms[step] : nullptr;
}

// What one row of a producer is made in: set step by step, emitted, begun anew.
class MixedRow {
 public:
  explicit MixedRow(size_t steps) : values_(steps), histograms_(steps) {}

  void Clear();
  void Set(size_t step, double value) { values_[step] = value; }
  void Set(size_t step, HistogramPtr histogram) {
    values_[step] = model::kHistogramMark;
    histograms_[step] = std::move(histogram);
    any_histogram_ = true;
  }
  void Set(size_t step, model::Histogram histogram) {
    Set(step, std::make_shared<const model::Histogram>(std::move(histogram)));
  }
  bool any() const { return HasValues(values_); }
  bool any_float() const;
  Row row(model::LabelsRef labels, bool drop_name) {
    return {labels, drop_name, values_,
            any_histogram_ ? std::span(histograms_) : std::span<HistogramPtr>()};
  }

 private:
  std::vector<double> values_;
  std::vector<HistogramPtr> histograms_;
  bool any_histogram_ = false;
};

// Where only counts and sums are asked Prometheus reads no buckets, and so finds out about resets
// while it reads; queries may tell (a sum of counters of which one has just been reset). The same
// for the samples of one series. Thread-compatible.
class ResetFinder {
 public:
  // Valid until the next call.
  std::span<const model::Histogram* const> Hinted(const model::SeriesView& view);

 private:
  std::vector<model::Histogram> copies_;
  std::vector<const model::Histogram*> pointers_;
};

// The row of an instant selector over a series with histograms.
absl::Status MixedSelectorRow(Query* query, model::LabelsRef labels, const model::SeriesView& view,
                              const WindowBounds& bounds, RowSink sink);

}  // namespace baro::promql
