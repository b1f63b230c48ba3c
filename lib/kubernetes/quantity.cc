#include "baro/kubernetes/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/time/civil_time.h"

namespace baro::kubernetes {
namespace {

struct Suffix {
  std::string_view text;
  double factor;
};

constexpr std::array<Suffix, 16> kSuffixes = {{{"", 1},
                                               {"n", 1e-9},
                                               {"u", 1e-6},
                                               {"m", 1e-3},
                                               {"k", 1e3},
                                               {"M", 1e6},
                                               {"G", 1e9},
                                               {"T", 1e12},
                                               {"P", 1e15},
                                               {"E", 1e18},
                                               {"Ki", 0x1p10},
                                               {"Mi", 0x1p20},
                                               {"Gi", 0x1p30},
                                               {"Ti", 0x1p40},
                                               {"Pi", 0x1p50},
                                               {"Ei", 0x1p60}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes `digits` digits off the front.
bool TakeDigits(std::string_view* text, size_t digits, int* number) {
  if (text->size() < digits) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + digits, *number);
  if (error != std::errc() || end != text->data() + digits || !IsDigit((*text)[0])) return false;
  text->remove_prefix(digits);
  return true;
}

bool Take(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

// "Z" or "+02:00", as seconds east of Greenwich.
std::optional<int> ParseOffset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  int hours = 0;
  int minutes = 0;
  const bool west = !text.empty() && text.front() == '-';
  if (!Take(&text, west ? '-' : '+') || !TakeDigits(&text, 2, &hours) || !Take(&text, ':') ||
      !TakeDigits(&text, 2, &minutes) || !text.empty()) {
    return std::nullopt;
  }
  return (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

// ".123" off the front, as seconds.
std::optional<double> TakeFraction(std::string_view* text) {
  if (!Take(text, '.')) return 0;
  double fraction = 0;
  double unit = 0.1;
  size_t digits = 0;
  for (; digits < text->size() && IsDigit((*text)[digits]); ++digits, unit /= 10) {
    fraction += ((*text)[digits] - '0') * unit;
  }
  if (digits == 0) return std::nullopt;
  text->remove_prefix(digits);
  return fraction;
}

}  // namespace

std::optional<double> ParseQuantity(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text.empty() || !(IsDigit(text.back()) || text.size() > 1)) return std::nullopt;
  const char first = text.front() == '-' && text.size() > 1 ? text[1] : text.front();
  if (!IsDigit(first) && first != '.') return std::nullopt;  // no "inf", no "nan"
  double number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view rest(end, static_cast<size_t>(last - end));
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.text != rest) continue;
    // The nearest double to what is written: 100m is 0.1.
    return suffix.factor < 1 ? number / std::round(1 / suffix.factor) : number * suffix.factor;
  }
  return std::nullopt;
}

std::optional<double> ParseTime(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const bool date = TakeDigits(&text, 4, &year) && Take(&text, '-') &&
                    TakeDigits(&text, 2, &month) && Take(&text, '-') && TakeDigits(&text, 2, &day);
  if (!date || !(Take(&text, 'T') || Take(&text, 't') || Take(&text, ' '))) return std::nullopt;
  const bool time = TakeDigits(&text, 2, &hour) && Take(&text, ':') &&
                    TakeDigits(&text, 2, &minute) && Take(&text, ':') &&
                    TakeDigits(&text, 2, &second);
  if (!time || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
      second > 60) {
    return std::nullopt;
  }
  const std::optional<double> fraction = TakeFraction(&text);
  if (!fraction) return std::nullopt;
  const std::optional<int> offset = ParseOffset(text);
  if (!offset) return std::nullopt;
  const int64_t whole = absl::CivilSecond(year, month, day, hour, minute, second) -
                        absl::CivilSecond(1970, 1, 1, 0, 0, 0);
  return static_cast<double>(whole - *offset) + *fraction;
}

}  // namespace baro::kubernetes
