// CRC32C (Castagnoli, RFC 3720 appendix B.4): the checksum of every record and batch of ours.
#pragma once

#include <cstdint>
#include <string_view>

namespace baro::base {

// The checksum of `bytes`, going on from the checksum of what lies before them:
// Crc32c(b, Crc32c(a)) == Crc32c(ab). Thread-safe. Uses the CPU's own instruction (SSE4.2) when
// there is one: one 8-byte word every three cycles, against one in about ten.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// The same by tables, on any CPU; here so that tests can hold the two against each other.
uint32_t Crc32cPortable(std::string_view bytes, uint32_t before = 0);

}  // namespace baro::base
