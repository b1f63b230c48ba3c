#include "http_api/parameters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/promql/engine.h"
#include "http_api/time_text.h"

namespace baro::collector {
namespace {

// Prometheus' own bounds, which clients send to mean "since ever".
constexpr std::string_view kTimeMinText = "-292273086-05-16T16:47:06Z";
constexpr std::string_view kTimeMaxText = "292277025-08-18T07:12:54.999999999Z";
// Farther from 1970 than this, a time in ms no longer fits; the engine's own ends.
constexpr double kSecondsMax = 9.2e15;

absl::Status NotA(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(
      base::StrCat("cannot parse ", GoQuoted(text), " to a valid ", what));
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// False for what is not a Unicode scalar value.
bool AppendUtf8(uint32_t rune, std::string* out) {
  if (rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) return false;
  const auto add = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (rune < 0x80) {
    add(rune);
  } else if (rune < 0x800) {
    add(0xC0 | rune >> 6);
    add(0x80 | (rune & 63));
  } else if (rune < 0x10000) {
    add(0xE0 | rune >> 12);
    add(0x80 | (rune >> 6 & 63));
    add(0x80 | (rune & 63));
  } else {
    add(0xF0 | rune >> 18);
    add(0x80 | (rune >> 12 & 63));
    add(0x80 | (rune >> 6 & 63));
    add(0x80 | (rune & 63));
  }
  return true;
}

// Reads what stands between two underscores, up to six hex digits. False: not an escape.
bool TakeRune(std::string_view* text, std::string* out) {
  uint32_t rune = 0;
  for (size_t digits = 0; !text->empty(); ++digits) {
    const char c = text->front();
    text->remove_prefix(1);
    if (c == '_') return digits > 0 && AppendUtf8(rune, out);
    const int value = HexValue(c);
    if (value < 0 || digits >= 6) return false;
    rune = rune * 16 + static_cast<uint32_t>(value);
  }
  return false;
}

}  // namespace

Parameters::Parameters(const net::ServerRequest& request) {
  if (request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
    const std::string_view type = request.Header("Content-Type");
    if (type.starts_with("application/x-www-form-urlencoded")) {
      AddPairs(request.body);
    } else if (type.starts_with("multipart/form-data")) {
      auto parts = net::DecodeMultipart(type, request.body);
      if (parts.ok()) pairs_ = *std::move(parts);
    }
  }
  AddPairs(request.query);
}

// Pair by pair, so that one bad pair does not take the others with it.
void Parameters::AddPairs(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    auto decoded = net::DecodeForm(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!decoded.ok()) {
      // Our words end with the place, which is one within this pair only.
      std::string_view why = base::FromAbsl(decoded.status().message());
      why = why.substr(0, why.rfind(" at byte "));
      if (form_error_.ok()) {
        form_error_ = absl::InvalidArgumentError(base::StrCat("error parsing form values: ", why));
      }
      continue;
    }
    if (pairs_.size() >= net::kFormPairsMax) return;
    std::move(decoded->begin(), decoded->end(), std::back_inserter(pairs_));
  }
}

std::string_view Parameters::Get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string> Parameters::All(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : pairs_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

absl::Status InvalidParameter(std::string_view name, const absl::Status& why) {
  return absl::InvalidArgumentError(
      base::StrCat("invalid parameter \"", name, "\": ", base::FromAbsl(why.message())));
}

absl::StatusOr<int64_t> ParseTimeMs(std::string_view text) {
  if (const std::optional<double> seconds = ParseNumber(text)) {
    if (!(std::fabs(*seconds) < kSecondsMax)) return NotA("timestamp", text);
    // Whole seconds and fraction apart: 1435781430.781 · 1000 is not 1435781430781 in doubles.
    double whole = 0;
    const double fraction = std::modf(*seconds, &whole);
    return static_cast<int64_t>(whole) * 1000 + std::llround(fraction * 1000);
  }
  if (const std::optional<int64_t> time_ms = ParseRfc3339Ms(text)) return *time_ms;
  if (text == kTimeMinText) return model::kTimeMsMin;
  if (text == kTimeMaxText) return model::kTimeMsMax;
  return NotA("timestamp", text);
}

absl::StatusOr<int64_t> ParseDurationMs(std::string_view text) {
  if (const std::optional<double> seconds = ParseNumber(text)) {
    // Prometheus counts in nanoseconds of 64 bits.
    if (!(std::fabs(*seconds) <= 9'223'372'036.0)) {
      return absl::InvalidArgumentError(base::StrCat("cannot parse ", GoQuoted(text),
                                                     " to a valid duration. It overflows int64"));
    }
    return static_cast<int64_t>(*seconds * 1000);
  }
  const auto duration = base::ParseDuration(text);
  if (!duration.ok()) return NotA("duration", text);
  return duration->count();
}

absl::StatusOr<int64_t> TimeParameter(const Parameters& parameters, std::string_view name,
                                      int64_t fallback_ms) {
  const std::string_view text = parameters.Get(name);
  if (text.empty()) return fallback_ms;
  auto time_ms = ParseTimeMs(text);
  if (time_ms.ok()) return time_ms;
  return InvalidParameter(name, absl::InvalidArgumentError(base::StrCat(
                                    "invalid time value for '", name,
                                    "': ", base::FromAbsl(time_ms.status().message()))));
}

absl::StatusOr<size_t> LimitParameter(const Parameters& parameters) {
  const std::string_view text = parameters.Get("limit");
  if (text.empty()) return 0;
  int64_t limit = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, limit);
  if (result.ec != std::errc{} || result.ptr != end) {
    const bool too_large = result.ec == std::errc::result_out_of_range && result.ptr == end;
    return InvalidParameter("limit", absl::InvalidArgumentError(base::StrCat(
                                         "strconv.Atoi: parsing ", GoQuoted(text),
                                         too_large ? ": value out of range" : ": invalid syntax")));
  }
  if (limit < 0) {
    return InvalidParameter("limit", absl::InvalidArgumentError("limit must be non-negative"));
  }
  return static_cast<size_t>(limit);
}

absl::StatusOr<std::optional<size_t>> CountParameter(const Parameters& parameters,
                                                     std::string_view name) {
  const std::string_view text = parameters.Get(name);
  if (text.empty()) return std::nullopt;
  int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, count);
  if (result.ec != std::errc{} || result.ptr != end) {
    return absl::InvalidArgumentError(base::StrCat(name, " must be a number"));
  }
  if (count < 0) return std::nullopt;
  return static_cast<size_t>(count);
}

absl::StatusOr<std::vector<std::vector<model::Matcher>>> MatchParameters(
    const Parameters& parameters) {
  std::vector<std::vector<model::Matcher>> selectors;
  for (const std::string& text : parameters.All("match[]")) {
    auto matchers = promql::ParseSelector(text);
    if (!matchers.ok()) return matchers.status();
    if (std::all_of(matchers->begin(), matchers->end(),
                    [](const model::Matcher& matcher) { return matcher.MatchesEmpty(); })) {
      return absl::InvalidArgumentError("match[] must contain at least one non-empty matcher");
    }
    selectors.push_back(*std::move(matchers));
  }
  return selectors;
}

std::string UnescapeName(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  std::string out;
  for (std::string_view rest = name.substr(3); !rest.empty();) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '_') {
      out.push_back(c);
    } else if (!rest.empty() && rest.front() == '_') {
      out.push_back('_');
      rest.remove_prefix(1);
    } else if (!TakeRune(&rest, &out)) {
      return std::string(name);
    }
  }
  return out;
}

std::string GoQuoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace baro::collector
