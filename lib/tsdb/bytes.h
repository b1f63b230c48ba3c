// Integers and strings as bytes: big-endian where order matters (keys), LEB128 elsewhere.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace baro::tsdb {

template <typename T>
void PutBigEndian(T value, std::string* bytes) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    bytes->push_back(static_cast<char>((static_cast<uint64_t>(value) >> shift) & 0xff));
  }
}

// Drops what it reads; false when `bytes` is too short.
template <typename T>
bool TakeBigEndian(std::string_view* bytes, T* value) {
  if (bytes->size() < sizeof(T)) return false;
  uint64_t result = 0;
  for (size_t i = 0; i < sizeof(T); ++i) result = result << 8 | static_cast<uint8_t>((*bytes)[i]);
  *value = static_cast<T>(result);
  bytes->remove_prefix(sizeof(T));
  return true;
}

inline void PutVarint(uint64_t value, std::string* bytes) {
  while (value >= 0x80) {
    bytes->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes->push_back(static_cast<char>(value));
}

// False when the bytes end early or the number has more than 64 bits.
inline bool TakeVarint(std::string_view* bytes, uint64_t* value) {
  uint64_t result = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    result |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return true;
    }
  }
  return false;
}

// As TakeVarint; false as well when the number does not fit into 32 bits.
inline bool TakeVarint32(std::string_view* bytes, uint32_t* value) {
  uint64_t wide = 0;
  if (!TakeVarint(bytes, &wide) || wide > UINT32_MAX) return false;
  *value = static_cast<uint32_t>(wide);
  return true;
}

inline uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

inline void PutText(std::string_view text, std::string* bytes) {
  PutVarint(text.size(), bytes);
  bytes->append(text);
}

inline bool TakeText(std::string_view* bytes, std::string_view* text) {
  uint64_t size = 0;
  if (!TakeVarint(bytes, &size) || size > bytes->size()) return false;
  *text = bytes->substr(0, size);
  bytes->remove_prefix(size);
  return true;
}

inline void PutDouble(double value, std::string* bytes) {
  const auto bits = std::bit_cast<uint64_t>(value);
  char raw[sizeof(bits)];
  std::memcpy(raw, &bits, sizeof(bits));
  bytes->append(raw, sizeof(raw));
}

inline bool TakeDouble(std::string_view* bytes, double* value) {
  if (bytes->size() < sizeof(double)) return false;
  std::memcpy(value, bytes->data(), sizeof(double));
  bytes->remove_prefix(sizeof(double));
  return true;
}

}  // namespace baro::tsdb
