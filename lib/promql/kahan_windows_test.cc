// Sums of many windows side by side have the bits of sums taken one by one.
// Method: random windows over random values of every class of double; the seed is printed and taken
// back from BARO_SEED.

#include "kahan_windows.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "float_math.h"
#include "gtest/gtest.h"
#include "rows.h"

namespace baro::promql {
namespace {

uint64_t Seed() {
  const char* given = std::getenv("BARO_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

double SumOneByOne(std::span<const double> values) {
  KahanSum sum;
  for (const double value : values) sum.Add(value);
  return std::isinf(sum.sum) ? sum.sum : sum.Total();
}

double MeanOneByOne(std::span<const double> values) {
  KahanMean mean;
  for (const double value : values) mean.Add(value);
  return mean.Mean();
}

bool Same(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b) && !IsAbsent(a) && !IsAbsent(b));
}

// Windows that slide over the values as those of steps do, some of them empty.
WindowBounds RandomBounds(size_t values, std::mt19937_64* random) {
  WindowBounds bounds;
  uint32_t first = 0;
  uint32_t last = 0;
  const auto up_to = [&](uint64_t most) { return static_cast<uint32_t>((*random)() % (most + 1)); };
  const uint64_t stride = 1 + up_to(4);
  for (size_t step = 0; step < 100; ++step) {
    last = std::min(static_cast<uint32_t>(values), last + up_to(2 * stride));
    first = std::min(last, first + up_to(2 * stride - 1));
    bounds.first.push_back(first);
    bounds.last.push_back(last);
    bounds.samples += last - first;
  }
  return bounds;
}

double RandomValue(int kind, std::mt19937_64* random) {
  const double whole = static_cast<double>((*random)() % 2'000'001) - 1e6;
  switch (kind == 0 ? 3 : static_cast<int>((*random)() % 12)) {
    case 0:
      return kind < 2 ? whole : std::bit_cast<double>((*random)());
    case 1:
      return whole * 1e300;
    case 2:
      return -0.0;
    case 4:
      return kind < 3 ? whole / 3 : std::numeric_limits<double>::infinity();
    case 5:
      return kind < 3 ? whole : -std::numeric_limits<double>::infinity();
    case 6:
      return kind < 3 ? whole : std::numeric_limits<double>::max();
    default:
      return whole / 100;
  }
}

TEST(KahanWindows, HaveTheBitsOfSumsTakenOneByOne) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(testing::Message() << "BARO_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    std::vector<double> values(1 + random() % 400);
    for (double& value : values) value = RandomValue(round % 4, &random);
    const WindowBounds bounds = RandomBounds(values.size(), &random);
    std::vector<double> sums(bounds.first.size());
    std::vector<double> means(bounds.first.size());
    WindowSums(values, bounds, sums);
    WindowMeans(values, bounds, means);
    for (size_t step = 0; step < sums.size(); ++step) {
      const auto window =
          std::span(values).subspan(bounds.first[step], bounds.last[step] - bounds.first[step]);
      const double sum = window.empty() ? kNoValue : SumOneByOne(window);
      const double mean = window.empty() ? kNoValue : MeanOneByOne(window);
      ASSERT_TRUE(Same(sums[step], sum)) << sums[step] << " for " << sum << ", round " << round;
      ASSERT_TRUE(Same(means[step], mean)) << means[step] << " for " << mean << ", round " << round;
    }
  }
}

// Two series of as many samples, with the same first and last time and another one missing, share
// nothing, even when a reader puts them into the same buffer.
TEST(WindowCache, TellsTimesApartThatDifferInTheMiddle) {
  WindowSpec spec;
  spec.grid = {40'000, 10'000, 3};
  spec.range_ms = 20'000;
  WindowCache cache(spec);
  std::vector<int64_t> times_ms = {10'000, 20'000, 30'000, 50'000, 60'000};
  EXPECT_EQ(cache.Bounds(times_ms).last[0], 3u);
  times_ms[2] = 45'000;
  EXPECT_EQ(cache.Bounds(times_ms).last[0], 2u);
}

}  // namespace
}  // namespace baro::promql
