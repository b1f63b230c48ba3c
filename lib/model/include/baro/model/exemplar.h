// Exemplar: one observation with the trace it came from.
#pragma once

#include <cstdint>
#include <vector>

#include "baro/model/labels.h"

namespace baro::model {

struct Exemplar {
  Labels labels;
  int64_t time_ms = 0;
  double value = 0;
  bool operator==(const Exemplar&) const = default;
};

// Exemplars of one series, oldest first.
struct ExemplarSeries {
  Labels series;
  std::vector<Exemplar> exemplars;
};

}  // namespace baro::model
