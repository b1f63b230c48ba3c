// Integer stream: 64-bit integers as differences of order 0, 1 or 2, bit-packed in blocks of 64
// with exceptions or written as tokens (docs/formats/column.md, "Integer stream"). Arithmetic
// wraps: any integers go in.
#pragma once

#include <cstdint>
#include <span>

#include "bytes.h"

namespace baro::codec {

// What a writer may spend. Readers read both.
enum class Effort {
  kFast,   // written often, read soon: bit-packed
  kSmall,  // written once, kept for long: as tokens (tokens.h) where that is smaller
};

// Appends the cheapest of the forms. The count is not written: the reader knows it.
void AppendIntegers(std::span<const uint64_t> integers, Effort effort, ByteSink* sink);

// False when the bytes are damaged; `integers` is then unspecified.
bool ReadIntegers(ByteSource* source, std::span<uint64_t> integers);

}  // namespace baro::codec
