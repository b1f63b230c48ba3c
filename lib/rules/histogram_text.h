// A native histogram as Prometheus prints it: {count:3, sum:5, (1,2]:3}.
#pragma once

#include <string>

#include "baro/model/histogram.h"

namespace baro::rules {

std::string HistogramText(const model::Histogram& histogram);

}  // namespace baro::rules
