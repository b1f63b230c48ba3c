#include "render/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "baro/base/strings.h"
#include "render/table.h"

namespace baro::cli {
namespace {

constexpr size_t kBarsMax = 24;
constexpr int kBarColumnsMax = 60;

// Buckets of the standard schemas grow by one factor; custom ones hardly ever do.
bool GrowsByOneFactor(const std::vector<HistogramBucket>& buckets) {
  double factor = 0;
  for (const HistogramBucket& bucket : buckets) {
    if (bucket.lower < 0 && bucket.upper > 0) continue;  // the zero bucket
    const double ratio = std::max(bucket.upper / bucket.lower, bucket.lower / bucket.upper);
    if (!std::isfinite(ratio)) return false;
    if (factor == 0) factor = ratio;
    if (std::abs(ratio - factor) > 1e-6 * factor) return false;
  }
  return factor > 0;
}

double Inside(const HistogramBucket& bucket, double share, bool along_logarithm) {
  if (std::isinf(bucket.lower)) return bucket.upper;
  if (std::isinf(bucket.upper)) return bucket.lower;
  if (along_logarithm && bucket.lower > 0) {
    return bucket.lower * std::pow(bucket.upper / bucket.lower, share);
  }
  if (along_logarithm && bucket.upper < 0) {
    return bucket.lower * std::pow(bucket.upper / bucket.lower, share);
  }
  return bucket.lower + (bucket.upper - bucket.lower) * share;
}

std::vector<HistogramBucket> JoinNeighbours(std::vector<HistogramBucket> buckets) {
  while (buckets.size() > kBarsMax) {
    std::vector<HistogramBucket> joined;
    for (size_t i = 0; i < buckets.size(); i += 2) {
      joined.push_back(buckets[i]);
      if (i + 1 == buckets.size()) break;
      joined.back().upper = buckets[i + 1].upper;
      joined.back().count += buckets[i + 1].count;
    }
    buckets = std::move(joined);
  }
  return buckets;
}

// A bar in eighths of a character.
std::string Bar(double share, int columns) {
  constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = std::max(1, static_cast<int>(std::lround(share * columns * 8)));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[eighths % 8];
}

std::string Percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %%", share * 100);
  return text;
}

}  // namespace

double QuantileOf(const Histogram& histogram, double quantile) {
  double observed = 0;
  for (const HistogramBucket& bucket : histogram.buckets) observed += bucket.count;
  if (!(observed > 0)) return NAN;
  const bool along_logarithm = GrowsByOneFactor(histogram.buckets);
  double rank = quantile * observed;
  for (const HistogramBucket& bucket : histogram.buckets) {
    if (rank > bucket.count && &bucket != &histogram.buckets.back()) {
      rank -= bucket.count;
      continue;
    }
    HistogramBucket within = bucket;
    // Without negative observations those around zero are not below it.
    const bool is_lowest = &bucket == &histogram.buckets.front();
    if (is_lowest && within.lower < 0 && within.upper > 0) within.lower = 0;
    return Inside(within, std::min(1.0, rank / bucket.count), along_logarithm);
  }
  return NAN;
}

std::string RenderHistogram(const Histogram& histogram, Unit unit, const Screen& screen) {
  const std::vector<HistogramBucket> buckets = JoinNeighbours(histogram.buckets);
  double largest = 0;
  double observed = 0;
  for (const HistogramBucket& bucket : buckets) {
    largest = std::max(largest, bucket.count);
    observed += bucket.count;
  }
  if (!(observed > 0)) return "  no observations\n";
  const int columns = std::clamp(screen.columns - 44, 10, kBarColumnsMax);
  Table table;
  table.columns = {{""}, {"FROM", Align::kPoint},  {"TO", Align::kPoint},
                   {""}, {"COUNT", Align::kPoint}, {"SHARE", Align::kPoint}};
  for (const HistogramBucket& bucket : buckets) {
    table.rows.push_back({{""},
                          {FormatOne(bucket.lower, unit)},
                          {FormatOne(bucket.upper, unit)},
                          {Bar(bucket.count / largest, columns), SeriesStyle(0)},
                          {FormatOne(bucket.count, Unit::kNone)},
                          {Percent(bucket.count / observed)}});
  }
  return RenderTable(table, screen, {true, false});
}

}  // namespace baro::cli
