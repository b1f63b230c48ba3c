#include "text.h"

namespace baro::exposition {
namespace {

std::string Decode(std::string_view text, bool quotes) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n') {
      plain += '\n';
    } else if (next == '\\' || (quotes && next == '"')) {
      plain += next;
    } else {
      plain += text[i];
      continue;
    }
    ++i;
  }
  return plain;
}

bool IsTail(unsigned char byte) { return (byte & 0xc0) == 0x80; }

// Length of the sequence that starts here; 0 when it is not well-formed (RFC 3629, section 4).
size_t SequenceSize(const unsigned char* p, size_t left) {
  const unsigned char lead = p[0];
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return left >= 2 && IsTail(p[1]) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (left < 3 || !IsTail(p[1]) || !IsTail(p[2])) return 0;
    const bool overlong = lead == 0xe0 && p[1] < 0xa0;
    const bool surrogate = lead == 0xed && p[1] >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (left < 4 || !IsTail(p[1]) || !IsTail(p[2]) || !IsTail(p[3])) return 0;
    const bool overlong = lead == 0xf0 && p[1] < 0x90;
    const bool beyond = lead == 0xf4 && p[1] >= 0x90;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

}  // namespace

bool IsUtf8Slowly(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  for (size_t i = 0; i < text.size();) {
    const size_t size = SequenceSize(p + i, text.size() - i);
    if (size == 0) return false;
    i += size;
  }
  return true;
}

std::string Unescape(std::string_view text) { return Decode(text, true); }
std::string UnescapeHelp(std::string_view text) { return Decode(text, false); }

}  // namespace baro::exposition
