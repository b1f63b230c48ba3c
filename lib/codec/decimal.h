// Decimal view of doubles: most values that people and exporters write are m / 10^e with a small
// integer m, or m · 2^k (bytes in pages and sectors), or lie a few ulp beside one, because a sum of
// such values was rounded at each step. Every step here is one correctly rounded IEEE operation,
// so that all machines get the same bits.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "bytes.h"

namespace baro::codec {

// 10^22 is the last power of ten that a double holds exactly.
inline constexpr std::array<double, 23> kPowersOfTen = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Magnitudes below this are rounded by adding and taking away 1.5 · 2^52: one ulp of the sum is 1.
inline constexpr double kMantissaLimit = 2251799813685248.0;  // 2^51

// `value` rounded to an integer, ties to even. Requires |value| < kMantissaLimit.
inline int64_t RoundToInteger(double value) {
  constexpr double kShift = 6755399441055744.0;  // 1.5 · 2^52
  return static_cast<int64_t>(BitsOf(value + kShift) - BitsOf(kShift));
}

// The m of `value` · `scale`; 0 for what has none (NaN, infinities, too large).
inline int64_t MantissaOf(double value, double scale) {
  const double scaled = value * scale;
  return std::fabs(scaled) < kMantissaLimit ? RoundToInteger(scaled) : 0;
}

// The double nearest to m / scale. Requires |m| <= 2^53.
inline double FromMantissa(int64_t mantissa, double scale) {
  return static_cast<double>(mantissa) / scale;
}

}  // namespace baro::codec
