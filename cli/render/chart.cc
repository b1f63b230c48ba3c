#include "render/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "baro/base/strings.h"
#include "render/text.h"
#include "time_text.h"

namespace baro::cli {
namespace {

constexpr int kDotsAcross = 2;
constexpr int kDotsDown = 4;
// Bits of U+2800 by dot row and dot column.
constexpr uint8_t kDotBits[kDotsDown][kDotsAcross] = {
    {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

struct AxisSpan {
  double low = 0;
  double high = 1;
  double tick = 1;
};

// 1, 2 or 5 times a power of ten, not smaller than `raw`.
double RoundStep(double raw) {
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double digit : {1.0, 2.0, 5.0}) {
    if (digit * power >= raw * 0.999) return digit * power;
  }
  return 10 * power;
}

AxisSpan SpanOf(const std::vector<ChartLine>& lines, double divisor, int ticks) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const ChartLine& line : lines) {
    for (const ChartPoint& point : line) {
      if (!std::isfinite(point.value)) continue;
      low = std::min(low, point.value);
      high = std::max(high, point.value);
    }
  }
  if (low > high) return {0, divisor, divisor};
  if (low >= 0 && low <= high / 2) low = 0;
  if (high <= 0 && high >= low / 2) high = 0;
  if (low == high) {
    const double around = low == 0 ? divisor : std::abs(low) / 10;
    low = low >= 0 ? std::max(0.0, low - around) : low - around;
    high += around;
  }
  const double tick = RoundStep((high - low) / divisor / std::max(1, ticks)) * divisor;
  if (!(tick > 0) || !std::isfinite(tick)) return {low, high, high - low};
  return {std::floor(low / tick + 1e-9) * tick, std::ceil(high / tick - 1e-9) * tick, tick};
}

// Dots of all lines on one grid; each cell remembers the line that drew last.
class DotGrid {
 public:
  DotGrid(int columns, int rows)
      : columns_(columns),
        rows_(rows),
        bits_(static_cast<size_t>(columns * rows), 0),
        owner_(bits_.size(), -1) {}

  int dots_across() const { return columns_ * kDotsAcross; }
  int dots_down() const { return rows_ * kDotsDown; }

  void Set(int x, int y, int line) {
    if (x < 0 || y < 0 || x >= dots_across() || y >= dots_down()) return;
    const size_t cell = Cell(x / kDotsAcross, y / kDotsDown);
    bits_[cell] = static_cast<uint8_t>(bits_[cell] | kDotBits[y % kDotsDown][x % kDotsAcross]);
    owner_[cell] = line;
  }

  // Joins two dots (Bresenham).
  void Draw(int x0, int y0, int x1, int y1, int line) {
    const int dx = std::abs(x1 - x0);
    const int dy = -std::abs(y1 - y0);
    const int sx = x0 < x1 ? 1 : -1;
    const int sy = y0 < y1 ? 1 : -1;
    for (int error = dx + dy;;) {
      Set(x0, y0, line);
      if (x0 == x1 && y0 == y1) return;
      const int twice = 2 * error;
      if (twice >= dy) {
        error += dy;
        x0 += sx;
      }
      if (twice <= dx) {
        error += dx;
        y0 += sy;
      }
    }
  }

  // One row of the picture. `letters` draws markers instead of dots.
  std::string Row(int row, bool letters, const Screen& screen) const {
    std::string out;
    for (int column = 0; column < columns_;) {
      const int owner = owner_[Cell(column, row)];
      std::string run;
      for (; column < columns_ && owner_[Cell(column, row)] == owner; ++column) {
        run += owner < 0 ? std::string(" ")
               : letters ? std::string(1, LineMarker(owner))
                         : Braille(bits_[Cell(column, row)]);
      }
      out += owner < 0 ? run : Styled(screen, SeriesStyle(owner), run);
    }
    return out;
  }

 private:
  size_t Cell(int column, int row) const { return static_cast<size_t>(row * columns_ + column); }

  // U+2800 + bits in UTF-8.
  static std::string Braille(uint8_t bits) {
    return {'\xE2', static_cast<char>(0xA0 | bits >> 6), static_cast<char>(0x80 | (bits & 0x3F))};
  }

