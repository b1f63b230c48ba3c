// Varints, zigzag and cursors over bytes: the small change of the formats in this folder.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace baro::codec {

// The formats are little-endian and are read by copying words; a big-endian port would swap here.
static_assert(std::endian::native == std::endian::little);

inline constexpr size_t kVarintBytesMax = 10;

inline uint64_t BitsOf(double value) { return std::bit_cast<uint64_t>(value); }
inline double DoubleOf(uint64_t bits) { return std::bit_cast<double>(bits); }

// Small magnitudes of either sign become small numbers: 0, -1, 1, -2 … → 0, 1, 2, 3 …
inline uint64_t ZigZag(uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }
inline uint64_t UnZigZag(uint64_t coded) { return (coded >> 1) ^ (0 - (coded & 1)); }

inline size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Writes at `out`, which has room for kVarintBytesMax; returns the end.
inline char* PutVarint(char* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
  *out++ = static_cast<char>(value);
  return out;
}

// Reads foreign bytes: every call says whether the bytes were there.
class ByteSource {
 public:
  explicit ByteSource(std::string_view bytes)
      : begin_(bytes.data()), next_(begin_), end_(begin_ + bytes.size()) {}

  size_t offset() const { return static_cast<size_t>(next_ - begin_); }
  size_t left() const { return static_cast<size_t>(end_ - next_); }
  std::string_view rest() const { return {next_, left()}; }

  bool Byte(uint8_t* value) {
    if (next_ == end_) return false;
    *value = static_cast<uint8_t>(*next_++);
    return true;
  }

  // False for truncated ones and for more than 64 bits.
  bool Varint(uint64_t* value) {
    if (next_ != end_ && static_cast<uint8_t>(*next_) < 0x80) [[likely]] {
      *value = static_cast<uint8_t>(*next_++);
      return true;
    }
    return LongVarint(value);
  }

  bool Bytes(size_t size, std::string_view* bytes) {
    if (left() < size) return false;
    *bytes = {next_, size};
    next_ += size;
    return true;
  }

 private:
  bool LongVarint(uint64_t* value) {
    uint64_t result = 0;
    const char* next = next_;
    for (unsigned shift = 0; shift < 64 && next != end_; shift += 7) {
      const auto byte = static_cast<uint8_t>(*next++);
      if (shift == 63 && byte > 1) return false;
      result |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        *value = result;
        next_ = next;
        return true;
      }
    }
    return false;
  }

  const char* begin_;
  const char* next_;
  const char* end_;
};

// A growing run of bytes that is written through a raw pointer: ask for room for many small pieces
// at once, write them, say where they end. Clear() keeps the memory.
class ByteSink {
 public:
  void Clear() { size_ = 0; }
  size_t size() const { return size_; }
  std::string_view bytes() const { return {bytes_.data(), size_}; }

  // The place to write at most `room` bytes; valid until the next call.
  char* Room(size_t room) {
    if (bytes_.size() - size_ < room) bytes_.resize((size_ + room) * 2);
    return bytes_.data() + size_;
  }
  void Advance(const char* end) { size_ = static_cast<size_t>(end - bytes_.data()); }

  void Byte(uint8_t value) {
    char* out = Room(1);
    *out = static_cast<char>(value);
    Advance(out + 1);
  }
  void Bytes(std::string_view bytes) {
    char* const out = Room(bytes.size());
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    Advance(out + bytes.size());
  }
  void Varint(uint64_t value) { Advance(PutVarint(Room(kVarintBytesMax), value)); }

 private:
  std::string bytes_;
  size_t size_ = 0;
};

}  // namespace baro::codec
