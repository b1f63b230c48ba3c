// FieldRun: the fields of one number in a message, tags included, as one piece of bytes.
#pragma once

#include <string>
#include <string_view>

#include "proto_reader.h"

namespace baro::wire {

// Fields of one number as a rule lie together and are one piece of the request; where others stand
// between them they are put together in a buffer. Thread-compatible.
class FieldRun {
 public:
  void Clear() {
    together_ = {};
    is_scattered_ = false;
  }
  // A whole field: its tag, size and content.
  void Add(const char* begin, const char* end) {
    const std::string_view piece(begin, static_cast<size_t>(end - begin));
    if (is_scattered_) {
      scattered_.append(piece);
    } else if (together_.empty()) {
      together_ = piece;
    } else if (together_.data() + together_.size() == begin) {
      together_ = {together_.data(), together_.size() + piece.size()};
    } else {
      is_scattered_ = true;
      scattered_.assign(together_);
      scattered_.append(piece);
    }
  }
  // Valid until the next Add() or Clear().
  std::string_view bytes() const {
    return is_scattered_ ? std::string_view(scattered_) : together_;
  }

 private:
  std::string_view together_;
  std::string scattered_;
  bool is_scattered_ = false;
};

// Adds the message's fields of that number (of bytes) to `run`. False: damaged.
inline bool GatherFields(std::string_view message, uint32_t number, FieldRun* run) {
  ProtoReader reader(message);
  while (!reader.AtEnd()) {
    const char* const field = reader.next();
    if (!reader.Tag()) return false;
    const bool wanted = reader.Is(number, WireType::kBytes);
    if (!reader.Skip()) return false;
    if (wanted) run->Add(field, reader.next());
  }
  return true;
}

}  // namespace baro::wire
