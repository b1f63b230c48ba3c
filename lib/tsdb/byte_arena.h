// ByteArena: many small pieces of memory without a heap block each. Pieces of one size class are
// cut from shared blocks and given out again when freed.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace baro::tsdb {

// Thread-compatible. Addresses are stable and 8-aligned; all go with the arena.
class ByteArena {
 public:
  ByteArena() = default;
  ByteArena(const ByteArena&) = delete;
  ByteArena& operator=(const ByteArena&) = delete;
  ~ByteArena() {
    for (void* large : large_) ::operator delete(large);
  }

  void* Allocate(size_t size) {
    if (size > kSmallMax) return AllocateLarge(size);
    const size_t bytes = Round(size);
    used_ += bytes;
    if (Piece*& free = free_[bytes / kUnit]; free != nullptr) {
      Piece* piece = free;
      free = piece->next;
      return piece;
    }
    if (bytes > left_) {
      blocks_.push_back(std::make_unique<Block>());
      next_ = blocks_.back()->bytes.data();
      left_ = kBlockBytes;
    }
    char* piece = next_;
    next_ += bytes;
    left_ -= bytes;
    return piece;
  }

  // `size` as it was allocated.
  void Free(void* memory, size_t size) {
    if (size > kSmallMax) {
      std::erase(large_, memory);
      ::operator delete(memory);
      used_ -= size;
      return;
    }
    const size_t bytes = Round(size);
    used_ -= bytes;
    auto* piece = static_cast<Piece*>(memory);
    piece->next = free_[bytes / kUnit];
    free_[bytes / kUnit] = piece;
  }

  const char* Copy(std::string_view text) {
    auto* memory = static_cast<char*>(Allocate(text.size()));
    std::memcpy(memory, text.data(), text.size());
    return memory;
  }

  // Given out and not freed.
  size_t used() const { return used_; }

 private:
  static constexpr size_t kUnit = 8;
  static constexpr size_t kSmallMax = 512;  // larger ones are rare and have a heap block each
  static constexpr size_t kBlockBytes = 32'768;
  struct Piece {
    Piece* next;
  };
  struct Block {
    alignas(kUnit) std::array<char, kBlockBytes> bytes;
  };

  static size_t Round(size_t size) {
    return size == 0 ? kUnit : (size + kUnit - 1) / kUnit * kUnit;
  }
  void* AllocateLarge(size_t size) {
    void* memory = ::operator new(size);
    large_.push_back(memory);
    used_ += size;
    return memory;
  }

  std::vector<std::unique_ptr<Block>> blocks_;
  std::array<Piece*, kSmallMax / kUnit + 1> free_{};
  std::vector<void*> large_;
  char* next_ = nullptr;
  size_t left_ = 0;
  size_t used_ = 0;
};

}  // namespace baro::tsdb
