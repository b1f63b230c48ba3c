#include "histogram_row.h"

#include <algorithm>
#include <utility>

#include "histogram_math.h"

namespace baro::promql {

size_t SamplesOf(const model::Histogram& histogram) {
  // The struct itself, and two words a bucket; a sample is a time and a value.
  return 12 + histogram.positive.size() + histogram.negative.size() +
         histogram.custom_bounds.size() / 2;
}

bool DropHistograms(Row* row) {
  bool any = false;
  for (double& value : row->values) {
    if (!model::IsHistogramMark(value)) continue;
    value = kNoValue;
    any = true;
  }
  row->histograms = {};
  return any;
}

void NegateHistograms(Row* row) {
  for (size_t step = 0; step < row->histograms.size(); ++step) {
    if (!model::IsHistogramMark(row->values[step])) continue;
    model::Histogram negated = *row->histograms[step];
    ScaleHistogram(-1, &negated);
    row->histograms[step] = std::make_shared<const model::Histogram>(std::move(negated));
  }
}

void MixedRow::Clear() {
  std::fill(values_.begin(), values_.end(), kNoValue);
  if (any_histogram_) std::fill(histograms_.begin(), histograms_.end(), nullptr);
  any_histogram_ = false;
}

bool MixedRow::any_float() const {
  return std::any_of(values_.begin(), values_.end(), [](double value) {
    return !IsAbsent(value) && !model::IsHistogramMark(value);
  });
}

std::span<const model::Histogram* const> ResetFinder::Hinted(const model::SeriesView& view) {
  copies_.clear();
  copies_.reserve(view.histograms.size());
  pointers_.assign(view.histograms.size(), nullptr);
  const model::Histogram* before = nullptr;
  for (size_t i = 0; i < view.histograms.size(); ++i) {
    if (view.histograms[i] == nullptr) continue;
    model::Histogram& now = copies_.emplace_back(*view.histograms[i]);
    if (now.reset_hint == model::ResetHint::kUnknown && before != nullptr) {
      now.reset_hint =
          DetectReset(*before, now) ? model::ResetHint::kReset : model::ResetHint::kNotReset;
    }
    before = pointers_[i] = &now;
  }
  return pointers_;
}

absl::Status MixedSelectorRow(Query* query, model::LabelsRef labels, const model::SeriesView& view,
                              const WindowBounds& bounds, RowSink sink) {
  MixedRow row(bounds.first.size());
  row.Clear();
  size_t read = 0;
  // Neighbouring steps mostly see the same sample: it is copied once.
  uint32_t copied = 0;
  HistogramPtr copy;
  for (size_t step = 0; step < bounds.first.size(); ++step) {
    const uint32_t last = bounds.last[step];
    if (last == bounds.first[step] || model::IsStaleNan(view.values[last - 1])) continue;
    if (!model::IsHistogramMark(view.values[last - 1])) {
      row.Set(step, view.values[last - 1]);
      ++read;
      continue;
    }
    if (last != copied) {
      copy = std::make_shared<const model::Histogram>(*view.histograms[last - 1]);
      copied = last;
    }
    row.Set(step, copy);
    read += SamplesOf(*copy);
  }
  query->CountRead(read);
  return row.any() ? sink(row.row(labels, false)) : absl::OkStatus();
}

}  // namespace baro::promql
