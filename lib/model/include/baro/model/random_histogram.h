// Random histograms, for tests of whatever carries them.
#pragma once

#include <cmath>
#include <limits>
#include <random>

#include "baro/model/histogram.h"

namespace baro::model {

// Every schema, custom bounds, empty ones, NaN sums, float counts, buckets far apart. The result
// passes CheckHistogram().
template <typename Random>
Histogram RandomHistogram(Random* random) {
  const auto below = [random](uint64_t bound) { return (*random)() % bound; };
  const auto count = [&](bool fraction) {
    const auto whole = static_cast<double>(below(2) == 0 ? below(20) : below(1U << 30));
    return fraction ? whole + static_cast<double>(below(1'000)) / 997 : whole;
  };
  Histogram histogram;
  histogram.float_counts = below(3) == 0;
  histogram.reset_hint = static_cast<ResetHint>(below(4));
  const bool custom = below(4) == 0;
  histogram.schema = custom ? kCustomBoundsSchema : static_cast<int32_t>(below(13)) - 4;
  const auto fill = [&](int32_t index, uint64_t size, int32_t end, uint64_t step_max,
                        std::vector<Histogram::Bucket>* buckets) {
    for (uint64_t i = 0; i < size && index < end; ++i) {
      buckets->push_back({index, count(histogram.float_counts)});
      index += 1 + static_cast<int32_t>(below(step_max));
    }
  };
  if (custom) {
    double bound = -5;
    for (uint64_t i = below(20); i > 0; --i) {
      bound += 0.001 * static_cast<double>(1 + below(10'000));
      histogram.custom_bounds.push_back(bound);
    }
    const auto bounds = static_cast<int32_t>(histogram.custom_bounds.size());
    fill(0, below(20), bounds + 1, 2, &histogram.positive);
  } else {
    const int32_t end = std::numeric_limits<int32_t>::max();
    fill(static_cast<int32_t>(below(400)) - 200, below(30), end, 3, &histogram.positive);
    if (below(3) == 0)
      fill(static_cast<int32_t>(below(40)) - 20, below(20), end, 9, &histogram.negative);
    histogram.zero_threshold = below(2) == 0 ? 0 : std::ldexp(1.0, -128);
    histogram.zero_count = count(histogram.float_counts);
  }
  histogram.count = histogram.zero_count;
  for (const auto& bucket : histogram.positive) histogram.count += bucket.count;
  for (const auto& bucket : histogram.negative) histogram.count += bucket.count;
  switch (below(8)) {
    case 0:
      histogram.sum = std::bit_cast<double>(uint64_t{0x7ff8000000000000} + below(1'000));
      break;
    case 1:
      histogram.sum = below(2) == 0 ? -0.0 : std::numeric_limits<double>::infinity();
      break;
    default:
      histogram.sum = static_cast<double>(below(1U << 20)) / 1'000 - 100;
  }
  return histogram;
}

// The same a moment later: counts have grown, a bucket may have appeared.
template <typename Random>
void GrowHistogram(Random* random, Histogram* histogram) {
  const auto grow = [&](std::vector<Histogram::Bucket>* buckets) {
    for (Histogram::Bucket& bucket : *buckets) {
      const auto more = static_cast<double>((*random)() % 4);
      bucket.count += more;
      histogram->count += more;
    }
  };
  grow(&histogram->positive);
  grow(&histogram->negative);
  histogram->sum += static_cast<double>((*random)() % 1'000) / 100;
  if ((*random)() % 10 != 0 || histogram->has_custom_bounds()) return;
  const int32_t next = histogram->positive.empty() ? 0 : histogram->positive.back().index + 1;
  histogram->positive.push_back({next, 1});
  histogram->count += 1;
}

}  // namespace baro::model
