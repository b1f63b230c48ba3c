#include "baro/net/url.h"

#include <charconv>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::net {
namespace {

uint16_t DefaultPort(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

absl::Status Refuse(std::string_view text, std::string_view cause) {
  return absl::InvalidArgumentError(base::StrCat("cannot parse URL \"", text, "\": ", cause));
}

// %XX decoded; other characters as they are.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr ==
                            text.data() + i + 3;
    plain += escape ? static_cast<char>(byte) : text[i];
    if (escape) i += 2;
  }
  return plain;
}

bool HasControlOrSpace(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return true;
  }
  return false;
}

// Reads "host", "host:port", "[v6]" and "[v6]:port".
absl::Status ParseHostPort(std::string_view whole, std::string_view text, Url* url) {
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return Refuse(whole, "'[' is never closed");
    url->host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return Refuse(whole, "':' expected after ']'");
    has_port = !text.empty();
    if (has_port) port = text.substr(1);
  } else {
    const size_t colon = text.find(':');
    url->host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  if (url->host.empty()) return Refuse(whole, "no host");
  url->port = DefaultPort(url->scheme);
  if (!has_port || port.empty()) return absl::OkStatus();
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url->port);
  if (error != std::errc() || end != port.data() + port.size() || url->port == 0) {
    return Refuse(whole, base::StrCat("\"", port, "\" is not a port (1 to 65535)"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string Url::Authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return base::StrCat(v6 ? "[" : "", host, v6 ? "]" : "", ":", port);
}

std::string Url::HostHeader() const {
  std::string text = Authority();
  if (port == DefaultPort(scheme)) text.erase(text.rfind(':'));
  return text;
}

std::string Url::ToString() const { return base::StrCat(scheme, "://", HostHeader(), target); }

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  Url url;
  if (HasControlOrSpace(text)) return Refuse(text, "it holds a space or a control character");
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) {
    return Refuse(text, "no scheme (http:// or https://)");
  }
  url.scheme = absl::AsciiStrToLower(base::ToAbsl(text.substr(0, scheme_end)));
  if (url.scheme != "http" && url.scheme != "https") {
    return Refuse(text, base::StrCat("scheme \"", url.scheme, "\" is neither http nor https"));
  }
  std::string_view rest = text.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  url.target = rest.substr(authority_end);
  if (url.target.empty() || url.target.front() == '?') url.target.insert(0, 1, '/');
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = authority.substr(0, at);
    const size_t colon = user.find(':');
    url.user = Unescape(user.substr(0, colon));
    if (colon != std::string_view::npos) url.password = Unescape(user.substr(colon + 1));
    authority.remove_prefix(at + 1);
  }
  BARO_TRY(ParseHostPort(text, authority, &url));
  return url;
}

absl::StatusOr<Url> ResolveUrl(const Url& base, std::string_view location) {
  if (HasControlOrSpace(location)) {
    return Refuse(location, "it holds a space or a control character");
  }
  if (location.find("://") < location.find_first_of("/?#")) return ParseUrl(location);
  if (location.starts_with("//")) return ParseUrl(base::StrCat(base.scheme, ":", location));
  Url url = base;
  location = location.substr(0, location.find('#'));
  const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  if (location.empty()) return url;
  if (location.front() == '/') {
    url.target = location;
  } else if (location.front() == '?') {
    url.target = base::StrCat(path, location);
  } else {
    url.target = base::StrCat(path.substr(0, path.rfind('/') + 1), location);
  }
  return url;
}

std::string QueryEscape(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~') {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kHex[byte >> 4];
      escaped += kHex[byte & 15];
    }
  }
  return escaped;
}

}  // namespace baro::net
