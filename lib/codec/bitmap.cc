#include "bitmap.h"

#include <array>

namespace baro::codec {
namespace {

// 8^7 bits = 2 million, more than kFrameColumnsMax.
constexpr size_t kLevelsMax = 8;

struct Levels {
  size_t count = 0;
  std::array<size_t, kLevelsMax> bytes{};
};

Levels LevelsOf(size_t bits) {
  Levels levels;
  do {
    bits = (bits + 7) / 8;
    levels.bytes[levels.count++] = bits;
  } while (bits > 1);
  return levels;
}

// Above level 0: at most 1/7 of it, and a word of slack at each level.
std::vector<uint8_t>& Scratch() {
  thread_local std::vector<uint8_t> scratch;
  return scratch;
}

// Sets bit i of `upper` where byte i of `lower` is not zero.
void Summarise(const uint8_t* lower, size_t lower_bytes, uint8_t* upper) {
  for (size_t i = 0; i < lower_bytes; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, lower + i, lower_bytes - i < 8 ? lower_bytes - i : 8);
    unsigned summary = 0;
    for (unsigned k = 0; word != 0; ++k, word >>= 8) summary |= unsigned{(word & 0xff) != 0} << k;
    upper[i / 8] = static_cast<uint8_t>(summary);
  }
}

// Fills the bytes of `lower` that `upper` says are there.
bool Expand(ByteSource* source, const uint8_t* upper, size_t upper_bytes, uint8_t* lower,
            size_t lower_bytes) {
  for (size_t i = 0; i < upper_bytes; ++i) {
    for (unsigned summary = upper[i]; summary != 0; summary &= summary - 1) {
      const size_t at = i * 8 + static_cast<size_t>(std::countr_zero(summary));
      if (at >= lower_bytes || !source->Byte(&lower[at]) || lower[at] == 0) return false;
    }
  }
  return true;
}

}  // namespace

void AppendBitmap(std::span<const uint64_t> words, size_t bits, ByteSink* sink) {
  const Levels levels = LevelsOf(bits);
  std::vector<uint8_t>& scratch = Scratch();
  scratch.resize(levels.bytes[0] / 7 + kLevelsMax);
  std::array<const uint8_t*, kLevelsMax> at{};
  at[0] = reinterpret_cast<const uint8_t*>(words.data());
  uint8_t* next = scratch.data();
  for (size_t level = 1; level < levels.count; ++level) {
    Summarise(at[level - 1], levels.bytes[level - 1], next);
    at[level] = next;
    next += levels.bytes[level];
  }
  char* out = sink->Room(levels.bytes[0] + scratch.size());
  *out++ = static_cast<char>(*at[levels.count - 1]);
  for (size_t level = levels.count - 1; level-- > 0;) {
    for (size_t i = 0; i < levels.bytes[level]; ++i) {
      *out = static_cast<char>(at[level][i]);
      out += *out != 0;
    }
  }
  sink->Advance(out);
}

bool ReadBitmap(ByteSource* source, size_t bits, std::span<uint64_t> words) {
  const Levels levels = LevelsOf(bits);
  std::vector<uint8_t>& scratch = Scratch();
  scratch.assign(levels.bytes[0] / 7 + kLevelsMax, 0);
  std::memset(words.data(), 0, words.size_bytes());
  uint8_t* const bitmap = reinterpret_cast<uint8_t*>(words.data());
  uint8_t* upper = levels.count == 1 ? bitmap : scratch.data();
  if (!source->Byte(upper)) return false;
  uint8_t* next = scratch.data() + 1;
  for (size_t level = levels.count - 1; level-- > 0;) {
    uint8_t* const lower = level == 0 ? bitmap : next;
    if (!Expand(source, upper, levels.bytes[level + 1], lower, levels.bytes[level])) return false;
    upper = lower;
    next += levels.bytes[level];
  }
  const size_t beyond = bits % 64;
  return beyond == 0 || words.back() >> beyond == 0;
}

}  // namespace baro::codec
