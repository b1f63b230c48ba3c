// Url: the parts of an absolute http(s) URL, and the escapes that its query needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace baro::net {

// http://user:password@host:port/path?query. Value type.
struct Url {
  std::string scheme;    // "http" or "https", lower case
  std::string host;      // without the brackets of an IPv6 address
  uint16_t port = 0;     // the scheme's own when the text has none
  std::string target;    // path and query, "/" at least
  std::string user;      // decoded
  std::string password;  // decoded

  // host:port, with brackets around an IPv6 address: what errors and connections are named by.
  std::string Authority() const;
  // The value of a Host header: Authority() without the scheme's own port.
  std::string HostHeader() const;
  // Without user and password, so that it may be logged.
  std::string ToString() const;
};

// Errors: InvalidArgument with the text and what is wrong with it. A fragment (#…) is dropped.
absl::StatusOr<Url> ParseUrl(std::string_view text);

// What `location` (a Location header) means when `base` answered with it.
// Errors: InvalidArgument.
absl::StatusOr<Url> ResolveUrl(const Url& base, std::string_view location);

// Everything but RFC 3986's unreserved characters as %XX.
std::string QueryEscape(std::string_view text);

}  // namespace baro::net
