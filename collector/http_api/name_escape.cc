#include "http_api/name_escape.h"

#include <array>
#include <cstdint>

#include "baro/base/strings.h"
#include "baro/model/labels.h"

namespace baro::collector {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"allow-utf-8", "underscores", "dots", "values"};

bool IsClassic(char c, bool first) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  return letter || (!first && c >= '0' && c <= '9');
}

// The next character of UTF-8 and its length; nothing for bytes that are none.
struct Character {
  std::optional<uint32_t> code;
  size_t bytes = 1;
};

Character NextCharacter(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return {first, 1};
  const size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
  if (bytes == 1 || first > 0xF4 || text.size() < bytes) return {std::nullopt, 1};
  uint32_t code = first & (0x7FU >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return {std::nullopt, 1};
    code = code << 6 | (next & 0x3FU);
  }
  return {code, bytes};
}

std::string Hex(uint32_t code) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[code & 15]);
    code >>= 4;
  } while (code != 0);
  return text;
}

void AppendEscaped(std::string_view character, bool first, NameEscaping escaping,
                   std::optional<uint32_t> code, std::string* out) {
  const char c = character.front();
  const bool classic = character.size() == 1 && IsClassic(c, first);
  switch (escaping) {
    case NameEscaping::kNone:
      out->append(character);
      break;
    case NameEscaping::kUnderscores:
      out->push_back(classic ? c : '_');
      break;
    case NameEscaping::kDots:
      if (c == '_') {
        *out += "__";
      } else if (c == '.') {
        *out += "_dot_";
      } else if (classic) {
        out->push_back(c);
      } else {
        *out += "__";
      }
      break;
    case NameEscaping::kValues:
      if (c == '_') {
        *out += "__";
      } else if (classic) {
        out->push_back(c);
      } else {
        base::StrAppend(out, "_", code ? Hex(*code) : "FFFD", "_");
      }
      break;
  }
}

}  // namespace

std::optional<NameEscaping> NameEscapingOf(std::string_view word) {
  for (size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == word) return static_cast<NameEscaping>(i);
  }
  return std::nullopt;
}

std::string_view NameEscapingWord(NameEscaping escaping) {
  return kWords[static_cast<size_t>(escaping)];
}

std::string EscapeName(std::string_view name, NameEscaping escaping) {
  if (escaping == NameEscaping::kNone || model::IsClassicMetricName(name)) {
    return std::string(name);
  }
  std::string out = escaping == NameEscaping::kValues ? "U__" : "";
  for (bool first = true; !name.empty(); first = false) {
    const Character next = NextCharacter(name);
    AppendEscaped(name.substr(0, next.bytes), first, escaping, next.code, &out);
    name.remove_prefix(next.bytes);
  }
  return out;
}

}  // namespace baro::collector
