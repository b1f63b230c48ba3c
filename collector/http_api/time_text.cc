// RFC 3339 and the numbers that Go's strconv.ParseFloat takes.
#include "http_api/time_text.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace baro::collector {
namespace {

// Takes `count` digits off the front; false when they are not there or out of range.
bool TakeNumber(std::string_view* text, size_t count, int min, int max, int* value) {
  if (text->size() < count) return false;
  const char* end = text->data() + count;
  const auto result = std::from_chars(text->data(), end, *value);
  if (result.ec != std::errc{} || result.ptr != end || *value < min || *value > max) return false;
  text->remove_prefix(count);
  return true;
}

bool TakeChar(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

bool TakeDate(std::string_view* text, CivilTime* time) {
  return TakeNumber(text, 4, 0, 9999, &time->year) && TakeChar(text, '-') &&
         TakeNumber(text, 2, 1, 12, &time->month) && TakeChar(text, '-') &&
         TakeNumber(text, 2, 1, DaysInMonth(time->year, time->month), &time->day);
}

bool TakeClock(std::string_view* text, CivilTime* time) {
  return TakeNumber(text, 2, 0, 23, &time->hour) && TakeChar(text, ':') &&
         TakeNumber(text, 2, 0, 59, &time->minute) && TakeChar(text, ':') &&
         TakeNumber(text, 2, 0, 59, &time->second);
}

// A fraction of any length; what is finer than a millisecond is cut off.
bool TakeFraction(std::string_view* text, int* millis) {
  *millis = 0;
  if (!TakeChar(text, '.') && !TakeChar(text, ',')) return true;
  int weight = 100;
  size_t digits = 0;
  for (; !text->empty() && text->front() >= '0' && text->front() <= '9'; ++digits) {
    *millis += (text->front() - '0') * weight;
    weight /= 10;
    text->remove_prefix(1);
  }
  return digits > 0;
}

// Z or ±hh:mm, as minutes to the east.
bool TakeZone(std::string_view* text, int* minutes) {
  *minutes = 0;
  if (TakeChar(text, 'Z')) return true;
  const bool west = !text->empty() && text->front() == '-';
  if (!TakeChar(text, '-') && !TakeChar(text, '+')) return false;
  int hour = 0;
  int minute = 0;
  if (!TakeNumber(text, 2, 0, 24, &hour) || !TakeChar(text, ':') ||
      !TakeNumber(text, 2, 0, 59, &minute)) {
    return false;
  }
  *minutes = (west ? -1 : 1) * (hour * 60 + minute);
  return true;
}

bool IsLeap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

}  // namespace

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeap(year) ? 29 : kDays[month - 1];
}

// Howard Hinnant's days_from_civil: years start in March, so that the leap day is the last.
int64_t DaysSince1970(int year, int month, int day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

std::optional<int64_t> ParseRfc3339Ms(std::string_view text) {
  CivilTime time;
  int millis = 0;
  int zone_minutes = 0;
  if (!TakeDate(&text, &time) || !(TakeChar(&text, 'T') || TakeChar(&text, 't')) ||
      !TakeClock(&text, &time) || !TakeFraction(&text, &millis) ||
      !TakeZone(&text, &zone_minutes) || !text.empty()) {
    return std::nullopt;
  }
  const int64_t days = DaysSince1970(time.year, time.month, time.day);
  const int64_t minutes = (days * 24 + time.hour) * 60 + time.minute - zone_minutes;
  return (minutes * 60 + time.second) * 1000 + millis;
}

std::optional<double> ParseNumber(std::string_view text) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) return std::nullopt;
  }
  double value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ptr != end || text.empty()) return std::nullopt;
  // Go reads what is too large as infinity, and what is too small as zero, with an error for the
  // first.
  if (result.ec == std::errc::result_out_of_range) return std::nullopt;
  if (result.ec != std::errc{}) return std::nullopt;
  return value;
}

std::string FormatRfc3339(int64_t time_ms) {
  const int64_t days = time_ms >= 0 ? time_ms / 86'400'000 : -((86'399'999 - time_ms) / 86'400'000);
  int64_t rest = time_ms - days * 86'400'000;
  // The inverse of DaysSince1970().
  const int64_t shifted = days + 719'468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  char buffer[96];
  const int size =
      std::snprintf(buffer, sizeof(buffer), "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ",
                    static_cast<long long>(year), static_cast<int>(month), static_cast<int>(day),
                    static_cast<int>(rest / 3'600'000), static_cast<int>(rest / 60'000 % 60),
                    static_cast<int>(rest / 1'000 % 60), static_cast<int>(rest % 1'000));
  return {buffer, static_cast<size_t>(size)};
}

}  // namespace baro::collector
