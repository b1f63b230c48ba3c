#include "baro/model/memory_source.h"

#include <algorithm>
#include <set>

#include "baro/base/strings.h"

namespace baro::model {
namespace {

bool MatchesAll(const Labels& labels, const std::vector<Matcher>& matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&labels](const Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

std::vector<std::string> Limited(const std::set<std::string>& values, size_t limit) {
  std::vector<std::string> list(values.begin(), values.end());
  if (limit != 0 && list.size() > limit) list.resize(limit);
  return list;
}

}  // namespace

class MemorySource::Reader final : public SeriesReader {
 public:
  Reader(const Set* set, size_t begin, size_t end) : set_(set), next_(begin), end_(end) {}
  absl::StatusOr<bool> Next(SeriesView* view) override;

 private:
  void Attach(const Series& series, SeriesView* view);
  void AttachStarts(const Series& series, SeriesView* view);

  const Set* const set_;
  std::vector<int64_t> times_ms_;
  std::vector<double> values_;
  std::vector<const Histogram*> histograms_;
  std::vector<int64_t> starts_ms_;
  size_t next_;
  const size_t end_;
};

class MemorySource::Set final : public SeriesSet {
 public:
  Set(std::vector<const std::pair<const Labels, Series>*> series, const SelectRequest& request)
      : series_(std::move(series)),
        start_ms_(request.start_ms),
        end_ms_(request.end_ms),
        histograms_(request.histograms) {}
  size_t size() const override { return series_.size(); }
  LabelsRef labels(size_t index) const override {
    return {&series_[index]->second.target, &series_[index]->second.column};
  }
  std::unique_ptr<SeriesReader> Read(size_t begin, size_t end) const override {
    return std::make_unique<Reader>(this, begin, end);
  }
  const std::vector<std::string>& warnings() const override { return warnings_; }

  bool histograms() const { return histograms_; }
  const Series& series(size_t index) const { return series_[index]->second; }
  SeriesView View(size_t index) const {
    const Series& series = series_[index]->second;
    const auto& times = series.times_ms;
    const auto first = std::lower_bound(times.begin(), times.end(), start_ms_) - times.begin();
    const auto last = std::upper_bound(times.begin(), times.end(), end_ms_) - times.begin();
    const auto offset = static_cast<size_t>(first);
    const auto count = static_cast<size_t>(std::max<std::ptrdiff_t>(last - first, 0));
    return {index,
            std::span(times).subspan(offset, count),
            std::span(series.values).subspan(offset, count),
            {},
            {}};
  }

 private:
  const std::vector<const std::pair<const Labels, Series>*> series_;
  const int64_t start_ms_;
  const int64_t end_ms_;
  const bool histograms_;
  const std::vector<std::string> warnings_;
};

absl::StatusOr<bool> MemorySource::Reader::Next(SeriesView* view) {
  while (next_ < end_) {
    *view = set_->View(next_++);
    const Series& series = set_->series(view->index);
    if (!series.histograms.empty()) Attach(series, view);
    if (!series.starts_ms.empty()) AttachStarts(series, view);
    if (!view->times_ms.empty()) return true;
  }
  return false;
}

// Histograms beside their marks, or neither.
void MemorySource::Reader::Attach(const Series& series, SeriesView* view) {
  times_ms_.clear();
  values_.clear();
  histograms_.clear();
  for (size_t i = 0; i < view->values.size(); ++i) {
    const bool mark = IsHistogramMark(view->values[i]);
    if (mark && !set_->histograms()) continue;
    times_ms_.push_back(view->times_ms[i]);
    values_.push_back(view->values[i]);
    histograms_.push_back(mark ? &series.histograms.at(view->times_ms[i]) : nullptr);
  }
  view->times_ms = times_ms_;
  view->values = values_;
  if (set_->histograms()) view->histograms = histograms_;
}

void MemorySource::Reader::AttachStarts(const Series& series, SeriesView* view) {
  starts_ms_.clear();
  for (const int64_t time_ms : view->times_ms) {
    const auto found = series.starts_ms.find(time_ms);
    starts_ms_.push_back(found == series.starts_ms.end() ? 0 : found->second);
  }
  view->starts_ms = starts_ms_;
}

void MemorySource::Append(const Labels& labels, Sample sample) {
  Series& series = series_[labels];
  if (series.column.empty() && series.target.empty()) {
    for (const Label& label : labels) {
      const bool shared = label.name == "job" || label.name == "instance";
      (shared ? series.target : series.column).Set(label.name, label.value);
    }
  }
  if (!series.times_ms.empty() && series.times_ms.back() == sample.time_ms) {
    series.values.back() = sample.value;
    return;
  }
  series.times_ms.push_back(sample.time_ms);
  series.values.push_back(sample.value);
}

void MemorySource::Append(const Labels& labels, int64_t time_ms, Histogram histogram) {
  Append(labels, {time_ms, kHistogramMark});
  series_[labels].histograms[time_ms] = std::move(histogram);
}

void MemorySource::SetStart(const Labels& labels, int64_t start_ms) {
  Series& series = series_.at(labels);
  series.starts_ms[series.times_ms.back()] = start_ms;
}

void MemorySource::Describe(Metadata metadata) { metadata_[metadata.family] = std::move(metadata); }

std::vector<const std::pair<const Labels, MemorySource::Series>*> MemorySource::Find(
    const std::vector<std::vector<Matcher>>& selectors, int64_t start_ms, int64_t end_ms) const {
  std::vector<const std::pair<const Labels, Series>*> found;
  for (const auto& entry : series_) {
    const auto& times = entry.second.times_ms;
    const auto first = std::lower_bound(times.begin(), times.end(), start_ms);
    if (first == times.end() || *first > end_ms) continue;
    const bool matched =
        selectors.empty() ||
        std::any_of(selectors.begin(), selectors.end(),
                    [&entry](const auto& matchers) { return MatchesAll(entry.first, matchers); });
    if (matched) found.push_back(&entry);
  }
  return found;
}

absl::StatusOr<std::unique_ptr<SeriesSet>> MemorySource::Select(
    const SelectRequest& request) const {
  auto found = Find({request.matchers}, request.start_ms, request.end_ms);
  if (request.series_max != 0 && found.size() > request.series_max) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot select ", found.size(), " series: the limit is ", request.series_max));
  }
  return std::make_unique<Set>(std::move(found), request);
}

absl::StatusOr<std::vector<std::string>> MemorySource::LabelNames(
    const LabelRequest& request) const {
  std::set<std::string> names;
  for (const auto* entry : Find(request.selectors, request.start_ms, request.end_ms)) {
    for (const Label& label : entry->first) names.insert(label.name);
  }
  return Limited(names, request.limit);
}

absl::StatusOr<std::vector<std::string>> MemorySource::LabelValues(
    const std::string& name, const LabelRequest& request) const {
  std::set<std::string> values;
  for (const auto* entry : Find(request.selectors, request.start_ms, request.end_ms)) {
    const std::string_view value = entry->first.Get(name);
    if (!value.empty()) values.emplace(value);
  }
  return Limited(values, request.limit);
}

std::vector<Metadata> MemorySource::MetricMetadata(const std::string& family, size_t limit) const {
  std::vector<Metadata> result;
  for (const auto& [name, metadata] : metadata_) {
    if (!family.empty() && family != name) continue;
    if (limit != 0 && result.size() == limit) break;
    result.push_back(metadata);
  }
  return result;
}

}  // namespace baro::model
