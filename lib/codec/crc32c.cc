#include "baro/codec/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace baro::codec {
namespace crc32c_internal {
namespace {

constexpr uint32_t kPolynomialReflected = 0x82f63b78;

// kTables[0] advances the sum by one byte; kTables[k] by one byte followed by k zero bytes, so that
// eight look-ups advance it by eight bytes at once ("slicing by eight", Kounavis and Berry 2005).
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) * kPolynomialReflected);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint64_t LoadWord(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

uint32_t ExtendSoftware(uint32_t crc, std::string_view bytes) {
  crc = ~crc;
  const char* next = bytes.data();
  const char* const end = next + bytes.size();
  for (; end - next >= 8; next += 8) {
    const uint64_t word = LoadWord(next) ^ crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; next != end; ++next) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint8_t>(*next)) & 0xff];
  }
  return ~crc;
}

#if defined(__x86_64__)
namespace {

__attribute__((target("sse4.2"))) uint32_t ExtendSse42(uint32_t crc, std::string_view bytes) {
  uint64_t sum = ~crc;
  const char* next = bytes.data();
  const char* const end = next + bytes.size();
  for (; end - next >= 8; next += 8) sum = _mm_crc32_u64(sum, LoadWord(next));
  auto small = static_cast<uint32_t>(sum);
  for (; next != end; ++next) small = _mm_crc32_u8(small, static_cast<uint8_t>(*next));
  return ~small;
}

}  // namespace

Extend HardwareExtend() { return __builtin_cpu_supports("sse4.2") ? ExtendSse42 : nullptr; }
#else
Extend HardwareExtend() { return nullptr; }
#endif

}  // namespace crc32c_internal

uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes) {
  static const crc32c_internal::Extend kExtend = [] {
    const auto hardware = crc32c_internal::HardwareExtend();
    return hardware != nullptr ? hardware : crc32c_internal::ExtendSoftware;
  }();
  return kExtend(crc, bytes);
}

uint32_t Crc32c(std::string_view bytes) { return ExtendCrc32c(0, bytes); }

}  // namespace baro::codec
