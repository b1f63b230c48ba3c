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

// The query string and, for POST, PUT and PATCH, the form body (urlencoded or multipart): what Go's
// FormValue() sees, body first. Unknown parameters are ignored, as clients rely on. Immutable.
class Parameters {
 public:
  // A part that cannot be decoded is left out, as Go does: its parameter is then missing, which is
  // the error the client gets to see.
  explicit Parameters(const net::ServerRequest& request);

  // What could not be decoded, in Prometheus' words; for the few calls where it asks before all
  // else.
  const absl::Status& form_error() const { return form_error_; }

  // Empty when there is no such parameter.
  std::string_view Get(std::string_view name) const;
  std::vector<std::string> All(std::string_view name) const;

 private:
  void AddPairs(std::string_view text);

  net::FormPairs pairs_;
  absl::Status form_error_;
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

// A count as metadata calls take it: absent or negative, there is no limit; 0 means nothing.
absl::StatusOr<std::optional<size_t>> CountParameter(const Parameters& parameters,
                                                     std::string_view name);

// The selectors of match[]. Each must have a matcher that does not match the empty string.
absl::StatusOr<std::vector<std::vector<model::Matcher>>> MatchParameters(
    const Parameters& parameters);

// Grafana's escape of UTF-8 names in paths: U__a_2e_b is a.b. Anything else stays as it is.
std::string UnescapeName(std::string_view name);

// Go's %q: in double quotes, with escapes.
std::string GoQuoted(std::string_view text);

}  // namespace baro::collector
