#include "number_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "baro/base/strings.h"

namespace baro::promql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string SpecialFloat(double value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

std::string ToChars(double value, std::chars_format format) {
  std::array<char, 512> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
  return std::string(buffer.data(), end.ptr);
}

// Go's rule for underscores: between digits, or right after 0x.
bool UnderscoresAreFine(std::string_view text) {
  char previous = '^';  // as Go's: '0' stands for a digit or prefix, '_' for itself
  size_t i = 0;
  bool hex = false;
  if (text.size() >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    i = 2;
    previous = '0';
    hex = true;
  }
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (IsDigit(c) || (hex && std::isxdigit(static_cast<unsigned char>(c)) != 0)) {
      previous = '0';
    } else if (c == '_') {
      if (previous != '0') return false;
      previous = '_';
    } else {
      if (previous == '_') return false;
      previous = '!';
    }
  }
  return previous != '_';
}

bool ParseInteger(std::string_view digits, int base, double* value) {
  if (digits.empty()) return false;
  uint64_t number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return false;
  if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return false;
  *value = static_cast<double>(static_cast<int64_t>(number));
  return true;
}

std::string WithoutUnderscores(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != '_') plain += c;
  }
  return plain;
}

enum class FloatError { kNone, kSyntax, kRange };

bool IsWord(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != word[i]) return false;
  }
  return true;
}

FloatError ReadFloat(std::string_view written, double* value) {
  std::string_view text = written;
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (IsWord(text, "inf") || IsWord(text, "infinity")) {
    *value = negative ? -INFINITY : INFINITY;
    return FloatError::kNone;
  }
  if (IsWord(written, "nan")) {
    *value = std::numeric_limits<double>::quiet_NaN();
    return FloatError::kNone;
  }
  if (text.empty() || !UnderscoresAreFine(text)) return FloatError::kSyntax;
  const std::string plain = WithoutUnderscores(text);
  const bool hex = plain.size() > 2 && plain[0] == '0' && (plain[1] | 0x20) == 'x';
  const char* first = plain.data() + (hex ? 2 : 0);
  const char* const last = plain.data() + plain.size();
  // Go wants a hexadecimal float to have its p exponent.
  if (hex && plain.find_first_of("pP") == std::string::npos) return FloatError::kSyntax;
  if (first == last || !(IsDigit(*first) || *first == '.' || hex)) return FloatError::kSyntax;
  const auto end = std::from_chars(first, last, *value,
                                   hex ? std::chars_format::hex : std::chars_format::general);
  if (end.ptr != last) return FloatError::kSyntax;
  if (end.ec == std::errc::result_out_of_range) {
    // from_chars leaves the value alone; strtod tells overflow from underflow.
    *value = std::strtod(plain.c_str(), nullptr);
    if (std::isinf(*value)) return FloatError::kRange;
  } else if (end.ec != std::errc()) {
    return FloatError::kSyntax;
  }
  if (negative) *value = -*value;
  return FloatError::kNone;
}

// Printable in Go's sense, near enough: control, format and separator characters are escaped.
bool IsPrintable(uint32_t code) {
  if (code < 0x20 || code == 0x7f) return false;
  if (code >= 0x80 && code < 0xa1) return false;
  if (code == 0xad || code == 0x2028 || code == 0x2029 || code == 0xfeff) return false;
  if (code >= 0x2000 && code <= 0x200f) return false;
  if (code >= 0x202a && code <= 0x202f) return false;
  if (code >= 0x205f && code <= 0x206f) return false;
  if (code == 0x3000 || code == 0x1680) return false;
  if (code >= 0xe000 && code <= 0xf8ff) return false;
  return code < 0xd800 || code > 0xdfff;
}

std::string Hex(uint32_t value, int width) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%0*x", width, value);
  return buffer.data();
}

void AppendEscaped(Rune rune, char raw, char quote, std::string* out) {
  if (rune.code == static_cast<unsigned char>(quote) || rune.code == '\\') {
    *out += '\\';
    *out += static_cast<char>(rune.code);
    return;
  }
  if (rune.code == kBrokenRune && rune.size == 1) {
    *out += "\\x" + Hex(static_cast<unsigned char>(raw), 2);
    return;
  }
  if (IsPrintable(rune.code)) {
    AppendRune(rune.code, out);
    return;
  }
  static constexpr std::string_view kNamed = "abtnvfr";  // from \a = 7
  if (rune.code >= 7 && rune.code <= 13) {
    *out += '\\';
    *out += kNamed[rune.code - 7];
  } else if (rune.code < 0x80) {
    *out += "\\x" + Hex(rune.code, 2);
  } else if (rune.code < 0x10000) {
    *out += "\\u" + Hex(rune.code, 4);
  } else {
    *out += "\\U" + Hex(rune.code, 8);
  }
}

}  // namespace

