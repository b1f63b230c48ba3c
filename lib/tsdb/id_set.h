// IdSet: the ids that carry one label value. Most values are carried by few; a bitmap for each of
// them would cost ten times its content.
#pragma once

#include <cstdint>
#include <memory>
#include <roaring/roaring.hh>
#include <vector>

namespace baro::tsdb {

// Thread-compatible. Ids are added in ascending order, as they are given out.
class IdSet {
 public:
  void Add(uint32_t id) {
    if (bitmap_ != nullptr) {
      bitmap_->add(id);
      return;
    }
    if (!few_.empty() && few_.back() == id) return;
    few_.push_back(id);
    if (few_.size() > kFewMax) {
      bitmap_ = std::make_unique<Roaring>(few_.size(), few_.data());
      few_ = {};
    }
  }

  void UniteInto(Roaring* result) const {
    if (bitmap_ != nullptr) {
      *result |= *bitmap_;
    } else {
      result->addMany(few_.size(), few_.data());
    }
  }

  bool Intersects(const Roaring& ids) const {
    if (bitmap_ != nullptr) return bitmap_->intersect(ids);
    for (const uint32_t id : few_) {
      if (ids.contains(id)) return true;
    }
    return false;
  }

  uint64_t size() const { return bitmap_ != nullptr ? bitmap_->cardinality() : few_.size(); }

 private:
  static constexpr size_t kFewMax = 16;

  std::vector<uint32_t> few_;
  std::unique_ptr<Roaring> bitmap_;
};

}  // namespace baro::tsdb
