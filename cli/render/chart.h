// A line chart in braille: two by four dots in each character, axes with round numbers.
#pragma once

#include <string>
#include <vector>

#include "render/number.h"
#include "render/screen.h"

namespace baro::cli {

// More lines cannot be told apart.
inline constexpr int kChartSeriesMax = kSeriesColors;

struct ChartPoint {
  double time_seconds = 0;
  double value = 0;
};

using ChartLine = std::vector<ChartPoint>;  // oldest first

struct ChartFrame {
  double start_seconds = 0;
  double end_seconds = 0;
  double step_seconds = 0;  // points further apart than this are not joined: a gap is a gap
  Unit unit = Unit::kNone;
  int columns = 80;
  int rows = 16;  // of the plot itself
};

// The letter that stands for a line: a, b, c, …
char LineMarker(int index);

// Draws at most kChartSeriesMax lines. Each line's letter stands right of its last value. Without
// colours several lines are drawn with their letters instead of dots, since dots would all look
// alike. The value axis starts at zero unless all values lie close together far from it.
std::string RenderChart(const std::vector<ChartLine>& lines, const ChartFrame& frame,
                        const Screen& screen);

// A line of `columns` block characters: how values went; a blank where there are none.
std::string RenderTrend(const ChartLine& line, const ChartFrame& frame, int columns);

}  // namespace baro::cli
