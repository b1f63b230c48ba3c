// The bytes of notes: varints, texts with their length, doubles. docs/formats/slo-notes.md.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "baro/model/labels.h"

namespace baro::slo {

class NoteWriter {
 public:
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      bytes_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    bytes_ += static_cast<char>(value);
  }
  void Int(int64_t value) {
    Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void Text(std::string_view text) {
    Varint(text.size());
    bytes_ += text;
  }
  void Double(double value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(bits >> shift & 0xff);
  }
  // Whole numbers are short: counts nearly always are whole.
  void Number(double value) {
    constexpr double kExact = 1e15;
    if (value == std::floor(value) && std::fabs(value) < kExact) {
      Varint(0);
      Int(static_cast<int64_t>(value));
    } else {
      Varint(1);
      Double(value);
    }
  }
  void Labels(const model::Labels& labels) {
    Varint(labels.size());
    for (const model::Label& label : labels) {
      Text(label.name);
      Text(label.value);
    }
  }
  std::string Finish() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what may be damaged: after the first thing that is wrong ok() is false and all reads are 0.
class NoteReader {
 public:
  explicit NoteReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    rest_ = {};
    return 0;
  }
  // A count of things of at least one byte each.
  size_t Count() {
    const uint64_t count = Varint();
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return 0;
    }
    return static_cast<size_t>(count);
  }
  int64_t Int() {
    const uint64_t value = Varint();
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }
  std::string_view Text() {
    const size_t size = Count();
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  double Double() {
    if (rest_.size() < 8) {
      ok_ = false;
      rest_ = {};
      return 0;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; ++i) bits |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8 * i);
    rest_.remove_prefix(8);
    const auto value = std::bit_cast<double>(bits);
    if (!std::isfinite(value)) ok_ = false;
    return std::isfinite(value) ? value : 0;
  }
  double Number() { return Varint() == 0 ? static_cast<double>(Int()) : Double(); }
  model::Labels Labels() {
    std::vector<model::Label> labels;
    const size_t size = Count();
    for (size_t i = 0; i < size && ok_; ++i) {
      const std::string_view name = Text();
      labels.push_back({std::string(name), std::string(Text())});
    }
    return model::Labels::FromUnsorted(std::move(labels));
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace baro::slo
