// StoredSeriesReader's histograms: finds the marks of a series and what lies in its component
// columns at their times.
#include <algorithm>
#include <utility>

#include "baro/model/histogram.h"
#include "series_reader.h"

namespace baro::tsdb {

const ComponentList* StoredSeriesReader::ComponentsOf(ColumnId column) const {
  const auto& components = set_.selection().components();
  const auto it = components.find(column);
  return it == components.end() ? nullptr : it->second.get();
}

size_t StoredSeriesReader::ComponentCount(size_t series) const {
  const ComponentList* components = ComponentsOf(ColumnOf(set_.selection().series[series]));
  return components == nullptr ? 0 : components->size();
}

void StoredSeriesReader::AttachHistograms(size_t index, model::SeriesView* view) {
  marks_.clear();
  for (size_t i = 0; i < view->values.size(); ++i) {
    if (model::IsHistogramMark(view->values[i]))
      marks_.push_back({view->times_ms[i], marks_.size()});
  }
  if (marks_.empty()) return;
  const Selection& selection = set_.selection();
  assembly_.Start(marks_.size());
  const auto twins = selection.twins.find(index);
  if (twins == selection.twins.end()) {
    AddComponents(selection.series[index], marks_);
  } else {
    AddTwinComponents(selection.series[index], twins->second, marks_);
  }
  histograms_.assign(view->values.size(), nullptr);
  size_t number = 0;
  bool finished = true;
  for (size_t i = 0; i < view->values.size(); ++i) {
    if (!model::IsHistogramMark(view->values[i])) continue;
    histograms_[i] = assembly_.Finish(number++);
    finished = finished && histograms_[i] != nullptr;
  }
  if (!finished) DropUnfinished(view);
  view->histograms = histograms_;
}

void StoredSeriesReader::AddComponents(const SelectedSeries& series,
                                       std::span<const HistogramAssembly::Mark> marks) {
  const ComponentList* components = ComponentsOf(ColumnOf(series));
  if (components == nullptr || marks.empty()) return;
  for (const Component& component : *components) {
    pieces_.clear();
    Gather(series.target, component.column, &pieces_);
    if (pieces_.empty()) continue;
    runs_.clear();
    for (const Piece& piece : pieces_) {
      const Fragment& fragment = *piece.fragment;
      const std::span<const int64_t> times(fragment.rows.times_ms);
      runs_.push_back({fragment.priority,
                       times.subspan(fragment.begin, fragment.end - fragment.begin), piece.values});
    }
    assembly_.Add(component.code, marks, runs_);
  }
}

// Of halves with the same label set the one whose mark counts has the histogram.
void StoredSeriesReader::AddTwinComponents(const SelectedSeries& series,
                                           const std::vector<SelectedSeries>& twins,
                                           std::span<const HistogramAssembly::Mark> marks) {
  std::vector<SelectedSeries> halves = twins;
  halves.push_back(series);
  std::vector<std::pair<uint64_t, size_t>> newest(marks.size());  // priority, and which half
  for (size_t half = 0; half < halves.size(); ++half) {
    pieces_.clear();
    Gather(halves[half], &pieces_);
    for (const Piece& piece : pieces_) {
      const auto begin =
          piece.fragment->rows.times_ms.begin() + static_cast<ptrdiff_t>(piece.fragment->begin);
      const auto end =
          piece.fragment->rows.times_ms.begin() + static_cast<ptrdiff_t>(piece.fragment->end);
      for (size_t i = 0; i < marks.size(); ++i) {
        const auto at = std::lower_bound(begin, end, marks[i].time_ms);
        if (at == end || *at != marks[i].time_ms) continue;
        if (!model::IsHistogramMark(piece.values[at - begin])) continue;
        newest[i] = std::max(newest[i], {piece.fragment->priority, half});
      }
    }
  }
  std::vector<HistogramAssembly::Mark> own;
  for (size_t half = 0; half < halves.size(); ++half) {
    own.clear();
    for (size_t i = 0; i < marks.size(); ++i) {
      if (newest[i].second == half) own.push_back(marks[i]);
    }
    AddComponents(halves[half], own);
  }
}

// A mark without its components says nothing.
void StoredSeriesReader::DropUnfinished(model::SeriesView* view) {
  std::vector<int64_t> times_ms;
  std::vector<double> values;
  std::vector<const model::Histogram*> histograms;
  for (size_t i = 0; i < view->values.size(); ++i) {
    if (model::IsHistogramMark(view->values[i]) && histograms_[i] == nullptr) continue;
    times_ms.push_back(view->times_ms[i]);
    values.push_back(view->values[i]);
    histograms.push_back(histograms_[i]);
  }
  times_ms_ = std::move(times_ms);
  values_ = std::move(values);
  histograms_ = std::move(histograms);
  view->times_ms = times_ms_;
  view->values = values_;
}

}  // namespace baro::tsdb
