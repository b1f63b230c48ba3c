// Native histograms for eyes: quantiles and bars.
#pragma once

#include <string>

#include "api/answer.h"
#include "render/number.h"
#include "render/screen.h"

namespace baro::cli {

// The value below which the share `quantile` (0 to 1) of the observations lies, estimated inside
// its bucket as histogram_quantile() does: along the logarithm where buckets grow by a constant
// factor, else along a line. NaN without observations.
double QuantileOf(const Histogram& histogram, double quantile);

// A bar per bucket, indented. Neighbours are joined when there are more than fit a screen.
std::string RenderHistogram(const Histogram& histogram, Unit unit, const Screen& screen);

}  // namespace baro::cli
