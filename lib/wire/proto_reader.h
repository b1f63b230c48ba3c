// Reads protobuf's wire format field by field, as strict and as lenient as protobuf's own parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace baro::wire {

enum class WireType : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

// Walks over one message:
//
//   while (!reader.AtEnd()) {
//     if (!reader.Tag()) → damaged
//     if (reader.Is(1, WireType::kBytes)) { if (!reader.Bytes(&bytes)) → damaged }
//     else if (!reader.Skip()) → damaged
//   }
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message)
      : next_(message.data()), end_(next_ + message.size()) {}

  bool AtEnd() const { return next_ == end_; }
  const char* next() const { return next_; }

  // Reads the next field's tag; false when there is none or it has no meaning.
  bool Tag() {
    uint64_t tag = 0;
    if (!Varint(&tag, kShortVarintBytes)) return false;
    tag_ = static_cast<uint32_t>(tag);
    return tag_ >> 3 != 0;
  }
  uint32_t field() const { return tag_ >> 3; }
  bool Is(uint32_t field, WireType type) const {
    return tag_ == (field << 3 | static_cast<uint32_t>(type));
  }

  bool Varint(uint64_t* value) { return Varint(value, kVarintBytes); }
  bool Fixed64(uint64_t* value) {
    if (Left() < sizeof(*value)) return false;
    std::memcpy(value, next_, sizeof(*value));
    next_ += sizeof(*value);
    return true;
  }
  bool Bytes(std::string_view* bytes) {
    uint64_t size = 0;
    if (!Varint(&size, kShortVarintBytes) || size > Left()) return false;
    *bytes = {next_, static_cast<size_t>(size)};
    next_ += size;
    return true;
  }
  // The numbers of a packed repeated field, one by one.
  template <typename Add>
  bool PackedVarints(const Add& add) {
    std::string_view bytes;
    if (!Bytes(&bytes)) return false;
    ProtoReader packed(bytes);
    uint64_t value = 0;
    while (!packed.AtEnd()) {
      if (!packed.Varint(&value)) return false;
      add(value);
    }
    return true;
  }
  template <typename Add>
  bool PackedFixed64(const Add& add) {
    std::string_view bytes;
    if (!Bytes(&bytes)) return false;
    ProtoReader packed(bytes);
    uint64_t value = 0;
    while (!packed.AtEnd()) {
      if (!packed.Fixed64(&value)) return false;
      add(value);
    }
    return true;
  }
  // Leaves out the content of the field whose tag was read.
  bool Skip() { return SkipField(tag_, kGroupDepthMax); }

 private:
  static constexpr int kVarintBytes = 10;
  static constexpr int kShortVarintBytes = 5;  // of tags and sizes, which are 32 bits wide
  static constexpr int kGroupDepthMax = 99;    // as protobuf's recursion limit leaves

  size_t Left() const { return static_cast<size_t>(end_ - next_); }

  bool Varint(uint64_t* value, int bytes_max) {
    if (next_ != end_ && static_cast<uint8_t>(*next_) < 0x80) [[likely]] {
      *value = static_cast<uint8_t>(*next_++);
      return true;
    }
    uint64_t result = 0;
    for (int i = 0; i < bytes_max && next_ != end_; ++i) {
      const auto byte = static_cast<uint8_t>(*next_++);
      result |= uint64_t{byte & 0x7fu} << (7 * i);
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return false;
  }

  bool SkipField(uint32_t tag, int depth) {
    uint64_t number = 0;
    std::string_view bytes;
    switch (static_cast<WireType>(tag & 7)) {
      case WireType::kVarint:
        return Varint(&number);
      case WireType::kFixed64:
        return Fixed64(&number);
      case WireType::kBytes:
        return Bytes(&bytes);
      case WireType::kStartGroup:
        return SkipGroup(tag, depth);
      case WireType::kFixed32:
        if (Left() < 4) return false;
        next_ += 4;
        return true;
      case WireType::kEndGroup:
        break;
    }
    return false;
  }

  // A group ends with an end tag of its own field number; proto3 has none, old senders might.
  bool SkipGroup(uint32_t start, int depth) {
    if (depth == 0) return false;
    while (Tag()) {
      const uint32_t tag = tag_;
      if (tag == start + 1) return true;
      if (!SkipField(tag, depth - 1)) return false;
    }
    return false;
  }

  const char* next_;
  const char* end_;
  uint32_t tag_ = 0;
};

}  // namespace baro::wire
