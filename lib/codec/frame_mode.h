// Mode: how the changed values of one column are told against the value before (docs/formats/
// frame.md). A column keeps its mode until a value does not fit it, so modes cost nothing.
#pragma once

#include <array>
#include <cstdint>

#include "bytes.h"
#include "decimal.h"

namespace baro::codec {

// One byte: the scale's number, and two bits beside it.
inline constexpr uint8_t kScaleMask = 0x1f;
// A second number follows: how many ulp the value lies above m / scale.
inline constexpr uint8_t kUlpMode = 0x20;
// The difference of the bits themselves; alone, for what no scale suits.
inline constexpr uint8_t kBitsMode = 0x40;

inline constexpr size_t kDecimalScales = 19;

// Scale number → scale; 0 where there is none. Decimals, then powers of two for values that are
// multiples of a sector, 1 KiB, a page, 1 MiB.
inline constexpr std::array<double, kScaleMask + 1> kScales = [] {
  std::array<double, kScaleMask + 1> scales{};
  for (size_t e = 0; e < kDecimalScales; ++e) scales[e] = kPowersOfTen[e];
  scales[kDecimalScales] = 0x1p-9;
  scales[kDecimalScales + 1] = 0x1p-10;
  scales[kDecimalScales + 2] = 0x1p-12;
  scales[kDecimalScales + 3] = 0x1p-20;
  return scales;
}();

inline bool IsKnownMode(uint8_t mode) {
  return mode == kBitsMode ||
         ((mode & ~(kScaleMask | kUlpMode)) == 0 && kScales[mode & kScaleMask] != 0);
}

// `value` in some mode: the numbers to write, and whether it comes back from them.
struct ValueInMode {
  uint64_t difference = 0;  // zigzag
  uint64_t ulp = 0;         // zigzag; with kUlpMode
  bool fits = false;
};

inline ValueInMode InMode(double value, double base, uint8_t mode) {
  if (mode == kBitsMode) return {ZigZag(BitsOf(value) - BitsOf(base)), 0, true};
  constexpr uint64_t kUlpMax = uint64_t{1} << 20;  // three bytes; beyond, bits are cheaper
  const double scale = kScales[mode & kScaleMask];
  const int64_t mantissa = MantissaOf(value, scale);
  const uint64_t ulp = ZigZag(BitsOf(value) - BitsOf(FromMantissa(mantissa, scale)));
  const auto difference =
      static_cast<uint64_t>(mantissa) - static_cast<uint64_t>(MantissaOf(base, scale));
  return {ZigZag(difference), ulp, mode & kUlpMode ? ulp < kUlpMax : ulp == 0};
}

// The mode that tells `value` in the fewest bytes. Tries every scale: for a column's first value
// and for one that does not fit.
uint8_t CheapestMode(double value, double base);

inline size_t SizeInMode(const ValueInMode& coded, uint8_t mode) {
  return VarintSize(coded.difference) + (mode & kUlpMode ? VarintSize(coded.ulp) : 0);
}

// Reads one value; false when the bytes end or no double is meant.
inline bool GetValue(ByteSource* source, uint8_t mode, double base, double* value) {
  uint64_t coded = 0;
  if (!source->Varint(&coded)) return false;
  if (mode == kBitsMode) {
    *value = DoubleOf(BitsOf(base) + UnZigZag(coded));
    return true;
  }
  const double scale = kScales[mode & kScaleMask];
  const uint64_t mantissa = static_cast<uint64_t>(MantissaOf(base, scale)) + UnZigZag(coded);
  constexpr uint64_t kLimit = uint64_t{1} << 51;
  if (mantissa + kLimit > 2 * kLimit) return false;
  *value = FromMantissa(static_cast<int64_t>(mantissa), scale);
  if (mode & kUlpMode) {
    if (!source->Varint(&coded)) return false;
    *value = DoubleOf(BitsOf(*value) + UnZigZag(coded));
  }
  return true;
}

}  // namespace baro::codec
