// Compact bitmap: a tree of bytes in which zero bytes are left out.
//
// Level 0 is the bitmap itself, 8 bits a byte; level k + 1 has one bit for each byte of level k
// that is not zero. The last level is one byte. Written from the last level down, each without its
// zero bytes: an empty bitmap costs one byte, a full one 8/7 of its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bytes.h"

namespace baro::codec {

inline size_t WordsOf(size_t bits) { return (bits + 63) / 64; }

// `words` has WordsOf(bits) words; bits beyond `bits` are zero. bits > 0.
void AppendBitmap(std::span<const uint64_t> words, size_t bits, ByteSink* sink);

// False when the bytes are truncated, hold a zero byte or set a bit beyond `bits`; `words` (of
// WordsOf(bits)) is then unspecified.
bool ReadBitmap(ByteSource* source, size_t bits, std::span<uint64_t> words);

// Calls visit(index) for each set bit, ascending.
template <typename Visit>
void ForEachBit(std::span<const uint64_t> words, Visit visit) {
  for (size_t w = 0; w < words.size(); ++w) {
    for (uint64_t word = words[w]; word != 0; word &= word - 1) {
      visit(w * 64 + static_cast<size_t>(std::countr_zero(word)));
    }
  }
}

}  // namespace baro::codec
