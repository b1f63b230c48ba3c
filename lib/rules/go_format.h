// Go's fmt and strconv as far as templates show them: %v of each type, Sprintf, quoting, numbers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "template_value.h"

namespace baro::rules {

// strconv.FormatFloat(value, verb, precision, 64); precision -1: the shortest that reads back.
std::string GoFloat(double value, char verb, int precision);
// strconv.Quote.
std::string GoQuote(std::string_view text);
// strconv.Unquote of "…", `…` or '…'; empty when it is none.
std::optional<std::string> GoUnquote(std::string_view quoted);
// strconv.ParseFloat; empty when it is none.
std::optional<double> GoParseFloat(std::string_view text);
// url.QueryEscape.
std::string GoQueryEscape(std::string_view text);
// time.Duration.String() and time.Time.String(), UTC.
std::string GoDuration(int64_t duration_ns);
std::string GoTime(int64_t time_ns);

void AppendUtf8(uint32_t rune, std::string* out);
// Takes one character from the front; U+FFFD for a byte that is none.
uint32_t TakeRune(std::string_view* text);

// fmt.Sprint, fmt.Sprintln, fmt.Sprintf.
std::string GoSprint(std::span<const Value> values);
std::string GoSprintln(std::span<const Value> values);
std::string GoSprintf(std::string_view format, std::span<const Value> values);

}  // namespace baro::rules
