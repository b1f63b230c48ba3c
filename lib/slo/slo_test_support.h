// Test doubles: a source into whose past samples arrive, and a storage in memory.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/mutex.h"
#include "baro/model/series_source.h"
#include "baro/slo/slo_storage.h"

namespace baro::slo {

// Knows which of its past has changed, as the store does. Target half: job and instance.
class LateSource final : public model::SeriesSource {
 public:
  void Add(const model::Labels& labels, int64_t time_ms, double value) {
    series_[labels].samples[time_ms] = value;
    Note(time_ms);
  }
  void Add(const model::Labels& labels, int64_t time_ms, model::Histogram histogram) {
    series_[labels].samples[time_ms] = model::kHistogramMark;
    series_[labels].histograms[time_ms] = std::move(histogram);
    Note(time_ms);
  }
  void SetStart(const model::Labels& labels, int64_t time_ms, int64_t start_ms) {
    series_[labels].starts[time_ms] = start_ms;
  }
  const auto& series() const { return series_; }
  uint64_t selects() const { return selects_; }
  void FailWith(absl::Status status) { failure_ = std::move(status); }

  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest& request) const override {
    ++selects_;
    if (!failure_.ok()) return failure_;
    auto set = std::make_unique<Set>();
    for (const auto& [labels, series] : series_) {
      const bool matches = std::all_of(
          request.matchers.begin(), request.matchers.end(),
          [&](const model::Matcher& one) { return one.Matches(labels.Get(one.name())); });
      if (matches) set->Add(labels, series, request);
    }
    return set;
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(const model::LabelRequest&) const override {
    return std::vector<std::string>();
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string& name,
                                                       const model::LabelRequest&) const override {
    std::vector<std::string> values;
    for (const auto& [labels, series] : series_) {
      if (labels.Has(name)) values.emplace_back(labels.Get(name));
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }
  std::vector<model::Metadata> MetricMetadata(const std::string&, size_t) const override {
    return {};
  }
  uint64_t ChangeVersion() const override { return changes_.size() + 1; }
  int64_t OldestChangeSince(uint64_t version, int64_t) const override {
    int64_t oldest = model::kTimeMsMax;
    for (size_t i = version - 1; i < changes_.size(); ++i) oldest = std::min(oldest, changes_[i]);
    return oldest;
  }

 private:
  struct Series {
    std::map<int64_t, double> samples;
    std::map<int64_t, model::Histogram> histograms;
    std::map<int64_t, int64_t> starts;
  };
  struct Row {
    model::Labels target;
    model::Labels column;
    std::vector<int64_t> times;
    std::vector<double> values;
    std::vector<const model::Histogram*> histograms;
    std::vector<int64_t> starts;
  };
  class Set;
  class Reader final : public model::SeriesReader {
   public:
    Reader(const std::deque<Row>* rows, size_t begin, size_t end)
        : rows_(rows), next_(begin), end_(end) {}
    absl::StatusOr<bool> Next(model::SeriesView* view) override {
      if (next_ == end_) return false;
      const Row& row = (*rows_)[next_];
      *view = {next_++, row.times, row.values, row.histograms, row.starts};
      return true;
    }

   private:
    const std::deque<Row>* const rows_;
    size_t next_;
    const size_t end_;
  };
  class Set final : public model::SeriesSet {
   public:
    void Add(const model::Labels& labels, const Series& series,
             const model::SelectRequest& request) {
      Row row;
      bool has_histograms = false;
      bool has_starts = false;
      for (auto it = series.samples.lower_bound(request.start_ms);
           it != series.samples.end() && it->first <= request.end_ms; ++it) {
        const auto histogram = series.histograms.find(it->first);
        if (histogram != series.histograms.end() && !request.histograms) continue;
        row.times.push_back(it->first);
        row.values.push_back(it->second);
        row.histograms.push_back(histogram == series.histograms.end() ? nullptr
                                                                      : &histogram->second);
        has_histograms |= row.histograms.back() != nullptr;
        const auto start = series.starts.find(it->first);
        row.starts.push_back(start == series.starts.end() ? 0 : start->second);
        has_starts |= row.starts.back() != 0;
      }
      if (row.times.empty()) return;
      if (!has_histograms) row.histograms.clear();
      if (!has_starts) row.starts.clear();
      for (const model::Label& label : labels) {
        const bool target = label.name == "job" || label.name == "instance";
        (target ? row.target : row.column).Set(label.name, label.value);
      }
      rows_.push_back(std::move(row));
    }
    size_t size() const override { return rows_.size(); }
    model::LabelsRef labels(size_t index) const override {
      return {&rows_[index].target, &rows_[index].column};
    }
    std::unique_ptr<model::SeriesReader> Read(size_t begin, size_t end) const override {
      return std::make_unique<Reader>(&rows_, begin, end);
    }
    const std::vector<std::string>& warnings() const override { return warnings_; }

   private:
    std::deque<Row> rows_;
    std::vector<std::string> warnings_;
  };

  void Note(int64_t time_ms) { changes_.push_back(time_ms); }

  std::map<model::Labels, Series> series_;
  std::vector<int64_t> changes_;
  mutable uint64_t selects_ = 0;
  absl::Status failure_;
};

// Thread-safe.
class MemoryStorage final : public SloStorage {
 public:
  absl::Status Write(std::span<const SloSample> samples) override {
    base::MutexLock lock(&mutex_);
    for (const SloSample& sample : samples) newest_[sample.labels] = sample;
    written_ += samples.size();
    return absl::OkStatus();
  }
  absl::Status Save(const std::vector<SloNote>& notes) override {
    base::MutexLock lock(&mutex_);
    for (const SloNote& note : notes) {
      if (note.value.empty()) {
        notes_.erase(note.key);
      } else {
        notes_[note.key] = note.value;
      }
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<SloNote>> Load(std::string_view prefix) const override {
    base::MutexLock lock(&mutex_);
    std::vector<SloNote> found;
    for (const auto& [key, value] : notes_) {
      if (std::string_view(key).starts_with(prefix)) found.push_back({key, value});
    }
    return found;
  }

  // The newest sample of the series; a stale marker when there is none.
  double Newest(const model::Labels& labels) const {
    base::MutexLock lock(&mutex_);
    const auto it = newest_.find(labels);
    return it == newest_.end() ? model::kStaleNan : it->second.value;
  }
  // Names of all series that have a value.
  std::vector<std::string> Names() const {
    base::MutexLock lock(&mutex_);
    std::vector<std::string> names;
    for (const auto& [labels, sample] : newest_) {
      if (!model::IsStaleNan(sample.value)) names.emplace_back(labels.Get(model::kMetricName));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  size_t notes() const {
    base::MutexLock lock(&mutex_);
    return notes_.size();
  }

 private:
  mutable base::Mutex mutex_;
  std::map<model::Labels, SloSample> newest_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> notes_ ABSL_GUARDED_BY(mutex_);
  size_t written_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace baro::slo
