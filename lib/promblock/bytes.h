// Numbers in files of Prometheus: big-endian, and varints as Go's encoding/binary has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baro::promblock {

template <typename Number>
void PutBigEndian(Number value, std::string* bytes) {
  for (size_t shift = sizeof(Number) * 8; shift > 0; shift -= 8) {
    bytes->push_back(static_cast<char>(value >> (shift - 8)));
  }
}

inline void PutUvarint(uint64_t value, std::string* bytes) {
  for (; value >= 0x80; value >>= 7) bytes->push_back(static_cast<char>(value | 0x80));
  bytes->push_back(static_cast<char>(value));
}

inline void PutVarint(int64_t value, std::string* bytes) {
  PutUvarint(static_cast<uint64_t>(value) << 1 ^ (value < 0 ? ~uint64_t{0} : 0), bytes);
}

inline void PutText(std::string_view text, std::string* bytes) {
  PutUvarint(text.size(), bytes);
  bytes->append(text);
}

// Each takes from the front of `bytes`; false when they are not there.
template <typename Number>
bool TakeBigEndian(std::string_view* bytes, Number* value) {
  if (bytes->size() < sizeof(Number)) return false;
  Number result = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    result = static_cast<Number>(result << 8 | static_cast<uint8_t>((*bytes)[i]));
  }
  bytes->remove_prefix(sizeof(Number));
  *value = result;
  return true;
}

inline bool TakeUvarint(std::string_view* bytes, uint64_t* value) {
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    result |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) {
      *value = result;
      return true;
    }
  }
  return false;
}

inline bool TakeVarint(std::string_view* bytes, int64_t* value) {
  uint64_t coded = 0;
  if (!TakeUvarint(bytes, &coded)) return false;
  *value = static_cast<int64_t>(coded >> 1 ^ (0 - (coded & 1)));
  return true;
}

inline bool TakeText(std::string_view* bytes, std::string_view* text) {
  uint64_t size = 0;
  if (!TakeUvarint(bytes, &size) || size > bytes->size()) return false;
  *text = bytes->substr(0, size);
  bytes->remove_prefix(size);
  return true;
}

}  // namespace baro::promblock
