// Numbers, durations and quoted strings as Prometheus (that is, Go) reads and writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace baro::promql {

// A rune and how many bytes it took; U+FFFD with size 1 for a broken one, size 0 at the end.
struct Rune {
  uint32_t code = 0;
  size_t size = 0;
};
inline constexpr uint32_t kBrokenRune = 0xFFFD;
Rune DecodeRune(std::string_view text);
void AppendRune(uint32_t code, std::string* text);

// Whether Prometheus takes it as a label name: any UTF-8 that is not empty.
bool IsValidLabelName(std::string_view name);

// strconv.Quote: "a\n".
std::string Quote(std::string_view text);
// %q of a rune: 'a'.
std::string QuoteRune(uint32_t code);
// %#U of a rune: U+0041 'A'.
std::string DescribeRune(uint32_t code);
// The value of a quoted string token, escapes resolved. Errors: InvalidArgument "invalid syntax".
absl::StatusOr<std::string> Unquote(std::string_view quoted);

// A number token: decimal, octal (010), hexadecimal, underscores, exponents, Inf, NaN.
// Errors: InvalidArgument in the words of strconv.ParseFloat.
absl::StatusOr<double> ParseNumber(std::string_view text);
// strconv.ParseFloat(…, 64), as an `le` label is read; false when it is no number.
bool ParseFloat(std::string_view text, double* value);

// 1h30m, in milliseconds. Errors: InvalidArgument in the words of Prometheus' model.ParseDuration.
absl::StatusOr<int64_t> ParseDurationMs(std::string_view text);
// 1h30m; exact to the millisecond; parsing it gives the same number.
std::string FormatDuration(int64_t duration_ms);

// 'f' with the shortest digits: 0.1, 100000000000000000000, +Inf, NaN.
std::string FormatFixed(double value);
// %g and %v: 1e+06, 0.1, +Inf.
std::string FormatShort(double value);
// %.2g.
std::string FormatDigits(double value, int digits);
// %f: six decimals.
std::string FormatSix(double value);
// labels.FormatOpenMetricsFloat: 1.0, 0.5, +Inf.
std::string FormatOpenMetrics(double value);
// 2024-12-25T00:00:00Z.
std::string FormatRfc3339(int64_t time_ms);

}  // namespace baro::promql
