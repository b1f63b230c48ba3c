// The series notation of Prometheus' test scripts: metric{label="value"} 1 2+3x2 _ stale.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/labels.h"

namespace baro::promql_script {

struct SeriesText {
  model::Labels labels;
  // nullopt: no sample (`_`). A stale marker is model::kStaleNan.
  std::vector<std::optional<double>> values;
  // Has what this engine has no values for yet: {{…}} histograms or @st start timestamps.
  bool unsupported = false;
};

// Errors: InvalidArgument naming what cannot be read.
absl::StatusOr<SeriesText> ParseSeriesText(std::string_view line);

// metric{label="value"}, {"metric.name", label="value"}, {}.
absl::StatusOr<model::Labels> ParseMetric(std::string_view text);

// 5m, 1h30m, 90 (seconds), -1m.
absl::StatusOr<int64_t> ParseTimeMs(std::string_view text);

// A number as scripts write it: 1, -0.5, 1e3, 0x1f, Inf, +Inf, NaN.
std::optional<double> ParseValue(std::string_view text);

}  // namespace baro::promql_script