  int columns_;
  int rows_;
  std::vector<uint8_t> bits_;
  std::vector<int> owner_;
};

// Maps time and value to dots.
struct Projection {
  AxisSpan span;
  double start_seconds;
  double end_seconds;
  int dots_across;
  int dots_down;

  int X(double time_seconds) const {
    const double length = std::max(end_seconds - start_seconds, 1e-9);
    return static_cast<int>(
        std::lround((time_seconds - start_seconds) / length * (dots_across - 1)));
  }
  int Y(double value) const {
    const double share = (span.high - value) / (span.high - span.low);
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * (dots_down - 1)));
  }
};

void DrawLine(const ChartLine& line, int index, double gap_seconds, const Projection& projection,
              DotGrid* grid) {
  const ChartPoint* before = nullptr;
  for (const ChartPoint& point : line) {
    if (!std::isfinite(point.value)) {
      before = nullptr;
      continue;
    }
    const bool joined =
        before != nullptr && point.time_seconds - before->time_seconds <= gap_seconds * 1.5;
    const ChartPoint& from = joined ? *before : point;
    grid->Draw(projection.X(from.time_seconds), projection.Y(from.value),
               projection.X(point.time_seconds), projection.Y(point.value), index);
    before = &point;
  }
}

// Letters of the lines by the row of their last value.
std::vector<std::string> MarginMarkers(const std::vector<ChartLine>& lines,
                                       const Projection& projection, int rows,
                                       const Screen& screen) {
  std::vector<std::string> markers(static_cast<size_t>(rows));
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto last = std::find_if(lines[i].rbegin(), lines[i].rend(),
                                   [](const ChartPoint& p) { return std::isfinite(p.value); });
    if (last == lines[i].rend()) continue;
    const auto row = static_cast<size_t>(projection.Y(last->value) / kDotsDown);
    const int index = static_cast<int>(i);
    markers[row] += Styled(screen, SeriesStyle(index), std::string(1, LineMarker(index)));
  }
  return markers;
}

std::vector<std::string> ValueLabels(const Projection& projection, int rows, const Scale& scale) {
  std::vector<std::string> labels(static_cast<size_t>(rows));
  Scale tick_scale = scale;
  const double step = projection.span.tick / scale.divisor;
  tick_scale.decimals = static_cast<int>(std::clamp(std::ceil(-std::log10(step) - 1e-9), 0.0, 9.0));
  const double count = (projection.span.high - projection.span.low) / projection.span.tick;
  for (int i = 0; i <= static_cast<int>(std::lround(std::min(count, 1000.0))); ++i) {
    const double value = projection.span.low + i * projection.span.tick;
    const auto row = static_cast<size_t>(projection.Y(value) / kDotsDown);
    labels[row] = FormatScaled(value, tick_scale);
  }
  return labels;
}

double TimeTick(double span_seconds, int columns, size_t label_width) {
  constexpr std::array kTicks =
      std::to_array<double>({1,     2,     5,      10,     15,      30,      60,      120,
                             300,   600,   900,    1800,   3600,    7200,    10800,   21600,
                             43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000});
  const double ticks_max = std::max(1.0, columns / (static_cast<double>(label_width) + 4));
  for (const double tick : kTicks) {
    if (span_seconds / tick <= ticks_max) return tick;
  }
  return span_seconds;
}

