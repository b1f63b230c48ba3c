// IdSet: the ids that carry one label value. Most values are carried by few ids: two lie in the set
// itself, some more in an array, and only then a bitmap pays, which alone costs a hundred bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <roaring/roaring.hh>
#include <utility>

namespace baro::tsdb {

// Thread-compatible. 16 bytes. Ids are added in ascending order, as they are given out.
class IdSet {
 public:
  IdSet() = default;
  IdSet(IdSet&& other) noexcept { Swap(&other); }
  IdSet& operator=(IdSet&& other) noexcept {
    Swap(&other);
    return *this;
  }
  ~IdSet() { Clear(); }

  void Add(uint32_t id) {
    if (capacity_ == kBitmap) {
      bitmap_->add(id);
      return;
    }
    if (size_ > 0 && data()[size_ - 1] == id) return;
    if (size_ == (capacity_ == 0 ? kInside : capacity_) && !Grow()) {
      bitmap_->add(id);
      return;
    }
    data()[size_++] = id;
  }

  void Remove(uint32_t id) {
    if (capacity_ == kBitmap) {
      bitmap_->remove(id);
      return;
    }
    uint32_t* const end = data() + size_;
    uint32_t* const found = std::lower_bound(data(), end, id);
    if (found == end || *found != id) return;
    std::copy(found + 1, end, found);
    if (--size_ == 0) Clear();
  }

  void UniteInto(Roaring* result) const {
    if (capacity_ == kBitmap) {
      *result |= *bitmap_;
    } else {
      result->addMany(size_, data());
    }
  }

  bool Intersects(const Roaring& ids) const {
    if (capacity_ == kBitmap) return bitmap_->intersect(ids);
    return std::any_of(data(), data() + size_, [&](uint32_t id) { return ids.contains(id); });
  }

  uint64_t CountIn(const Roaring& ids) const {
    if (capacity_ == kBitmap) return bitmap_->and_cardinality(ids);
    return static_cast<uint64_t>(
        std::count_if(data(), data() + size_, [&](uint32_t id) { return ids.contains(id); }));
  }

  // Calls visit(id), ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    if (capacity_ == kBitmap) {
      for (const uint32_t id : *bitmap_) visit(id);
    } else {
      std::for_each(data(), data() + size_, visit);
    }
  }

  bool empty() const { return capacity_ == kBitmap ? bitmap_->isEmpty() : size_ == 0; }
  uint64_t size() const { return capacity_ == kBitmap ? bitmap_->cardinality() : size_; }
  // Beyond the 16 of the set itself.
  size_t heap_bytes() const {
    if (capacity_ == kBitmap) return sizeof(Roaring) + bitmap_->getSizeInBytes(false);
    return capacity_ * sizeof(uint32_t);
  }

 private:
  static constexpr uint32_t kInside = 2;
  static constexpr uint32_t kListMax = 64;
  static constexpr uint32_t kBitmap = UINT32_MAX;

  const uint32_t* data() const { return capacity_ == 0 ? inside_ : list_; }
  uint32_t* data() { return capacity_ == 0 ? inside_ : list_; }

  // False when it has become a bitmap.
  bool Grow() {
    const uint32_t capacity = capacity_ == 0 ? 2 * kInside : 2 * capacity_;
    if (capacity > kListMax) {
      auto* bitmap = new Roaring(size_, data());
      Clear();
      bitmap_ = bitmap;
      capacity_ = kBitmap;
      return false;
    }
    auto* list = new uint32_t[capacity];
    std::copy(data(), data() + size_, list);
    if (capacity_ != 0) delete[] list_;
    list_ = list;
    capacity_ = capacity;
    return true;
  }

  void Clear() {
    if (capacity_ == kBitmap) {
      delete bitmap_;
    } else if (capacity_ != 0) {
      delete[] list_;
    }
    size_ = 0;
    capacity_ = 0;
    list_ = nullptr;
  }

  void Swap(IdSet* other) {
    std::swap(size_, other->size_);
    std::swap(capacity_, other->capacity_);
    // The union's widest member carries the others along.
    std::swap(list_, other->list_);
  }

  uint32_t size_ = 0;
  uint32_t capacity_ = 0;  // 0: ids are inside; kBitmap
  union {
    uint32_t* list_ = nullptr;
    uint32_t inside_[kInside];
    Roaring* bitmap_;
  };
};
static_assert(sizeof(IdSet) == 16);

}  // namespace baro::tsdb
