#include "render/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>

#include "baro/base/strings.h"

namespace baro::cli {
namespace {

struct Rune {
  char32_t code = 0;
  size_t bytes = 1;
  bool valid = false;
};

struct Range {
  char32_t first;
  char32_t last;
};

// Combining marks of the scripts that label values are written in (Unicode category Mn, Me).
constexpr std::array kCombining = std::to_array<Range>({
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},   {0x064B, 0x065F},
    {0x06D6, 0x06DC}, {0x0900, 0x0902}, {0x093C, 0x093C}, {0x0941, 0x0948},   {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},   {0x20D0, 0x20F0},
    {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF},
});

// East Asian Width W and F (Unicode annex 11), and the emoji blocks.
constexpr std::array kWide = std::to_array<Range>({
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x26A1, 0x26A1},   {0x26C4, 0x26C5},   {0x2705, 0x2705},
    {0x274C, 0x274C},   {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
    {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},
    {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18AFF},
    {0x1B000, 0x1B2FF}, {0x1F004, 0x1F004}, {0x1F18E, 0x1F19A}, {0x1F200, 0x1F320},
    {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA},
    {0x1F3E0, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F567}, {0x1F5FB, 0x1F64F},
    {0x1F680, 0x1F6C5}, {0x1F6D0, 0x1F6DF}, {0x1F6EB, 0x1F6FC}, {0x1F7E0, 0x1F7F0},
    {0x1F90C, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
});

// Characters that draw nothing but change what the reader sees.
constexpr std::array kInvisible = std::to_array<Range>({
    {0x0080, 0x009F},
    {0x00AD, 0x00AD},
    {0x061C, 0x061C},
    {0x180E, 0x180E},
    {0x200B, 0x200F},
    {0x2028, 0x202E},
    {0x2060, 0x206F},
    {0xFEFF, 0xFEFF},
    {0xFFF9, 0xFFFB},
    {0xE0000, 0xE007F},
});

template <size_t kSize>
bool Contains(const std::array<Range, kSize>& ranges, char32_t code) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), code,
                       [](char32_t c, const Range& range) { return c < range.first; });
  return after != ranges.begin() && code <= std::prev(after)->last;
}

// Reads the character at `at`. Overlong forms, surrogates and cut sequences are not valid.
Rune RuneAt(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + bytes > text.size()) return {};
  char32_t code = lead & (0xFFU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(at + i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, bytes, true};
}

int RuneWidth(char32_t code) {
  if (Contains(kCombining, code)) return 0;
  return Contains(kWide, code) ? 2 : 1;
}

void AppendEscaped(std::string* out, Rune rune, unsigned char first_byte) {
  std::array<char, 16> escape{};
  if (!rune.valid || rune.code < 0x80) {
    if (rune.valid && rune.code == '\n') return base::StrAppend(out, "\\n");
    if (rune.valid && rune.code == '\t') return base::StrAppend(out, "\\t");
    if (rune.valid && rune.code == '\r') return base::StrAppend(out, "\\r");
    std::snprintf(escape.data(), escape.size(), "\\x%02x", static_cast<unsigned>(first_byte));
  } else {
    std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(rune.code));
  }
  out->append(escape.data());
}

// The longest beginning that fits into `columns`.
std::string_view Head(std::string_view text, int columns) {
  size_t at = 0;
  while (at < text.size()) {
    const Rune rune = RuneAt(text, at);
    columns -= RuneWidth(rune.code);
    if (columns < 0) break;
    at += rune.bytes;
  }
  return text.substr(0, at);
}

// The longest end that fits into `columns`.
std::string_view Tail(std::string_view text, int columns) {
  int surplus = DisplayWidth(text) - columns;
  size_t at = 0;
  while (at < text.size() && surplus > 0) {
    const Rune rune = RuneAt(text, at);
    surplus -= RuneWidth(rune.code);
    at += rune.bytes;
  }
  return text.substr(at);
}

}  // namespace

std::string Harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Rune rune = RuneAt(text, at);
    const bool obeyed = rune.code < 0x20 || rune.code == 0x7F || Contains(kInvisible, rune.code);
    if (!rune.valid || obeyed) {
      AppendEscaped(&out, rune, static_cast<unsigned char>(text[at]));
    } else {
      out.append(text.substr(at, rune.bytes));
    }
    at += rune.bytes;
  }
  return out;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    const Rune rune = RuneAt(text, at);
    width += RuneWidth(rune.code);
    at += rune.bytes;
  }
  return width;
}

std::string CutToWidth(std::string_view text, int columns, Cut cut) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns < 1) return "";
  const int kept = columns - 1;
  const int tail = cut == Cut::kEnd ? 0 : kept / 2;
  return base::StrCat(Head(text, kept - tail), "…", Tail(text, tail));
}

std::string PadRight(std::string_view text, int columns) {
  const int missing = std::max(0, columns - DisplayWidth(text));
  return base::StrCat(text, std::string(static_cast<size_t>(missing), ' '));
}

std::string PadLeft(std::string_view text, int columns) {
  const int missing = std::max(0, columns - DisplayWidth(text));
  return base::StrCat(std::string(static_cast<size_t>(missing), ' '), text);
}

}  // namespace baro::cli
