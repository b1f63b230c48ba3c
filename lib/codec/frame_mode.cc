#include "frame_mode.h"

namespace baro::codec {
namespace {

// A counter of pages is a multiple of 4096 each time; one that is so by chance once is rare, and
// only costs a change of mode.
uint8_t ScaleOfInteger(double value) {
  const auto zeros = std::countr_zero(static_cast<uint64_t>(static_cast<int64_t>(value)));
  if (zeros >= 20) return kDecimalScales + 3;
  if (zeros >= 12) return kDecimalScales + 2;
  if (zeros >= 10) return kDecimalScales + 1;
  return zeros >= 9 ? kDecimalScales : 0;
}

}  // namespace

uint8_t CheapestMode(double value, double base) {
  if (InMode(value, base, 0).fits && BitsOf(value) != 0) return ScaleOfInteger(value);
  uint8_t cheapest = kBitsMode;
  size_t size = SizeInMode(InMode(value, base, kBitsMode), kBitsMode);
  for (uint8_t scale = 0; scale < kDecimalScales; ++scale) {
    const ValueInMode exact = InMode(value, base, scale);
    const uint8_t mode = exact.fits ? scale : scale | kUlpMode;
    const ValueInMode coded = exact.fits ? exact : InMode(value, base, mode);
    const size_t size_here = SizeInMode(coded, mode);
    if (coded.fits && size_here < size) {
      cheapest = mode;
      size = size_here;
    }
    // More digits of the same number only make m larger.
    if (exact.fits) break;
  }
  return cheapest;
}

}  // namespace baro::codec
