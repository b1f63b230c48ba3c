// Numbers of the index format that writer and reader share.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baro::promblock {

inline constexpr uint32_t kIndexMagic = 0xbaaad700;
inline constexpr uint8_t kIndexVersion = 2;
// Series begin at multiples of this, and are referred to by the quotient.
inline constexpr size_t kSeriesAlignment = 16;
inline constexpr size_t kContentsBytes = 6 * sizeof(uint64_t) + sizeof(uint32_t);

}  // namespace baro::promblock
