// Integer stream: 64-bit integers as differences of order 0, 1 or 2, bit-packed in blocks of 64
// with exceptions (docs/formats/column.md, "Integer stream"). Arithmetic wraps: any integers go in.
#pragma once

#include <cstdint>
#include <span>

#include "bytes.h"

namespace baro::codec {

// Appends the cheapest of the forms. The count is not written: the reader knows it.
void AppendIntegers(std::span<const uint64_t> integers, ByteSink* sink);

// False when the bytes are damaged; `integers` is then unspecified.
bool ReadIntegers(ByteSource* source, std::span<uint64_t> integers);

}  // namespace baro::codec
