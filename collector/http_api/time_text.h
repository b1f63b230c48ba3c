// Times and numbers as text: RFC 3339, and plain decimal numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baro::collector {

// A date and time of day in the proleptic Gregorian calendar, UTC; months and days from 1.
struct CivilTime {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

int DaysInMonth(int year, int month);
int64_t DaysSince1970(int year, int month, int day);

// "2015-07-01T20:10:30.781Z", any zone. Empty when it is not one.
std::optional<int64_t> ParseRfc3339Ms(std::string_view text);
// "2026-11-23T06:06:18.056Z"
std::string FormatRfc3339(int64_t time_ms);

// A whole text that is a decimal number, NaN or infinity; empty otherwise.
std::optional<double> ParseNumber(std::string_view text);

}  // namespace baro::collector
