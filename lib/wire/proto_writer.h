// Writes protobuf's wire format field by field.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace baro::wire {

inline constexpr uint32_t kVarintKey = 0;
inline constexpr uint32_t kFixed64Key = 1;
inline constexpr uint32_t kBytesKey = 2;

inline uint64_t ZigZag(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  return (bits << 1) ^ (value < 0 ? ~uint64_t{0} : 0);
}

inline void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}
inline void AppendFixed64(uint64_t value, std::string* out) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  out->append(bytes, sizeof(bytes));
}
inline void PutKey(uint32_t field, uint32_t kind, std::string* out) {
  AppendVarint(uint64_t{field} << 3 | kind, out);
}

inline void PutVarint(uint32_t field, uint64_t value, std::string* out) {
  PutKey(field, kVarintKey, out);
  AppendVarint(value, out);
}
inline void PutSigned(uint32_t field, int64_t value, std::string* out) {  // sint32, sint64
  PutVarint(field, ZigZag(value), out);
}
inline void PutDouble(uint32_t field, double value, std::string* out) {
  PutKey(field, kFixed64Key, out);
  AppendFixed64(std::bit_cast<uint64_t>(value), out);
}
inline void PutBytes(uint32_t field, std::string_view bytes, std::string* out) {
  PutKey(field, kBytesKey, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

}  // namespace baro::wire
