// MapStore: a tsdb::Store in maps, for tests of what stands in front of the store: floats and
// histograms by series and time, failures and delays when told to.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "baro/tsdb/store.h"

namespace baro::collector {

// Of one thread.
class MapStore final : public tsdb::Store {
 public:
  struct Point {
    double value = 0;
    std::optional<model::Histogram> histogram;
  };
  using Points = std::map<int64_t, Point>;

  // Appends wait until Release() or Fail(), in the order in which they came.
  void Hold() { hold_ = true; }
  // Appends are acknowledged and forgotten, for benchmarks.
  void Discard() { discard_ = true; }
  size_t held() const { return held_.size(); }
  void Release() { EndFirst(absl::OkStatus()); }
  void Fail() { EndFirst(absl::ResourceExhaustedError("cannot write journal: no space left")); }
  void RefuseMetric(std::string name) { refused_metric_ = std::move(name); }
  void FailSelects(bool fail) { fail_selects_ = fail; }

  // The points of the one series with this text (Labels::ToString()); empty when there is none.
  Points Of(const std::string& series) const {
    for (const auto& [labels, points] : points_) {
      if (labels.ToString() == series) return points;
    }
    return {};
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [labels, points] : points_) names.push_back(labels.ToString());
    return names;
  }
  double Last(const std::string& series) const {
    const Points points = Of(series);
    return points.empty() ? -1 : points.rbegin()->second.value;
  }

  absl::StatusOr<tsdb::SeriesId> DeclareSeries(const model::Labels& labels) override {
    ++declarations;
    if (!refused_metric_.empty() && labels.Get(model::kMetricName) == refused_metric_) {
      return absl::ResourceExhaustedError("series_max of 1 is reached");
    }
    const auto [entry, inserted] = ids_.try_emplace(labels, static_cast<uint32_t>(labels_.size()));
    if (inserted) labels_.push_back(labels);
    return tsdb::SeriesId{entry->second, 7};
  }
  void Append(tsdb::SampleBatch batch, tsdb::AppendDone done) override {
    ++appends;
    if (discard_) return done({});
    held_.emplace_back(std::move(batch), std::move(done));
    if (!hold_) Release();
  }
  void Describe(const std::vector<model::Metadata>& metadata) override {
    described.insert(described.end(), metadata.begin(), metadata.end());
  }
  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest& request) const override;

  bool KnowsLayout(const model::ContentHash&) const override { return false; }
  absl::Status DeclareLayout(const model::Layout&) override { return Unused(); }
  absl::StatusOr<tsdb::Declared> DeclareTarget(const model::Labels&,
                                               const model::ContentHash&) override {
    return Unused();
  }
  std::vector<tsdb::SequenceRange> StoredSequences(const tsdb::AgentId&) const override {
    return {};
  }
  void Append(tsdb::FrameBatch, tsdb::AppendDone done) override {
    tsdb::AppendResult result;
    result.status = Unused();
    done(result);
  }
  absl::Status Maintain(bool) override { return absl::OkStatus(); }
  tsdb::Stats GetStats() const override { return {}; }
  tsdb::Cardinality GetCardinality(size_t) const override { return {}; }
  absl::Status Close() override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> LabelNames(const model::LabelRequest&) const override {
    return Unused();
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string&,
                                                       const model::LabelRequest&) const override {
    return Unused();
  }
  std::vector<model::Metadata> MetricMetadata(const std::string&, size_t) const override {
    return {};
  }

  std::vector<model::Metadata> described;
  std::vector<tsdb::ExemplarSample> exemplars;
  int declarations = 0;
  int appends = 0;
  mutable int selects = 0;

 private:
  static absl::Status Unused() { return absl::UnimplementedError("not in the map"); }

  void EndFirst(const absl::Status& status) {
    auto [batch, done] = std::move(held_.front());
    held_.pop_front();
    tsdb::AppendResult result;
    result.status = status;
    if (status.ok()) Take(batch);
    done(result);
  }
  void Take(const tsdb::SampleBatch& batch) {
    for (size_t i = 0; i < batch.values.size(); ++i) {
      points_[labels_[batch.series[i].target]][batch.times_ms[i]] = {batch.values[i], {}};
    }
    for (const tsdb::HistogramSample& sample : batch.histograms) {
      points_[labels_[sample.series.target]][sample.time_ms] = {model::kHistogramMark,
                                                                sample.histogram};
    }
    exemplars.insert(exemplars.end(), batch.exemplars.begin(), batch.exemplars.end());
  }

  std::map<model::Labels, uint32_t> ids_;
  std::vector<model::Labels> labels_;
  std::map<model::Labels, Points> points_;
  std::deque<std::pair<tsdb::SampleBatch, tsdb::AppendDone>> held_;
  std::string refused_metric_;
  bool hold_ = false;
  bool discard_ = false;
  bool fail_selects_ = false;
};

// The series found, copied.
class MapSet final : public model::SeriesSet {
 public:
  struct Found {
    model::Labels labels;
    std::vector<int64_t> times_ms;
    std::vector<double> values;
    std::vector<model::Histogram> histograms;
    std::vector<const model::Histogram*> pointers;
  };

  void Add(Found found) {
    found_.push_back(std::make_unique<Found>(std::move(found)));
    Found& added = *found_.back();
    size_t next = 0;
    for (const double value : added.values) {
      added.pointers.push_back(model::IsHistogramMark(value) ? &added.histograms[next++] : nullptr);
    }
  }
  size_t size() const override { return found_.size(); }
  model::LabelsRef labels(size_t index) const override { return {&empty_, &found_[index]->labels}; }
  std::unique_ptr<model::SeriesReader> Read(size_t begin, size_t end) const override {
    return std::make_unique<Reader>(this, begin, end);
  }
  const std::vector<std::string>& warnings() const override { return warnings_; }

 private:
  class Reader final : public model::SeriesReader {
   public:
    Reader(const MapSet* set, size_t begin, size_t end) : set_(set), next_(begin), end_(end) {}
    absl::StatusOr<bool> Next(model::SeriesView* view) override {
      if (next_ == end_) return false;
      const Found& found = *set_->found_[next_];
      *view = {next_++, found.times_ms, found.values, found.pointers};
      return true;
    }

   private:
    const MapSet* const set_;
    size_t next_;
    const size_t end_;
  };

  const model::Labels empty_;
  std::vector<std::unique_ptr<Found>> found_;
  const std::vector<std::string> warnings_;
};

inline absl::StatusOr<std::unique_ptr<model::SeriesSet>> MapStore::Select(
    const model::SelectRequest& request) const {
  ++selects;
  if (fail_selects_) return absl::DataLossError("damaged");
  auto set = std::make_unique<MapSet>();
  for (const auto& [labels, points] : points_) {
    bool matches = true;
    for (const model::Matcher& matcher : request.matchers) {
      matches = matches && matcher.Matches(labels.Get(matcher.name()));
    }
    MapSet::Found found;
    found.labels = labels;
    for (const auto& [time_ms, point] : points) {
      if (!matches || time_ms < request.start_ms || time_ms > request.end_ms) continue;
      if (point.histogram && !request.histograms) continue;
      found.times_ms.push_back(time_ms);
      found.values.push_back(point.value);
      if (point.histogram) found.histograms.push_back(*point.histogram);
    }
    if (!found.times_ms.empty()) set->Add(std::move(found));
  }
  return set;
}

}  // namespace baro::collector
