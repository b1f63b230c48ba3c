#include "time_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::cli {
namespace {

constexpr double kDurationMsMax = 100.0 * 365 * 86400 * 1000;
// Times with a four-digit year; anything else is shown as a plain number.
constexpr double kTimeSecondsMax = 253402300799.0;

absl::Status BadInstant(std::string_view text) {
  return absl::InvalidArgumentError(base::StrCat(
      "cannot read the time \"", text,
      "\": use now, -15m, seconds since 1970, 2026-11-23T05:00:00Z, \"2026-11-23 05:00\" or 05:00 "
      "(UTC)"));
}

bool ParseNumber(std::string_view text, double* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(*value);
}

double UnitMs(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1e3;
  if (unit == "m") return 60e3;
  if (unit == "h") return 3600e3;
  if (unit == "d") return 86400e3;
  if (unit == "w") return 7 * 86400e3;
  if (unit == "y") return 365 * 86400e3;
  return 0;
}

// "05:00": the last time it was that o'clock.
bool ParseClockTime(std::string_view text, int64_t now_ms, int64_t* time_ms) {
  if (text.size() != 5 || text[2] != ':') return false;
  for (const size_t i : {0U, 1U, 3U, 4U}) {
    if (!std::isdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return false;
  constexpr int64_t kDayMs = 86'400'000;
  const int64_t midnight_ms = now_ms - now_ms % kDayMs;
  *time_ms = midnight_ms + (hour * 60 + minute) * int64_t{60'000};
  if (*time_ms > now_ms) *time_ms -= kDayMs;
  return true;
}

bool ParseCalendar(std::string_view text, int64_t* time_ms) {
  absl::Time time;
  std::string error;
  for (const char* format :
       {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S",
        "%Y-%m-%d %H:%M:%E*S UTC", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    if (absl::ParseTime(format, base::ToAbsl(text), absl::UTCTimeZone(), &time, &error)) {
      *time_ms = absl::ToUnixMillis(time);
      return true;
    }
  }
  return false;
}

absl::Time ToTime(double seconds) {
  return absl::FromUnixMillis(static_cast<int64_t>(std::llround(seconds * 1e3)));
}

std::string PlainSeconds(double seconds) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.17g", seconds);
  return text.data();
}

}  // namespace

absl::StatusOr<int64_t> ParseDuration(std::string_view text) {
  const auto bad = [&] {
    return absl::InvalidArgumentError(base::StrCat("cannot read the duration \"", text,
                                                   "\": use forms like 90s, 15m, 1h30m, 2d"));
  };
  double total_ms = 0;
  double seconds = 0;
  if (ParseNumber(text, &seconds)) {
    total_ms = seconds * 1e3;
  } else {
    for (std::string_view rest = text; !rest.empty();) {
      size_t digits = 0;
      while (digits < rest.size() &&
             (std::isdigit(static_cast<unsigned char>(rest[digits])) || rest[digits] == '.')) {
        ++digits;
      }
      size_t end = digits;
      while (end < rest.size() && std::isalpha(static_cast<unsigned char>(rest[end]))) ++end;
      double count = 0;
      const double unit_ms = UnitMs(rest.substr(digits, end - digits));
      if (!ParseNumber(rest.substr(0, digits), &count) || unit_ms == 0) return bad();
      total_ms += count * unit_ms;
      rest.remove_prefix(end);
    }
  }
  if (text.empty() || total_ms < 0 || total_ms > kDurationMsMax) return bad();
  return static_cast<int64_t>(std::llround(total_ms));
}

absl::StatusOr<int64_t> ParseInstant(std::string_view text, int64_t now_ms) {
  if (text == "now") return now_ms;
  constexpr std::string_view kAgo = " ago";
  std::string_view back;
  if (text.size() > kAgo.size() && text.substr(text.size() - kAgo.size()) == kAgo) {
    back = text.substr(0, text.size() - kAgo.size());
  } else if (text.starts_with('-')) {
    back = text.substr(1);
  }
  if (!back.empty()) {
    const auto duration_ms = ParseDuration(back);
    if (!duration_ms.ok()) return BadInstant(text);
    return now_ms - *duration_ms;
  }
  double seconds = 0;
  if (ParseNumber(text, &seconds) && std::abs(seconds) <= kTimeSecondsMax) {
    return static_cast<int64_t>(std::llround(seconds * 1e3));
  }
  int64_t time_ms = 0;
  if (ParseClockTime(text, now_ms, &time_ms) || ParseCalendar(text, &time_ms)) return time_ms;
  return BadInstant(text);
}

std::string FormatTime(double seconds) {
  if (!(std::abs(seconds) <= kTimeSecondsMax)) return PlainSeconds(seconds);
  const int64_t time_ms = std::llround(seconds * 1e3);
  const char* format = time_ms % 1000 == 0 ? "%Y-%m-%d %H:%M:%S UTC" : "%Y-%m-%d %H:%M:%E3S UTC";
  return absl::FormatTime(format, absl::FromUnixMillis(time_ms), absl::UTCTimeZone());
}

std::string FormatTimeExact(double seconds) {
  if (!(std::abs(seconds) <= kTimeSecondsMax)) return PlainSeconds(seconds);
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", ToTime(seconds), absl::UTCTimeZone());
}

std::string FormatAxisTime(double seconds, double span_seconds) {
  const char* format = span_seconds <= 20 * 60       ? "%H:%M:%S"
                       : span_seconds <= 36 * 3600   ? "%H:%M"
                       : span_seconds <= 14 * 86'400 ? "%b %d %H:%M"
                                                     : "%Y-%m-%d";
  return absl::FormatTime(format, ToTime(seconds), absl::UTCTimeZone());
}

std::string SecondsText(int64_t time_ms) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", static_cast<double>(time_ms) / 1e3);
  return text.data();
}

}  // namespace baro::cli
