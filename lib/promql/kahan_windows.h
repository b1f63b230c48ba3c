// Kahan sums of many windows over the same values, some windows at a time.
//
// One compensated sum is a chain of dependent additions, so the processor waits most of the time.
// Windows of neighbouring steps are independent of each other: eight of them run side by side, each
// adding its own values in its own order, so every sum has the bits that KahanSum gives it.
#pragma once

#include <span>

#include "window.h"

namespace baro::promql {

// The sums (sum_over_time) or means (avg_over_time) of the values within each step's bounds;
// kNoValue for empty ones. `results` is as long as `bounds`.
void WindowSums(std::span<const double> values, const WindowBounds& bounds,
                std::span<double> results);
void WindowMeans(std::span<const double> values, const WindowBounds& bounds,
                 std::span<double> results);

}  // namespace baro::promql
