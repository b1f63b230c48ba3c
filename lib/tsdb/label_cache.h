// LabelCache: label sets as model::Labels, made when first asked for and kept for all selections
// that hold the cache. The dictionary replaces it by an empty one when it has grown too large; the
// old one goes with its last selection.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "baro/model/labels.h"

namespace baro::tsdb {

class Dictionary;

// Thread-safe. A set that is there costs three loads and no lock. The dictionary outlives it.
class LabelCache {
 public:
  explicit LabelCache(const Dictionary& dictionary) : dictionary_(dictionary) {}
  LabelCache(const LabelCache&) = delete;
  LabelCache& operator=(const LabelCache&) = delete;

  // Valid as long as the cache. The number is known and stays so, as a view has it.
  const model::Labels* Target(uint32_t id) const { return Get(true, id, &targets_); }
  const model::Labels* Column(uint32_t id) const { return Get(false, id, &columns_); }
  // Label sets made.
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  // Atomic pointers to what is made on demand: 2^12 × 2^12 × 2^8 numbers.
  template <typename Item, size_t kBits>
  class Slots {
   public:
    Slots() = default;
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;
    ~Slots() {
      for (const auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
    }
    // Of two threads that make the same, one's is kept.
    template <typename Make>
    Item* Get(uint32_t index, Make make) {
      std::atomic<Item*>& slot = slots_[index % slots_.size()];
      Item* item = slot.load(std::memory_order_acquire);
      if (item != nullptr) return item;
      Item* made = make();
      if (slot.compare_exchange_strong(item, made, std::memory_order_acq_rel)) return made;
      delete made;
      return item;
    }

   private:
    std::array<std::atomic<Item*>, size_t{1} << kBits> slots_{};
  };
  using Sets = Slots<const model::Labels, 8>;
  using Middle = Slots<Sets, 12>;
  using Top = Slots<Middle, 12>;

  const model::Labels* Get(bool of_target, uint32_t id, Top* top) const {
    return top->Get(id >> 20, [] { return new Middle(); })
        ->Get(id >> 8, [] { return new Sets(); })
        ->Get(id, [&] { return Make(of_target, id); });
  }
  const model::Labels* Make(bool of_target, uint32_t id) const;

  const Dictionary& dictionary_;
  mutable std::atomic<size_t> size_{0};
  mutable Top targets_;
  mutable Top columns_;
};

}  // namespace baro::tsdb
