// Form: what requests carry in URLs and bodies: percent escapes, query strings, form bodies,
// host:port.
// Rules are those of Go's net/url, which every client of Prometheus' API is written against.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace baro::net {

// Name and value pairs in the order they came; a name may occur many times (match[]).
using FormPairs = std::vector<std::pair<std::string, std::string>>;

// Pairs that one query string or form body may hold: far above any dashboard, far below an attack.
inline constexpr size_t kFormPairsMax = 10'000;

// Errors: InvalidArgument with the escape and its byte offset. `plus_is_space`: the rule of forms.
absl::StatusOr<std::string> DecodePercent(std::string_view text, bool plus_is_space);

// Splits "a=1&b=two+words" and decodes each part. Errors: InvalidArgument (bad escape, an
// unescaped semicolon, more than kFormPairsMax pairs), with the byte offset.
absl::StatusOr<FormPairs> DecodeForm(std::string_view text);

// The fields of a multipart/form-data body; files are left out. `content_type` names the boundary.
// Errors: InvalidArgument (no boundary, a part that does not end, too many of them).
absl::StatusOr<FormPairs> DecodeMultipart(std::string_view content_type, std::string_view body);

// Everything but unreserved characters as %XX.
std::string EncodePercent(std::string_view text);

struct HostPort {
  std::string host;  // empty: every address of the machine
  uint16_t port = 0;
};

// "127.0.0.1:9490", "[::1]:80", ":9490". Errors: InvalidArgument.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

}  // namespace baro::net
