// OverlaySource: a source with some metrics replaced by others that are only in memory.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "baro/model/memory_source.h"
#include "baro/model/series_source.h"

namespace baro::rules {

// What has one of `names` is read from memory, and hidden in `below`. Thread-compatible.
class OverlaySource final : public model::SeriesSource {
 public:
  OverlaySource(const model::SeriesSource* below, std::set<std::string, std::less<>> names)
      : below_(below), names_(std::move(names)) {}

  model::MemorySource* memory() { return &memory_; }
  bool Holds(std::string_view name) const { return names_.contains(name); }

  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest& request) const override;
  absl::StatusOr<std::vector<std::string>> LabelNames(
      const model::LabelRequest& request) const override;
  absl::StatusOr<std::vector<std::string>> LabelValues(
      const std::string& name, const model::LabelRequest& request) const override;
  std::vector<model::Metadata> MetricMetadata(const std::string& family,
                                              size_t limit) const override {
    return below_->MetricMetadata(family, limit);
  }

 private:
  const model::SeriesSource* const below_;
  const std::set<std::string, std::less<>> names_;
  model::MemorySource memory_;
};

}  // namespace baro::rules
