// ExternalLabelsSink: adds the configuration's external labels to every target on its way to
// delivery. A label that the target has of its own wins, as in Prometheus.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "baro/agent/row_sink.h"

namespace baro::agent {

// Thread-safe. The sink behind it outlives it.
class ExternalLabelsSink final : public RowSink {
 public:
  ExternalLabelsSink(std::map<std::string, std::string> labels, RowSink* sink)
      : labels_(std::move(labels)), sink_(sink) {}

  absl::StatusOr<TargetHandle> Declare(const model::Labels& target,
                                       const model::Layout& layout) override {
    if (labels_.empty()) return sink_->Declare(target, layout);
    model::Labels labels = target;
    for (const auto& [name, value] : labels_) {
      if (!labels.Has(name)) labels.Set(name, value);
    }
    return sink_->Declare(labels, layout);
  }
  absl::Status Append(TargetHandle target, int64_t time_ms,
                      std::span<const double> values) override {
    return sink_->Append(target, time_ms, values);
  }
  absl::Status AppendExtras(std::vector<SeriesExtras> extras) override {
    for (SeriesExtras& series : extras) {
      for (const auto& [name, value] : labels_) {
        if (!series.labels.Has(name)) series.labels.Set(name, value);
      }
    }
    return sink_->AppendExtras(std::move(extras));
  }
  void Release(TargetHandle target) override { sink_->Release(target); }

 private:
  const std::map<std::string, std::string> labels_;
  RowSink* const sink_;
};

}  // namespace baro::agent
