// Bits in the order Prometheus' chunks have them: the first bit is the highest of the first byte.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace baro::codec {

// Thread-compatible.
class BitWriter {
 public:
  // The lowest `count` bits of `value`, 0 … 64.
  void Bits(uint64_t value, uint32_t count) {
    if (count < 64) value &= (uint64_t{1} << count) - 1;
    const uint32_t free = 64 - held_;
    if (count < free) {
      word_ |= value << (free - count);
      held_ += count;
      return;
    }
    const uint32_t over = count - free;
    word_ |= over < 64 ? value >> over : 0;
    Flush(8);
    word_ = over == 0 ? 0 : value << (64 - over);
    held_ = over;
  }
  void Bit(bool bit) { Bits(bit ? 1 : 0, 1); }

  // LEB128, and the same of zigzag numbers, as Go's encoding/binary writes them.
  void Uvarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Bits(value | 0x80, 8);
    Bits(value, 8);
  }
  void Varint(int64_t value) {
    const auto bits = static_cast<uint64_t>(value);
    Uvarint((bits << 1) ^ (value < 0 ? ~uint64_t{0} : 0));
  }

  size_t bit_count() const { return bytes_.size() * 8 + held_; }
  // The bytes, the last one filled up with zero bits; leaves the writer empty.
  std::string Finish() {
    Flush((held_ + 7) / 8);
    word_ = 0;
    held_ = 0;
    return std::exchange(bytes_, {});
  }

 private:
  void Flush(size_t bytes) {
    char raw[8];
    for (size_t i = 0; i < 8; ++i) raw[i] = static_cast<char>(word_ >> (56 - 8 * i));
    bytes_.append(raw, bytes);
  }

  std::string bytes_;
  uint64_t word_ = 0;  // `held_` bits at its upper end
  uint32_t held_ = 0;  // below 64
};

// Reads foreign bytes: every call says whether the bits were there. Thread-compatible.
class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}

  size_t bits_left() const { return bytes_.size() * 8 - next_; }

  // `count` bits, 0 … 64, into the lower end of `value`.
  bool Bits(uint32_t count, uint64_t* value) {
    if (count > bits_left()) return false;
    uint64_t result = 0;
    for (uint32_t left = count; left > 0;) {
      const auto byte = static_cast<uint8_t>(bytes_[next_ / 8]);
      const auto at = static_cast<uint32_t>(next_ % 8);
      const uint32_t take = left < 8 - at ? left : 8 - at;
      const uint32_t part = (byte >> (8 - at - take)) & ((1u << take) - 1);
      result = (result << take) | part;
      next_ += take;
      left -= take;
    }
    *value = result;
    return true;
  }
  bool Bit(bool* bit) {
    uint64_t value = 0;
    if (!Bits(1, &value)) return false;
    *bit = value != 0;
    return true;
  }
  // False also beyond 64 bits.
  bool Uvarint(uint64_t* value) {
    uint64_t result = 0;
    for (uint32_t shift = 0; shift < 64; shift += 7) {
      uint64_t byte = 0;
      if (!Bits(8, &byte) || (shift == 63 && byte > 1)) return false;
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return false;
  }
  bool Varint(int64_t* value) {
    uint64_t coded = 0;
    if (!Uvarint(&coded)) return false;
    *value = static_cast<int64_t>((coded >> 1) ^ (0 - (coded & 1)));
    return true;
  }

 private:
  const std::string_view bytes_;
  size_t next_ = 0;  // bit
};

}  // namespace baro::codec
