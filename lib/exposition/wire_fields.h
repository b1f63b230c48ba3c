// WireFields: the fields of one protobuf message, one after the other, without copies.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace baro::exposition {

// Thread-compatible. A length is never trusted: after damage Next() is false and ok() is, too.
class WireFields {
 public:
  explicit WireFields(std::string_view message) : rest_(message) {}

  // Goes to the next field; false at the end.
  bool Next() {
    if (rest_.empty() || !ok_) return false;
    uint64_t key = 0;
    if (!ReadVarint(&key) || key >> 3 == 0 || key >> 3 > 536'870'911) return Damage();
    number_ = static_cast<uint32_t>(key >> 3);
    kind_ = static_cast<uint32_t>(key & 7);
    bytes_ = {};
    value_ = 0;
    switch (kind_) {
      case 0:
        return ReadVarint(&value_) || Damage();
      case 1:
        return ReadFixed(8) || Damage();
      case 2: {
        uint64_t size = 0;
        if (!ReadVarint(&size) || size > rest_.size()) return Damage();
        bytes_ = rest_.substr(0, static_cast<size_t>(size));
        rest_.remove_prefix(static_cast<size_t>(size));
        return true;
      }
      case 5:
        return ReadFixed(4) || Damage();
      default:
        return Damage();
    }
  }

  bool ok() const { return ok_; }
  uint32_t number() const { return number_; }
  // A known field in another encoding than it should have.
  bool is_message() const { return kind_ == 2; }
  bool is_varint() const { return kind_ == 0; }
  bool is_fixed64() const { return kind_ == 1; }
  std::string_view bytes() const { return bytes_; }
  uint64_t integer() const { return value_; }
  int64_t zigzag() const {
    return static_cast<int64_t>(value_ >> 1) ^ -static_cast<int64_t>(value_ & 1);
  }
  double number_value() const { return std::bit_cast<double>(value_); }
  std::string_view rest() const { return rest_; }

  // Reads one varint off the front of `bytes`.
  static bool TakeVarint(std::string_view* bytes, uint64_t* value) {
    *value = 0;
    for (size_t i = 0; i < 10 && i < bytes->size(); ++i) {
      const auto byte = static_cast<unsigned char>((*bytes)[i]);
      *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if ((byte & 0x80) != 0) continue;
      bytes->remove_prefix(i + 1);
      return true;
    }
    return false;
  }

 private:
  bool Damage() {
    ok_ = false;
    return false;
  }
  bool ReadVarint(uint64_t* value) { return TakeVarint(&rest_, value); }
  bool ReadFixed(size_t size) {
    if (rest_.size() < size) return false;
    for (size_t i = 0; i < size; ++i) {
      value_ |= static_cast<uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    }
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  std::string_view bytes_;
  uint64_t value_ = 0;
  uint32_t number_ = 0;
  uint32_t kind_ = 0;
  bool ok_ = true;
};

}  // namespace baro::exposition
