#include "baro/net/form.h"

#include <charconv>

#include "absl/status/status.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::net {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::Status BadEscape(std::string_view text, size_t offset) {
  return absl::InvalidArgumentError(
      base::StrCat("invalid URL escape \"", text.substr(offset, 3), "\" at byte ", offset));
}

bool IsUnreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

absl::StatusOr<uint16_t> ParsePort(std::string_view text, std::string_view address) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port > 65'535) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot parse address \"", address, "\": the port must be 0 to 65535"));
  }
  return static_cast<uint16_t>(port);
}

// The value of `; name=value` or `; name="value"`; empty when there is none.
std::string ParameterOf(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const bool starts = at > 0 && (text[at - 1] == ' ' || text[at - 1] == ';');
    std::string_view rest = text.substr(at + name.size());
    if (!starts || !rest.starts_with('=')) continue;
    rest.remove_prefix(1);
    if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find_first_of("; \r\n")));
    rest.remove_prefix(1);
    return std::string(rest.substr(0, rest.find('"')));
  }
  return {};
}

}  // namespace

absl::StatusOr<std::string> DecodePercent(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return BadEscape(text, i);
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return BadEscape(text, i);
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

absl::StatusOr<FormPairs> DecodeForm(std::string_view text) {
  FormPairs pairs;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (pair.find(';') != std::string_view::npos) {
      return absl::InvalidArgumentError("invalid semicolon separator in query");
    }
    if (pairs.size() >= kFormPairsMax) {
      return absl::InvalidArgumentError(
          base::StrCat("more than ", kFormPairsMax, " parameters in one request"));
    }
    const size_t equals = std::min(pair.find('='), pair.size());
    BARO_TRY_ASSIGN(std::string name, DecodePercent(pair.substr(0, equals), true));
    BARO_TRY_ASSIGN(std::string value,
                    DecodePercent(pair.substr(std::min(equals + 1, pair.size())), true));
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

absl::StatusOr<FormPairs> DecodeMultipart(std::string_view content_type, std::string_view body) {
  const std::string boundary = ParameterOf(content_type, "boundary");
  if (boundary.empty() || boundary.size() > 70) {
    return absl::InvalidArgumentError("cannot read multipart form: no boundary");
  }
  const std::string delimiter = base::StrCat("--", boundary);
  FormPairs pairs;
  size_t at = body.find(delimiter);
  while (at != std::string_view::npos) {
    body.remove_prefix(at + delimiter.size());
    if (body.starts_with("--")) return pairs;
    const size_t head_end = body.find("\r\n\r\n");
    at = body.find(base::StrCat("\r\n", delimiter));
    if (head_end == std::string_view::npos || at == std::string_view::npos || at < head_end + 2)
      break;
    const std::string_view head = body.substr(0, head_end);
    const std::string name = ParameterOf(head, "name");
    const size_t value_at = head_end + 4;
    if (!name.empty() && ParameterOf(head, "filename").empty()) {
      if (pairs.size() >= kFormPairsMax) break;
      pairs.emplace_back(name, body.substr(value_at, at < value_at ? 0 : at - value_at));
    }
    at += 2;
  }
  return absl::InvalidArgumentError("cannot read multipart form: a part does not end");
}

std::string EncodePercent(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (IsUnreserved(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot parse address \"", text, "\": expected HOST:PORT"));
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return absl::InvalidArgumentError(base::StrCat("cannot parse address \"", text,
                                                   "\": an IPv6 address must stand in brackets"));
  }
  BARO_TRY_ASSIGN(const uint16_t port, ParsePort(text.substr(colon + 1), text));
  return HostPort{std::string(host), port};
}

}  // namespace baro::net
