// Part: one sealed run of a slot (or of neighbouring slots with little in them): which rows of
// which targets, in which layouts. Its values lie in column family `slots` under the part's prefix;
// this record in `index` is what makes them exist (docs/formats/keys.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {

struct TargetLayout {
  TargetId target = 0;
  LayoutId layout = 0;
  auto operator<=>(const TargetLayout&) const = default;
};

// Sorted by target. Parts of a steady fleet have equal lists and share one in memory.
using TargetLayouts = std::vector<TargetLayout>;

// When the samples of a part or a head were written, as deletes see it (tombstones.h).
struct Written {
  uint64_t epoch = 0;    // the newest journal (head epoch) with samples in it; 0: long ago
  uint32_t cleaned = 0;  // deletes up to this number are physical in it
};

// Immutable. Of two samples at the same time the one in the part of higher rank counts. Readers
// hold parts by shared_ptr; the files go when the last one lets go.
struct Part {
  uint32_t number = 0;
  uint32_t slot = 0;
  int64_t time_ms_min = 0;
  int64_t time_ms_max = 0;
  uint64_t samples = 0;
  uint32_t rows_max = 0;  // of one target; what a reader makes room for
  uint64_t bytes = 0;     // of its file
  Written written;
  // What `number` stands for in the order of writing: a part rewritten without its deleted samples
  // has a new number and keeps its rank. Equal to the number otherwise.
  uint32_t rank = 0;
  std::shared_ptr<const TargetLayouts> targets;
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
