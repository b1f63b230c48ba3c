#include "render/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "baro/base/strings.h"

namespace baro::cli {
namespace {

// From the 256-colour cube, with contrast against black and white alike.
constexpr std::array<const char*, kSeriesColors> kSeriesCodes = {
    "38;5;33", "38;5;166", "38;5;35", "38;5;170", "38;5;37", "38;5;161", "38;5;136", "38;5;99"};

const char* CodeOf(Style style) {
  if (style >= Style::kFirstSeries) {
    return kSeriesCodes[static_cast<size_t>(style) - static_cast<size_t>(Style::kFirstSeries)];
  }
  switch (style) {
    case Style::kFirstSeries:
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "1";
    case Style::kDim:
      return "2";
    case Style::kGood:
      return "32";
    case Style::kBad:
      return "1;31";
    case Style::kWarn:
      return "33";
  }
  return "";
}

std::string Wrapped(std::string_view code, std::string_view text) {
  return base::StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

int EnvironmentColumns() {
  const char* text = std::getenv("COLUMNS");
  const int columns = text == nullptr ? 0 : std::atoi(text);
  return columns >= 20 && columns <= 1000 ? columns : 80;
}

bool WantsColor(ColorChoice color, bool is_terminal) {
  if (color != ColorChoice::kAuto) return color == ColorChoice::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return is_terminal && term != nullptr && std::string_view(term) != "dumb";
}

}  // namespace

std::string Styled(const Screen& screen, Style style, std::string_view text) {
  if (!screen.color || style == Style::kPlain || text.empty()) return std::string(text);
  return Wrapped(CodeOf(style), text);
}

Screen DetectScreen(ColorChoice color) {
  Screen screen;
  screen.is_terminal = isatty(STDOUT_FILENO) == 1;
  screen.columns = EnvironmentColumns();
  winsize size{};
  if (screen.is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    screen.columns = size.ws_col;
    screen.rows = size.ws_row;
  }
  screen.color = WantsColor(color, screen.is_terminal);
  return screen;
}

}  // namespace baro::cli
