// Rounding down to a grid, times before 1970 too.
#pragma once

#include <cstdint>

namespace baro::slo {

// `step` is above 0.
constexpr int64_t FloorDivide(int64_t value, int64_t step) {
  return value / step - (value % step < 0 ? 1 : 0);
}
constexpr int64_t FloorTo(int64_t value, int64_t step) { return FloorDivide(value, step) * step; }

}  // namespace baro::slo
