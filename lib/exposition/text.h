// Character classes, UTF-8 and escapes of the exposition formats.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace baro::exposition {

enum CharClass : uint8_t {
  kLabelStart = 1,   // [a-zA-Z_]
  kLabelChar = 2,    // [a-zA-Z0-9_]
  kMetricStart = 4,  // [a-zA-Z_:]
  kMetricChar = 8,   // [a-zA-Z0-9_:]
};

inline constexpr std::array<uint8_t, 256> kCharClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    const auto i = static_cast<size_t>(c);
    if (letter) classes[i] = kLabelStart | kLabelChar | kMetricStart | kMetricChar;
    if (digit) classes[i] = kLabelChar | kMetricChar;
    if (c == ':') classes[i] = kMetricStart | kMetricChar;
  }
  return classes;
}();

inline bool IsOf(char c, CharClass wanted) {
  return (kCharClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}

// The end of the run of characters of a class.
inline const char* SkipClass(const char* p, const char* end, CharClass wanted) {
  while (p != end && IsOf(*p, wanted)) ++p;
  return p;
}

// How many bytes both texts begin with in common.
inline size_t CommonPrefix(const char* p, const char* end, std::string_view text) {
  const size_t size = std::min(static_cast<size_t>(end - p), text.size());
  size_t i = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; i + 8 <= size; i += 8) {
      uint64_t a = 0;
      uint64_t b = 0;
      std::memcpy(&a, p + i, 8);
      std::memcpy(&b, text.data() + i, 8);
      if (a != b) return i + static_cast<size_t>(std::countr_zero(a ^ b)) / 8;
    }
  }
  while (i < size && p[i] == text[i]) ++i;
  return i;
}

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool IsUtf8Slowly(std::string_view text);

inline bool IsUtf8(std::string_view text) {
  const char* p = text.data();
  size_t left = text.size();
  uint64_t high = 0;
  for (; left >= 8; p += 8, left -= 8) {
    uint64_t word = 0;
    std::memcpy(&word, p, 8);
    high |= word;
  }
  for (; left > 0; ++p, --left) high |= static_cast<unsigned char>(*p);
  // Only the sign bit of a byte tells ASCII from the rest; the tail loop sets bits of byte 0.
  return (high & 0x8080808080808080) == 0 || IsUtf8Slowly(text);
}

// \\, \" and \n decoded; a backslash before any other character stays, as Prometheus has it.
std::string Unescape(std::string_view text);
// The same without \", for HELP of the text format.
std::string UnescapeHelp(std::string_view text);

}  // namespace baro::exposition
