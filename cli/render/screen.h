// The place that output goes to, as far as rendering needs to know it.
#pragma once

#include <string>
#include <string_view>

namespace baro::cli {

struct Screen {
  int columns = 80;
  int rows = 24;
  bool is_terminal = false;
  bool color = false;
};

// What a piece of text means; colours are chosen to be readable on light and dark.
enum class Style { kPlain, kBold, kDim, kGood, kBad, kWarn, kFirstSeries };

// The text in its style when the screen has colours, unchanged otherwise.
std::string Styled(const Screen& screen, Style style, std::string_view text);

// Colours of things that are told apart, 0-based; they repeat after kSeriesColors.
inline constexpr int kSeriesColors = 8;
inline Style SeriesStyle(int index) {
  return static_cast<Style>(static_cast<int>(Style::kFirstSeries) + index % kSeriesColors);
}

// What lies at stdout: a terminal of which size, else $COLUMNS or 80 columns without colours.
enum class ColorChoice { kAuto, kAlways, kNever };
Screen DetectScreen(ColorChoice color);

}  // namespace baro::cli
