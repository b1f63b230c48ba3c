// SeriesExtras: what no row of numbers can hold of one series, on its way from a scrape to the
// store: native histograms and exemplars.
#pragma once

#include <cstdint>
#include <vector>

#include "baro/model/exemplar.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"

namespace baro::model {

struct SeriesExtras {
  struct HistogramAt {
    int64_t time_ms = 0;
    Histogram histogram;  // is_stale(): the series ends here
    bool operator==(const HistogramAt&) const = default;
  };
  Labels labels;  // all of them
  Metadata metadata;
  std::vector<HistogramAt> histograms;
  std::vector<Exemplar> exemplars;
  bool operator==(const SeriesExtras&) const = default;
};

}  // namespace baro::model