// The axis line with its tick marks, and the times below it.
std::string TimeAxis(const Projection& projection, int columns, int gutter) {
  const double span = projection.end_seconds - projection.start_seconds;
  const auto label_width = FormatAxisTime(projection.start_seconds, span).size();
  const double tick = TimeTick(span, columns, label_width);
  std::vector<bool> marks(static_cast<size_t>(columns), false);
  std::string labels(static_cast<size_t>(gutter + columns) + label_width + 8, ' ');
  size_t free_from = 4;  // the zone stands there, once for all
  for (double time = std::ceil(projection.start_seconds / tick) * tick;
       time <= projection.end_seconds; time += tick) {
    const int column = std::min(projection.X(time) / kDotsAcross, columns - 1);
    marks[static_cast<size_t>(column)] = true;
    const std::string text = FormatAxisTime(time, span);
    const int centred = gutter + column - static_cast<int>(text.size()) / 2;
    const auto at = static_cast<size_t>(std::max(0, centred));
    if (at < free_from || at + text.size() > static_cast<size_t>(gutter + columns)) continue;
    labels.replace(at, text.size(), text);
    free_from = at + text.size() + 2;
  }
  std::string line;
  for (const bool mark : marks) line += mark ? "┴" : "─";
  labels.erase(labels.find_last_not_of(' ') + 1);
  labels.replace(0, 3, "UTC");
  return base::StrCat(std::string(static_cast<size_t>(gutter - 1), ' '), "└", line, "\n", labels,
                      "\n");
}

Scale AxisScale(const std::vector<ChartLine>& lines, Unit unit) {
  std::vector<double> values;
  for (const ChartLine& line : lines) {
    for (const ChartPoint& point : line) values.push_back(point.value);
  }
  return ChooseScale(unit, values).scale;
}

}  // namespace

char LineMarker(int index) { return static_cast<char>('a' + index % 26); }

std::string RenderChart(const std::vector<ChartLine>& lines, const ChartFrame& frame,
                        const Screen& screen) {
  const Scale scale = AxisScale(lines, frame.unit);
  Projection projection{SpanOf(lines, scale.divisor, frame.rows / 3), frame.start_seconds,
                        frame.end_seconds, 0, frame.rows * kDotsDown};
  const auto labels = ValueLabels(projection, frame.rows, scale);
  int label_width = 3;
  for (const std::string& label : labels) label_width = std::max(label_width, DisplayWidth(label));
  const int gutter = label_width + 2;
  const int margin = static_cast<int>(lines.size()) + 1;
  const int columns = std::max(10, frame.columns - gutter - margin);

  DotGrid grid(columns, frame.rows);
  projection.dots_across = grid.dots_across();
  for (size_t i = lines.size(); i-- > 0;) {
    DrawLine(lines[i], static_cast<int>(i), frame.step_seconds, projection, &grid);
  }
  const auto markers = MarginMarkers(lines, projection, frame.rows, screen);
  const bool letters = !screen.color && lines.size() > 1;
  std::string out;
  for (int row = 0; row < frame.rows; ++row) {
    const auto& label = labels[static_cast<size_t>(row)];
    const auto& marker = markers[static_cast<size_t>(row)];
    std::string line = base::StrCat(PadLeft(label, label_width), label.empty() ? " │" : " ┤",
                                    grid.Row(row, letters, screen));
    if (!marker.empty()) base::StrAppend(&line, " ", marker);
    line.erase(line.find_last_not_of(' ') + 1);
    base::StrAppend(&out, line, "\n");
  }
  return out + TimeAxis(projection, columns, gutter);
}

std::string RenderTrend(const ChartLine& line, const ChartFrame& frame, int columns) {
  constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const AxisSpan span = SpanOf({line}, 1, 4);
  std::vector<double> sums(static_cast<size_t>(columns), 0);
  std::vector<int> counts(sums.size(), 0);
  const double length = std::max(frame.end_seconds - frame.start_seconds, 1e-9);
  for (const ChartPoint& point : line) {
    if (!std::isfinite(point.value)) continue;
    const double share = (point.time_seconds - frame.start_seconds) / length;
    const auto column = static_cast<size_t>(std::clamp(share * columns, 0.0, columns - 1.0));
    sums[column] += point.value;
    ++counts[column];
  }
  std::string out;
  for (size_t i = 0; i < sums.size(); ++i) {
    if (counts[i] == 0) {
      out += " ";
      continue;
    }
    const double share = (sums[i] / counts[i] - span.low) / (span.high - span.low);
    // Sums and spans of enormous values overflow: what is not a number is drawn as the lowest.
    out += kBlocks[share > 0 ? static_cast<size_t>(std::min(share * 8, 7.0)) : 0];
  }
  return out;
}

}  // namespace baro::cli
