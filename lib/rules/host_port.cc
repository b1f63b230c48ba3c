#include "host_port.h"

#include <arpa/inet.h>

#include "baro/base/strings.h"

namespace baro::rules {

std::optional<HostPort> SplitHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  std::string_view rest = text.substr(0, colon);
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    // The last colon must be the one behind the bracket.
    if (end == std::string_view::npos || end + 1 != colon) return std::nullopt;
    host = text.substr(1, end - 1);
    rest = text.substr(1);
    if (rest.find('[') != std::string_view::npos) return std::nullopt;
    if (text.substr(end + 1).find(']') != std::string_view::npos) return std::nullopt;
  } else {
    if (host.find(':') != std::string_view::npos) return std::nullopt;
    if (text.find_first_of("[]") != std::string_view::npos) return std::nullopt;
  }
  return HostPort{std::string(host), std::string(text.substr(colon + 1))};
}

std::string JoinHostPort(const HostPort& parts) {
  const bool brackets = parts.host.find(':') != std::string::npos;
  return base::StrCat(brackets ? "[" : "", parts.host, brackets ? "]:" : ":", parts.port);
}

bool IsIpAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::string StripPort(const std::string& host_port) {
  const std::optional<HostPort> parts = SplitHostPort(host_port);
  return parts ? parts->host : host_port;
}

std::string StripDomain(const std::string& host_port) {
  HostPort parts = SplitHostPort(host_port).value_or(HostPort{host_port, ""});
  if (IsIpAddress(parts.host)) return host_port;
  parts.host.resize(std::min(parts.host.find('.'), parts.host.size()));
  return parts.port.empty() ? parts.host : JoinHostPort(parts);
}

}  // namespace baro::rules
