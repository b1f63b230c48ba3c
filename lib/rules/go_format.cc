#include "go_format.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "absl/time/civil_time.h"
#include "baro/base/strings.h"

namespace baro::rules {
namespace {

// Decimal digits of a number: 0.d1d2d3… × 10^point.
struct Digits {
  std::string digits;
  int point = 0;
};

// precision < 0: the shortest; else that many digits behind the first one.
Digits Scientific(double value, int precision) {
  char buffer[1200];
  const auto end = precision < 0 ? std::to_chars(buffer, buffer + sizeof(buffer), value,
                                                 std::chars_format::scientific)
                                 : std::to_chars(buffer, buffer + sizeof(buffer), value,
                                                 std::chars_format::scientific, precision);
  const std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  const size_t e = text.find('e');
  Digits result;
  for (const char c : text.substr(0, e)) {
    if (c != '.') result.digits += c;
  }
  int exponent = 0;
  const size_t sign = text[e + 1] == '+' ? 1 : 0;
  std::from_chars(text.data() + e + 1 + sign, text.data() + text.size(), exponent);
  result.point = exponent + 1;
  return result;
}

std::string ExponentForm(const Digits& number, char e) {
  std::string out(1, number.digits[0]);
  if (number.digits.size() > 1) base::StrAppend(&out, ".", number.digits.substr(1));
  const int exponent = number.point - 1;
  const int size = std::abs(exponent);
  base::StrAppend(&out, std::string(1, e), exponent < 0 ? "-" : "+", size < 10 ? "0" : "", size);
  return out;
}

std::string PlainForm(const Digits& number) {
  const auto size = static_cast<int>(number.digits.size());
  if (number.point <= 0) {
    return base::StrCat("0.", std::string(static_cast<size_t>(-number.point), '0'), number.digits);
  }
  if (number.point >= size) {
    return number.digits + std::string(static_cast<size_t>(number.point - size), '0');
  }
  const auto point = static_cast<size_t>(number.point);
  return base::StrCat(number.digits.substr(0, point), ".", number.digits.substr(point));
}

std::string GeneralForm(double value, char verb, int precision) {
  Digits number = Scientific(value, precision < 0 ? -1 : std::max(precision, 1) - 1);
  while (number.digits.size() > 1 && number.digits.back() == '0') number.digits.pop_back();
  if (value == 0) number.point = 1;
  // Go looks at six digits when the precision is the shortest one.
  int limit = precision < 0 ? 6 : std::max(precision, 1);
  const auto size = static_cast<int>(number.digits.size());
  if (precision >= 0 && limit > size && size >= number.point) limit = size;
  const int exponent = number.point - 1;
  if (exponent < -4 || exponent >= limit) return ExponentForm(number, verb == 'G' ? 'E' : 'e');
  return PlainForm(number);
}

std::string FixedForm(double value, int precision) {
  if (precision < 0) return PlainForm(Scientific(value, -1));
  char buffer[1500];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed,
                                 std::min(precision, 1000));
  return std::string(buffer, end.ptr);
}

std::string Fraction(int64_t nanoseconds) {
  if (nanoseconds == 0) return "";
  std::string digits = std::to_string(nanoseconds);
  digits.insert(0, 9 - digits.size(), '0');
  while (digits.back() == '0') digits.pop_back();
  return "." + digits;
}

}  // namespace

std::string GoFloat(double value, char verb, int precision) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  const std::string sign = std::signbit(value) ? "-" : "";
  const double size = std::fabs(value);
  switch (verb) {
    case 'e':
    case 'E': {
      Digits number = Scientific(size, precision);
      if (size == 0) number.point = 1;
      return sign + ExponentForm(number, verb);
    }
    case 'f':
    case 'F':
      return sign + FixedForm(size, precision);
    default:
      return sign + GeneralForm(size, verb, precision);
  }
}

std::optional<double> GoParseFloat(std::string_view text) {
  std::string_view bare = text;
  const bool negative = bare.starts_with('-');
  if (negative || bare.starts_with('+')) bare.remove_prefix(1);
  if (bare.empty() || bare[0] == '-' || bare[0] == '+') return std::nullopt;
  double value = 0;
  const bool hex = bare.starts_with("0x") || bare.starts_with("0X");
  if (hex) bare.remove_prefix(2);
  const auto end = std::from_chars(bare.data(), bare.data() + bare.size(), value,
                                   hex ? std::chars_format::hex : std::chars_format::general);
  if (end.ptr != bare.data() + bare.size() || end.ec == std::errc::invalid_argument) {
    return std::nullopt;
  }
  if (end.ec == std::errc::result_out_of_range) value = std::numeric_limits<double>::infinity();
  return negative ? -value : value;
}

std::string GoQueryEscape(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '_' || c == '.' || c == '~') {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string GoDuration(int64_t duration_ns) {
  if (duration_ns == 0) return "0s";
  const bool negative = duration_ns < 0;
  uint64_t rest = negative ? uint64_t{0} - static_cast<uint64_t>(duration_ns)
                           : static_cast<uint64_t>(duration_ns);
  std::string out = negative ? "-" : "";
  const auto fraction = [](uint64_t value, int places) {
    std::string digits = std::to_string(value);
    digits.insert(0, static_cast<size_t>(places) - digits.size(), '0');
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    return digits.empty() ? digits : "." + digits;
  };
  if (rest < 1'000) return base::StrCat(out, rest, "ns");
  if (rest < 1'000'000) return base::StrCat(out, rest / 1'000, fraction(rest % 1'000, 3), "µs");
  if (rest < 1'000'000'000) {
    return base::StrCat(out, rest / 1'000'000, fraction(rest % 1'000'000, 6), "ms");
  }
  const uint64_t seconds = rest / 1'000'000'000;
  if (seconds >= 3'600) base::StrAppend(&out, seconds / 3'600, "h");
  if (seconds >= 60) base::StrAppend(&out, seconds / 60 % 60, "m");
  return base::StrCat(out, seconds % 60, fraction(rest % 1'000'000'000, 9), "s");
}

std::string GoTime(int64_t time_ns) {
  int64_t seconds = time_ns / 1'000'000'000;
  int64_t fraction = time_ns % 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    --seconds;
  }
  const absl::CivilSecond civil = absl::CivilSecond(1970, 1, 1, 0, 0, 0) + seconds;
  std::string text = absl::FormatCivilTime(civil);
  text[10] = ' ';  // between date and time
  return base::StrCat(text, Fraction(fraction), " +0000 UTC");
}

std::string GoSprint(std::span<const Value> values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool strings = i > 0 && (values[i].kind() == Value::Kind::kString ||
                                   values[i - 1].kind() == Value::Kind::kString);
    if (i > 0 && !strings) out += ' ';
    out += FormattedText(values[i]);
  }
  return out;
}

std::string GoSprintln(std::span<const Value> values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ' ';
    out += FormattedText(values[i]);
  }
  return out + "\n";
}

}  // namespace baro::rules
