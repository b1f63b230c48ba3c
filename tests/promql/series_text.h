// The series notation of Prometheus' test scripts: metric{label="value"} 1 2+3x2 _ stale
// {{count:1}}.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"

namespace baro::promql_script {

// One sample, or none (`_`). A stale marker is model::kStaleNan.
struct SeriesValue {
  bool there = false;
  double value = 0;
  std::shared_ptr<const model::Histogram> histogram = nullptr;  // then `value` means nothing
  bool hint_given = false;  // the histogram's reset_hint has been written
};

struct SeriesText {
  model::Labels labels;
  std::vector<SeriesValue> values;
};

// Errors: InvalidArgument naming what cannot be read.
absl::StatusOr<SeriesText> ParseSeriesText(std::string_view line);

// A line metric@st -1m _ 0s+1sx3: since when the counters of the samples in the next line count,
// in milliseconds from the time of each.
struct StartsText {
  model::Labels labels;
  std::vector<std::optional<int64_t>> offsets_ms;
};
bool IsStartsText(std::string_view line);
absl::StatusOr<StartsText> ParseStartsText(std::string_view line);

// metric{label="value"}, {"metric.name", label="value"}, {}.
absl::StatusOr<model::Labels> ParseMetric(std::string_view text);

// 5m, 1h30m, 90 (seconds), -1m.
absl::StatusOr<int64_t> ParseTimeMs(std::string_view text);

// A number as scripts write it: 1, -0.5, 1e3, 0x1f, Inf, +Inf, NaN.
std::optional<double> ParseValue(std::string_view text);

}  // namespace baro::promql_script
