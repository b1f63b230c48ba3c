#include "kahan_windows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "float_math.h"
#include "rows.h"

namespace baro::promql {
namespace {

// GCC and clang lower these to whatever registers the function is compiled for.
using Doubles = double __attribute__((vector_size(32)));
using Words = int64_t __attribute__((vector_size(32)));
constexpr size_t kWidth = 4;
constexpr size_t kLanes = 2 * kWidth;  // two vectors hide each other's latency
// Shorter windows are not worth setting up.
constexpr size_t kCommonMin = 4;

struct Lanes {
  Doubles sum;
  Doubles compensation;
};

struct Windows {
  std::array<const double*, kLanes> first;
  size_t common = 0;  // values that each of them has
};

// KahanSum::Add() without its branches, in each lane. Vectors are never passed or returned by
// value, which would tie callers to the registers the function is compiled for.
[[gnu::always_inline]] inline void AddTo(Lanes* lanes, const Doubles& value) {
  const Words magnitude = Words{} + INT64_MAX;  // all bits but the sign
  const Words infinity = Words{} + 0x7ff0000000000000;
  const Doubles sum = lanes->sum;
  const Doubles total = sum + value;
  const auto sum_size = reinterpret_cast<Doubles>(reinterpret_cast<Words>(sum) & magnitude);
  const auto value_size = reinterpret_cast<Doubles>(reinterpret_cast<Words>(value) & magnitude);
  const Words sum_is_larger = sum_size >= value_size;
  const Doubles larger = sum_is_larger ? sum : value;
  const Doubles smaller = sum_is_larger ? value : sum;
  const Doubles compensation = lanes->compensation + ((larger - total) + smaller);
  const Words overflows = (reinterpret_cast<Words>(total) & magnitude) == infinity;
  lanes->compensation = overflows ? Doubles{} : compensation;
  lanes->sum = total;
}

[[gnu::always_inline]] inline void Gather(const Windows& windows, size_t begin, size_t at,
                                          Doubles* values) {
  const auto* first = &windows.first[begin];
  *values = Doubles{first[0][at], first[1][at], first[2][at], first[3][at]};
}

[[gnu::always_inline]] inline void AddCommon(const Windows& windows, size_t from, Lanes* low,
                                             Lanes* high) {
  Lanes low_lanes = *low;
  Lanes high_lanes = *high;
  Doubles values;
  for (size_t at = from; at < windows.common; ++at) {
    Gather(windows, 0, at, &values);
    AddTo(&low_lanes, values);
    Gather(windows, kWidth, at, &values);
    AddTo(&high_lanes, values);
  }
  *low = low_lanes;
  *high = high_lanes;
}

void AddCommonPlain(const Windows& windows, size_t from, Lanes* low, Lanes* high) {
  AddCommon(windows, from, low, high);
}

#if defined(__x86_64__)
// AVX2 without FMA: a fused multiply-add would round differently (there is none here to fuse, and
// it stays so).
[[gnu::target("avx2")]] void AddCommonWide(const Windows& windows, size_t from, Lanes* low,
                                           Lanes* high) {
  AddCommon(windows, from, low, high);
}
#endif

using AddCommonFunction = void (*)(const Windows&, size_t, Lanes*, Lanes*);

AddCommonFunction ChooseAddCommon() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return AddCommonWide;
#endif
  return AddCommonPlain;
}

// A sum starts from zero; a mean's first value is set, not added.
struct SumRule {
  static constexpr bool kFirstIsSet = false;
  static double Of(std::span<const double> values) {
    KahanSum sum;
    for (const double value : values) sum.Add(value);
    return std::isinf(sum.sum) ? sum.sum : sum.Total();
  }
  static double Result(const KahanSum& sum, size_t) { return sum.Total(); }
};
struct MeanRule {
  static constexpr bool kFirstIsSet = true;
  static double Of(std::span<const double> values) {
    KahanMean mean;
    for (const double value : values) mean.Add(value);
    return mean.Mean();
  }
  static double Result(const KahanSum& sum, size_t size) {
    const auto count = static_cast<double>(size);
    return sum.sum / count + sum.compensation / count;
  }
};

template <typename Rule>
double One(std::span<const double> values, const WindowBounds& bounds, size_t step) {
  const size_t first = bounds.first[step];
  const size_t size = bounds.last[step] - first;
  return size == 0 ? kNoValue : Rule::Of(values.subspan(first, size));
}

// Steps [begin, begin + kLanes), which have at least `common` values each.
template <typename Rule>
void Several(std::span<const double> values, const WindowBounds& bounds, size_t begin,
             size_t common, double* results) {
  static const AddCommonFunction add_common = ChooseAddCommon();
  Windows windows;
  windows.common = common;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    windows.first[lane] = values.data() + bounds.first[begin + lane];
  }
  Lanes low{};
  Lanes high{};
  if constexpr (Rule::kFirstIsSet) {
    Gather(windows, 0, 0, &low.sum);
    Gather(windows, kWidth, 0, &high.sum);
  }
  add_common(windows, Rule::kFirstIsSet ? 1 : 0, &low, &high);
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const Lanes& lanes = lane < kWidth ? low : high;
    KahanSum sum{lanes.sum[lane % kWidth], lanes.compensation[lane % kWidth]};
    const size_t size = bounds.last[begin + lane] - bounds.first[begin + lane];
    for (size_t at = common; at < size; ++at) sum.Add(windows.first[lane][at]);
    // Overflow, and what comes of infinities, is told one value at a time.
    results[lane] =
        std::isfinite(sum.sum) ? Rule::Result(sum, size) : One<Rule>(values, bounds, begin + lane);
  }
}

template <typename Rule>
void All(std::span<const double> values, const WindowBounds& bounds, std::span<double> results) {
  for (size_t step = 0; step < results.size();) {
    size_t common = step + kLanes <= results.size() ? SIZE_MAX : 0;
    for (size_t lane = 0; lane < kLanes && common > 0; ++lane) {
      common = std::min<size_t>(common, bounds.last[step + lane] - bounds.first[step + lane]);
    }
    if (common >= kCommonMin) {
      Several<Rule>(values, bounds, step, common, &results[step]);
      step += kLanes;
    } else {
      results[step] = One<Rule>(values, bounds, step);
      ++step;
    }
  }
}

}  // namespace

void WindowSums(std::span<const double> values, const WindowBounds& bounds,
                std::span<double> results) {
  All<SumRule>(values, bounds, results);
}

void WindowMeans(std::span<const double> values, const WindowBounds& bounds,
                 std::span<double> results) {
  All<MeanRule>(values, bounds, results);
}

}  // namespace baro::promql
