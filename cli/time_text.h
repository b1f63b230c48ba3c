// Instants and durations as people type and read them. Times shown are always UTC and say so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace baro::cli {

// "90s", "1h30m", "250ms", "2d", "1w" or plain seconds ("15", "0.5"), in milliseconds.
// Errors: InvalidArgument; negative, empty or longer than 100 years.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);

// Milliseconds since 1970 for: "now"; "-15m" or "15m ago" (before `now_ms`); seconds since 1970;
// RFC 3339 ("2026-11-23T05:00:00Z", "2026-11-23 05:00:00", "2026-11-23 05:00"; UTC without offset);
// "05:00" (the last time it was that o'clock, UTC).
// Errors: InvalidArgument, which lists the forms.
absl::StatusOr<int64_t> ParseInstant(std::string_view text, int64_t now_ms);

// "2026-11-23 05:51:59 UTC", with milliseconds when there are any. `seconds` since 1970.
std::string FormatTime(double seconds);

// RFC 3339 with milliseconds, for exact output: "2026-11-23T05:51:59.000Z".
std::string FormatTimeExact(double seconds);

// For an axis that spans `span_seconds`: "05:51:59", "05:51", "Nov 23 05h", "2026-11-23".
std::string FormatAxisTime(double seconds, double span_seconds);

// Milliseconds as the API takes them: "1795413332.512".
std::string SecondsText(int64_t time_ms);

}  // namespace baro::cli
