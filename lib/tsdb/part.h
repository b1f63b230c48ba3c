// Part: one sealed run of a slot (or of neighbouring slots with little in them): which rows of
// which targets, in which layouts. Its values lie in column family `slots` under the part's prefix;
// this record in `index` is what makes them exist (docs/formats/keys.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/tsdb/store.h"
#include "keys.h"

namespace baro::tsdb {

struct TargetLayout {
  TargetId target = 0;
  LayoutId layout = 0;
  auto operator<=>(const TargetLayout&) const = default;
};

// Sorted by target. Parts of a steady fleet have equal lists and share one in memory.
using TargetLayouts = std::vector<TargetLayout>;

// How often a part has been merged: a seal's slots, then two hours, then a day.
enum class Generation : uint8_t { kSealed = 0, kHours = 1, kDay = 2 };

// When the samples of a part or a head were written, as deletes see it (tombstones.h).
struct Written {
  uint64_t epoch = 0;    // the newest journal (head epoch) with samples in it; 0: long ago
  uint32_t cleaned = 0;  // deletes up to this number are physical in it
};

// Immutable. Readers hold parts by shared_ptr; the files go when the last one lets go.
struct Part {
  uint32_t number = 0;  // of the keys; given out once
  // Of two samples at the same time the one in the part of higher rank counts. A sealed part's rank
  // is its number, a merged or rewritten one's the highest rank that went into it
  // (docs/adr/0016-merges.md). Parts of one rank share no series.
  uint32_t rank = 0;
  uint8_t class_byte = kRawClass;  // of the keys
  Generation generation = Generation::kSealed;
  int64_t interval_ms = 0;  // of a downsampled tier (tier.h); 0: samples as they came
  Written written;
  uint32_t slot = 0;  // of the keys: the first it has samples in
  int64_t time_ms_min = 0;
  int64_t time_ms_max = 0;
  uint64_t samples = 0;
  uint32_t rows_max = 0;  // of one target; what a reader makes room for
  uint64_t bytes = 0;     // of its files
  std::shared_ptr<const TargetLayouts> targets;

  // The key of a value of the part, for layout, block and target to be filled in.
  SlotKey Key() const { return {class_byte, slot, number, 0, 0, 0}; }
  // The block that has a layout's column. Between those of merged parts there is room
  // for statistics: tiers have them, and merged parts of format version 2.
  uint16_t BlockOf(uint32_t position) const {
    const auto block = static_cast<uint16_t>(position / kBlockColumns);
    return generation == Generation::kSealed ? block : static_cast<uint16_t>(block * 2);
  }
  // All keys of the part are in [first, second).
  std::pair<std::string, std::string> KeyRange() const;
};

std::string EncodePart(const Part& part);
// Errors: DataLoss.
absl::StatusOr<Part> DecodePart(uint32_t number, std::string_view bytes);

// Gives equal lists the same memory. Thread-compatible.
class TargetLayoutsPool {
 public:
  std::shared_ptr<const TargetLayouts> Share(std::shared_ptr<const TargetLayouts> list);

 private:
  std::vector<std::weak_ptr<const TargetLayouts>> recent_;
};

}  // namespace baro::tsdb