Rune DecodeRune(std::string_view text) {
  if (text.empty()) return {0, 0};
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  size_t size = 0;
  uint32_t code = 0;
  if ((first & 0xe0) == 0xc0) {
    size = 2;
    code = first & 0x1f;
  } else if ((first & 0xf0) == 0xe0) {
    size = 3;
    code = first & 0x0f;
  } else if ((first & 0xf8) == 0xf0) {
    size = 4;
    code = first & 0x07;
  }
  if (size == 0 || text.size() < size) return {kBrokenRune, 1};
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {kBrokenRune, 1};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  static constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    return {kBrokenRune, 1};
  }
  return {code, size};
}

bool IsValidLabelName(std::string_view name) {
  if (name.empty()) return false;
  while (!name.empty()) {
    const Rune rune = DecodeRune(name);
    if (rune.code == kBrokenRune && rune.size == 1) return false;
    name.remove_prefix(rune.size);
  }
  return true;
}

void AppendRune(uint32_t code, std::string* text) {
  const auto put = [text](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

std::string Quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    AppendEscaped(rune, text[0], '"', &out);
    text.remove_prefix(rune.size);
  }
  return out + "\"";
}

std::string QuoteRune(uint32_t code) {
  std::string out = "'";
  AppendEscaped({code, 3}, 0, '\'', &out);
  return out + "'";
}

std::string DescribeRune(uint32_t code) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "U+%04X", code);
  std::string out = buffer.data();
  if (IsPrintable(code)) {
    out += " '";
    AppendRune(code, &out);
    out += "'";
  }
  return out;
}

namespace {

// One escape sequence, its backslash still there; appends and cuts it off. False: malformed.
bool UnquoteEscape(char quote, std::string_view* text, std::string* out) {
  if (text->size() < 2) return false;
  const char c = (*text)[1];
  static constexpr std::string_view kLetters = "abfnrtv\\";
  static constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\";
  if (const size_t at = kLetters.find(c); at != std::string_view::npos) {
    *out += kValues[at];
    text->remove_prefix(2);
    return true;
  }
  if (c == '\'' || c == '"') {
    if (c != quote) return false;
    *out += c;
    text->remove_prefix(2);
    return true;
  }
  const bool octal = c >= '0' && c <= '7';
  const size_t digits = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  const size_t skip = octal ? 1 : 2;
  if (digits == 0 || text->size() < skip + digits) return false;
  uint32_t code = 0;
  const char* const first = text->data() + skip;
  const auto end = std::from_chars(first, first + digits, code, octal ? 8 : 16);
  if (end.ec != std::errc() || end.ptr != first + digits) return false;
  text->remove_prefix(skip + digits);
  if (digits <= 3) {
    if (code > 255) return false;
    out->push_back(static_cast<char>(code));
    return true;
  }
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  AppendRune(code, out);
  return true;
}

}  // namespace

absl::StatusOr<std::string> Unquote(std::string_view quoted) {
  const absl::Status bad = absl::InvalidArgumentError("invalid syntax");
  if (quoted.size() < 2 || quoted.front() != quoted.back()) return bad;
  const char quote = quoted.front();
  std::string_view inside = quoted.substr(1, quoted.size() - 2);
  if (quote == '`') {
    return inside.find('`') == std::string_view::npos ? absl::StatusOr<std::string>(inside) : bad;
  }
  if (quote != '"' && quote != '\'') return bad;
  std::string value;
  while (!inside.empty()) {
    if (inside.front() == quote || inside.front() == '\n') return bad;
    if (inside.front() != '\\') {
      value += inside.front();
      inside.remove_prefix(1);
    } else if (!UnquoteEscape(quote, &inside, &value)) {
      return bad;
    }
  }
  return value;
}

absl::StatusOr<double> ParseNumber(std::string_view text) {
  double value = 0;
  if (UnderscoresAreFine(text)) {
    const std::string plain = WithoutUnderscores(text);
    const std::string_view digits = plain;
    if (digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == 'x') {
      if (ParseInteger(digits.substr(2), 16, &value)) return value;
    } else if (digits.size() > 1 && digits[0] == '0') {
      if (ParseInteger(digits.substr(1), 8, &value)) return value;
    } else if (ParseInteger(digits, 10, &value)) {
      return value;
    }
  }
  const FloatError error = ReadFloat(text, &value);
  if (error == FloatError::kNone) return value;
  return absl::InvalidArgumentError(
      base::StrCat("strconv.ParseFloat: parsing ", Quote(text), ": ",
                   error == FloatError::kRange ? "value out of range" : "invalid syntax"));
}

