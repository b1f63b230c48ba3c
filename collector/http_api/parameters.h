// Parameters of an API call, read as Prometheus reads them, with its words when they are wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/matcher.h"
#include "baro/net/http_message.h"

namespace baro::collector {

// The query string and, for POST and PUT, the form body: what Go's FormValue() sees, body first.
// Unknown parameters are ignored, as clients rely on. Immutable.
class Parameters {
 public:
  // A part that cannot be decoded is left out, as Go does: its parameter is then missing, which is
  // the error the client gets to see.
  explicit Parameters(const net::ServerRequest& request);

  // Empty when there is no such parameter.
  std::string_view Get(std::string_view name) const;
  std::vector<std::string> All(std::string_view name) const;

 private:
  net::FormPairs pairs_;
};

// "invalid parameter "start": …" around an error's own words.
absl::Status InvalidParameter(std::string_view name, const absl::Status& why);

// Seconds since 1970 with a fraction, or RFC 3339. Errors: InvalidArgument.
absl::StatusOr<int64_t> ParseTimeMs(std::string_view text);
// Seconds with a fraction, or a duration such as 1h30m. Errors: InvalidArgument.
absl::StatusOr<int64_t> ParseDurationMs(std::string_view text);

// The parameter as a time; `fallback_ms` when it is not there.
absl::StatusOr<int64_t> TimeParameter(const Parameters& parameters, std::string_view name,
                                      int64_t fallback_ms);
// 0 when not there, which means no limit.
absl::StatusOr<size_t> LimitParameter(const Parameters& parameters);

// The selectors of match[]. Each must have a matcher that does not match the empty string.
absl::StatusOr<std::vector<std::vector<model::Matcher>>> MatchParameters(
    const Parameters& parameters);

// Grafana's escape of UTF-8 names in paths: U__a_2e_b is a.b. Anything else stays as it is.
std::string UnescapeName(std::string_view name);

// Go's %q: in double quotes, with escapes.
std::string GoQuoted(std::string_view text);

}  // namespace baro::collector
