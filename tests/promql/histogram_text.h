// Native histograms as scripts write them: {{schema:0 count:4 sum:5 z_bucket:1 buckets:[1 2]}}.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "baro/model/histogram.h"

namespace baro::promql_script {

struct HistogramText {
  model::Histogram histogram;
  bool hint_given = false;
};

// `text` includes the braces. Errors: InvalidArgument naming what cannot be read.
absl::StatusOr<HistogramText> ParseHistogramText(std::string_view text);

// For messages.
std::string FormatHistogram(const model::Histogram& histogram);

// As Prometheus compares: numbers may differ by the tolerance, empty buckets do not count, and what
// is known of a reset only where it is written.
bool AlmostEqual(const model::Histogram& expected, const model::Histogram& actual, bool hint_given,
                 double tolerance);
// The same for floats: relatively, NaN equals NaN, an infinity only itself.
bool AlmostEqual(double a, double b, double tolerance);

}  // namespace baro::promql_script