bool ParseFloat(std::string_view text, double* value) {
  return ReadFloat(text, value) == FloatError::kNone;
}

absl::StatusOr<int64_t> ParseDurationMs(std::string_view text) {
  struct Unit {
    std::string_view name;
    int64_t ms;
  };
  static constexpr Unit kUnits[] = {{"y", 365LL * 86'400'000},
                                    {"w", 7LL * 86'400'000},
                                    {"d", 86'400'000},
                                    {"h", 3'600'000},
                                    {"m", 60'000},
                                    {"s", 1'000},
                                    {"ms", 1}};
  // Go keeps durations in nanoseconds in an int64.
  constexpr int64_t kMsMax = std::numeric_limits<int64_t>::max() / 1'000'000;
  if (text.empty()) return absl::InvalidArgumentError("empty duration string");
  if (text == "0") return 0;
  const absl::Status bad =
      absl::InvalidArgumentError(base::StrCat("not a valid duration string: ", Quote(text)));
  const absl::Status big = absl::InvalidArgumentError("duration out of range");
  int64_t total = 0;
  size_t next_unit = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    int64_t count = 0;
    const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (!IsDigit(rest[0])) return bad;
    const bool overflow = end.ec == std::errc::result_out_of_range;
    rest.remove_prefix(static_cast<size_t>(end.ptr - rest.data()));
    size_t letters = 0;
    while (letters < rest.size() && !IsDigit(rest[letters])) ++letters;
    size_t unit = next_unit;
    while (unit < std::size(kUnits) && kUnits[unit].name != rest.substr(0, letters)) ++unit;
    if (unit == std::size(kUnits)) {
      const std::string_view name = rest.substr(0, letters);
      const bool known = std::any_of(std::begin(kUnits), std::end(kUnits),
                                     [name](const Unit& other) { return other.name == name; });
      if (known || name.empty()) return bad;
      return absl::InvalidArgumentError(
          base::StrCat("unknown unit ", Quote(name), " in duration ", Quote(text)));
    }
    if (overflow || count > (kMsMax - total) / kUnits[unit].ms) return big;
    total += count * kUnits[unit].ms;
    next_unit = unit + 1;
    rest.remove_prefix(letters);
  }
  return total;
}

std::string FormatDuration(int64_t duration_ms) {
  if (duration_ms == 0) return "0s";
  std::string out;
  int64_t rest = duration_ms;
  const auto put = [&out, &rest](std::string_view unit, int64_t ms, bool only_exact) {
    if (only_exact && rest % ms != 0) return;
    if (rest / ms <= 0) return;
    base::StrAppend(&out, rest / ms, unit);
    rest %= ms;
  };
  put("y", 365LL * 86'400'000, true);
  put("w", 7LL * 86'400'000, true);
  put("d", 86'400'000, false);
  put("h", 3'600'000, false);
  put("m", 60'000, false);
  put("s", 1'000, false);
  put("ms", 1, false);
  return out;
}

std::string FormatFixed(double value) {
  if (!std::isfinite(value)) return SpecialFloat(value);
  // Beyond 2^53 to_chars tells all digits of the integer; Go the shortest ones, and zeros.
  constexpr double kExactMax = 9'007'199'254'740'992.0;
  if (std::abs(value) <= kExactMax) return ToChars(value, std::chars_format::fixed);
  std::string digits = ToChars(value, std::chars_format::scientific);
  const size_t e = digits.find('e');
  const auto exponent = static_cast<size_t>(std::atoi(digits.c_str() + e + 1));
  digits.resize(e);
  std::erase(digits, '.');
  const size_t sign = value < 0 ? 1 : 0;
  digits.resize(std::max(digits.size(), sign + exponent + 1), '0');
  return digits;
}

std::string FormatShort(double value) {
  if (!std::isfinite(value)) return SpecialFloat(value);
  const std::string scientific = ToChars(value, std::chars_format::scientific);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  // Go decides as if the precision were 6.
  if (exponent < -4 || exponent >= 6) return scientific;
  return ToChars(value, std::chars_format::fixed);
}

std::string FormatDigits(double value, int digits) {
  if (!std::isfinite(value)) return SpecialFloat(value);
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*g", digits, value);
  return buffer.data();
}

std::string FormatSix(double value) {
  if (!std::isfinite(value)) return SpecialFloat(value);
  std::array<char, 400> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%f", value);
  return buffer.data();
}

std::string FormatOpenMetrics(double value) {
  if (!std::isfinite(value)) return SpecialFloat(value);
  std::string text = FormatShort(value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string FormatRfc3339(int64_t time_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time_ms / 1000),
                          absl::UTCTimeZone());
}

}  // namespace baro::promql
