// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected): the checksum of spool records, push
// batches and journal values. The same sum as in iSCSI (RFC 3720), RocksDB and Prometheus' WAL.
#pragma once

#include <cstdint>
#include <string_view>

namespace baro::codec {

// The sum of `bytes`. Thread-safe; uses SSE4.2 where the machine has it.
uint32_t Crc32c(std::string_view bytes);

// Goes on from the sum of the bytes before: ExtendCrc32c(Crc32c(a), b) == Crc32c(a + b).
uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);

// The two ways in which the sum is computed; tests hold them against each other.
namespace crc32c_internal {
using Extend = uint32_t (*)(uint32_t crc, std::string_view bytes);
uint32_t ExtendSoftware(uint32_t crc, std::string_view bytes);
// Null on a machine without the instruction.
Extend HardwareExtend();
}  // namespace crc32c_internal

}  // namespace baro::codec
