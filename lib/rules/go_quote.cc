// Go's quoted strings and UTF-8.
#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {
namespace {

constexpr uint32_t kReplacement = 0xfffd;
constexpr char kHex[] = "0123456789abcdef";

// Printable as strconv.Quote sees it, near enough: controls, separators and specials are not.
bool IsPrintable(uint32_t rune) {
  if (rune < 0x20 || (rune >= 0x7f && rune < 0xa1) || rune == 0xad) return false;
  if (rune >= 0x2000 && rune <= 0x200f) return false;
  if (rune >= 0x2028 && rune <= 0x202f) return false;
  if (rune >= 0x205f && rune <= 0x206f) return false;
  if (rune >= 0xe000 && rune <= 0xf8ff) return false;
  return rune != 0x3000 && rune != 0xfeff && rune < 0xf0000;
}

void AppendEscaped(uint32_t rune, std::string* out) {
  switch (rune) {
    case '\a':
      *out += "\\a";
      return;
    case '\b':
      *out += "\\b";
      return;
    case '\f':
      *out += "\\f";
      return;
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    case '\v':
      *out += "\\v";
      return;
    default:
      break;
  }
  const int places = rune < 0x80 ? 2 : rune < 0x10000 ? 4 : 8;
  *out += places == 2 ? "\\x" : places == 4 ? "\\u" : "\\U";
  for (int shift = (places - 1) * 4; shift >= 0; shift -= 4) *out += kHex[rune >> shift & 15];
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `digits` hexadecimal digits from the front.
bool TakeHex(std::string_view* text, size_t digits, uint32_t* value) {
  if (text->size() < digits) return false;
  *value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = HexDigit((*text)[i]);
    if (digit < 0) return false;
    *value = *value << 4 | static_cast<uint32_t>(digit);
  }
  text->remove_prefix(digits);
  return true;
}

bool TakeOctal(std::string_view* text, char first, std::string* out) {
  uint32_t value = static_cast<uint32_t>(first - '0');
  if (text->size() < 2) return false;
  for (int i = 0; i < 2; ++i) {
    const char c = (*text)[0];
    if (c < '0' || c > '7') return false;
    value = value << 3 | static_cast<uint32_t>(c - '0');
    text->remove_prefix(1);
  }
  if (value > 255) return false;
  *out += static_cast<char>(value);
  return true;
}

// What follows a backslash.
bool TakeEscape(std::string_view* text, char quote, std::string* out) {
  if (text->empty()) return false;
  const char c = text->front();
  text->remove_prefix(1);
  constexpr std::string_view kLetters = "abfnrtv\\";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
  if (const size_t i = kLetters.find(c); i != std::string_view::npos) {
    *out += kMeanings[i];
    return true;
  }
  if (c >= '0' && c <= '7') return TakeOctal(text, c, out);
  uint32_t value = 0;
  switch (c) {
    case 'x':
      if (!TakeHex(text, 2, &value)) return false;
      *out += static_cast<char>(value);
      return true;
    case 'u':
    case 'U':
      if (!TakeHex(text, c == 'u' ? 4 : 8, &value)) return false;
      if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return false;
      AppendUtf8(value, out);
      return true;
    default:
      if (c != quote) return false;
      *out += c;
      return true;
  }
}

}  // namespace

void AppendUtf8(uint32_t rune, std::string* out) {
  if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) rune = kReplacement;
  if (rune < 0x80) {
    *out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    *out += static_cast<char>(0xc0 | rune >> 6);
    *out += static_cast<char>(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    *out += static_cast<char>(0xe0 | rune >> 12);
    *out += static_cast<char>(0x80 | (rune >> 6 & 0x3f));
    *out += static_cast<char>(0x80 | (rune & 0x3f));
  } else {
    *out += static_cast<char>(0xf0 | rune >> 18);
    *out += static_cast<char>(0x80 | (rune >> 12 & 0x3f));
    *out += static_cast<char>(0x80 | (rune >> 6 & 0x3f));
    *out += static_cast<char>(0x80 | (rune & 0x3f));
  }
}

uint32_t TakeRune(std::string_view* text) {
  const auto first = static_cast<unsigned char>(text->front());
  text->remove_prefix(1);
  if (first < 0x80) return first;
  const size_t more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
  if (more == 0 || first >= 0xf5 || text->size() < more) return kReplacement;
  uint32_t rune = first & (0x3fU >> more);
  for (size_t i = 0; i < more; ++i) {
    const auto next = static_cast<unsigned char>((*text)[i]);
    if ((next & 0xc0) != 0x80) return kReplacement;
    rune = rune << 6 | (next & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (rune < kLeast[more] || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) {
    return kReplacement;
  }
  text->remove_prefix(more);
  return rune;
}

std::string GoQuote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::string_view before = text;
    const uint32_t rune = TakeRune(&text);
    const size_t size = before.size() - text.size();
    if (rune == kReplacement && size == 1) {
      const auto byte = static_cast<unsigned char>(before[0]);
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else if (rune == '"' || rune == '\\') {
      out += '\\';
      out += static_cast<char>(rune);
    } else if (IsPrintable(rune)) {
      out += before.substr(0, size);
    } else {
      AppendEscaped(rune, &out);
    }
  }
  return out + "\"";
}

std::optional<std::string> GoUnquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back()) return std::nullopt;
  const char quote = quoted.front();
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  std::string out;
  if (quote == '`') {
    for (const char c : text) {
      if (c == '`') return std::nullopt;
      if (c != '\r') out += c;
    }
    return out;
  }
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == quote || c == '\n') return std::nullopt;
    if (c != '\\') {
      out += c;
    } else if (!TakeEscape(&text, quote, &out)) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace baro::rules
