// Samples that a script has loaded, and classic histograms among them as native ones.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"

namespace baro::promql_script {

struct LoadedSample {
  double value = 0;
  std::shared_ptr<const model::Histogram> histogram = nullptr;
  int64_t start_ms = 0;  // 0: not known
};
using LoadedSeries = std::map<int64_t, LoadedSample>;  // by time

// For name_bucket{le=…}, name_count and name_sum adds name, a histogram with the same bounds.
// Errors: InvalidArgument (buckets that do not cumulate).
absl::Status AddCustomHistograms(std::map<model::Labels, LoadedSeries>* series);

}  // namespace baro::promql_script
