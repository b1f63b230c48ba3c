// MemorySource: series in plain vectors, for tests of everything that reads a SeriesSource.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baro/model/series_source.h"

namespace baro::model {

// Thread-compatible while written, thread-safe once it is only read. Target half: job and instance;
// column half: the rest.
class MemorySource final : public SeriesSource {
 public:
  // Samples of one series must come in time order; the same time again replaces.
  void Append(const Labels& labels, Sample sample);
  void Append(const Labels& labels, int64_t time_ms, Histogram histogram);
  // Since when the counter of the newest sample has counted. Requires a sample.
  void SetStart(const Labels& labels, int64_t start_ms);
  void Describe(Metadata metadata);
  void Clear() { series_.clear(); }

  absl::StatusOr<std::unique_ptr<SeriesSet>> Select(const SelectRequest& request) const override;
  absl::StatusOr<std::vector<std::string>> LabelNames(const LabelRequest& request) const override;
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string& name,
                                                       const LabelRequest& request) const override;
  std::vector<Metadata> MetricMetadata(const std::string& family, size_t limit) const override;

 private:
  struct Series {
    Labels target;
    Labels column;
    std::vector<int64_t> times_ms;
    std::vector<double> values;
    std::map<int64_t, Histogram> histograms;  // where `values` has the mark
    std::map<int64_t, int64_t> starts_ms;     // by the sample's time; where it is known
  };
  class Set;
  class Reader;

  std::vector<const std::pair<const Labels, Series>*> Find(
      const std::vector<std::vector<Matcher>>& selectors, int64_t start_ms, int64_t end_ms) const;

  std::map<Labels, Series> series_;
  std::map<std::string, Metadata> metadata_;
};

}  // namespace baro::model
