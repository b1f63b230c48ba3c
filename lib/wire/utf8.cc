#include <cstdint>
#include <cstring>

#include "baro/wire/remote_series.h"

namespace baro::wire {
namespace {

bool IsAscii(const char* text) {
  uint64_t word;
  std::memcpy(&word, text, sizeof(word));
  return (word & 0x8080808080808080) == 0;
}

// Length of the well-formed sequence at `text`, which has `left` bytes; 0 when there is none
// (Unicode standard, table 3-7).
size_t SequenceSize(const char* text, size_t left) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i) { return i < left && (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || !continues(1)) return 0;
  if (first < 0xe0) return 2;
  const uint8_t second = byte(1);
  if (!continues(2)) return 0;
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (first > 0xf4 || !continues(3)) return 0;
  const bool overlong = first == 0xf0 && second < 0x90;
  const bool too_large = first == 0xf4 && second >= 0x90;
  return overlong || too_large ? 0 : 4;
}

}  // namespace

bool IsValidUtf8(std::string_view text) {
  const char* next = text.data();
  const char* const end = next + text.size();
  while (next != end) {
    if (end - next >= 8 && IsAscii(next)) {
      next += 8;
      continue;
    }
    const size_t size = SequenceSize(next, static_cast<size_t>(end - next));
    if (size == 0) return false;
    next += size;
  }
  return true;
}

}  // namespace baro::wire
