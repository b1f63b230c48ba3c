// SlotLadder: how many events, and how many bad ones, up to any time.
//
//   10 s  ├┼┼┼┼┼┼┼┼┤ 6 h        each step holds the sum of all events up to its end, so
//   1 min ├┼┼┼┼┼┼┼┼┼┼┼┼┼┤ 3 d   a window of any length is two reads and a subtraction
//   5 min ├┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┤ 92 d
//   1 h   ├┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┤ 400 d
//
// A rung is a ring over the newest slots; a time is looked up on the finest rung that still has it.
// What came late rewrites the sums behind it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace baro::slo {

// Events as sums; fractions occur (bad by a ratio, interpolated buckets).
struct Counts {
  double total = 0;
  double bad = 0;

  Counts& operator+=(const Counts& other) {
    total += other.total;
    bad += other.bad;
    return *this;
  }
  Counts& operator-=(const Counts& other) {
    total -= other.total;
    bad -= other.bad;
    return *this;
  }
  friend Counts operator-(Counts a, const Counts& b) { return a -= b; }
  friend Counts operator+(Counts a, const Counts& b) { return a += b; }
  bool operator==(const Counts&) const = default;
};

// One rung: sums at the ends of `capacity` slots at most, the newest ones.
struct RungSpec {
  int64_t slot_ms = 0;
  int64_t capacity = 0;
};

// Value type, thread-compatible. Times are ms since 1970; an event belongs to the slot that ends at
// its time or after it.
class SlotLadder {
 public:
  // By slot length, ascending; each a multiple of the one before.
  explicit SlotLadder(std::vector<RungSpec> rungs);

  // The sum of events up to `time_ms`, which is rounded down to a slot that is kept. Before all
  // that is kept: what the oldest slot has.
  Counts UpTo(int64_t time_ms) const;
  // From `from_ms` (exclusive) to `to_ms`.
  Counts Between(int64_t from_ms, int64_t to_ms) const { return UpTo(to_ms) - UpTo(from_ms); }

  // Replaces all after `from_ms` by `slots`, which are `grain_ms` long each. Rungs with shorter
  // slots than that lose what they have and start anew where a finer grain comes.
  // Requires: from_ms is a multiple of grain_ms.
  void Rewrite(int64_t from_ms, int64_t grain_ms, std::span<const Counts> slots);

  // Starts with `counts` up to `time_ms`; all else is forgotten.
  void Reset(int64_t time_ms, const Counts& counts);

  bool empty() const { return empty_; }
  int64_t newest_ms() const { return newest_ms_; }
  // The earliest time a window may begin.
  int64_t oldest_ms() const;
  // The slot length at `time_ms`.
  int64_t SlotAt(int64_t time_ms) const;
  size_t memory_bytes() const;

 private:
  static constexpr int64_t kBlockSlots = 256;

  struct Rung {
    int64_t slot_ms = 0;
    int64_t capacity = 0;
    int64_t oldest = 0;  // slot numbers; none while newest < oldest
    int64_t newest = -1;
    std::vector<std::vector<Counts>> blocks;  // ring of blocks, made when they are first written

    bool Has(int64_t slot) const { return newest >= oldest && slot >= oldest && slot <= newest; }
    const Counts& At(int64_t slot) const;
    void Put(int64_t slot, const Counts& counts);
    void Start(int64_t slot, const Counts& counts);
  };

  std::vector<Rung> rungs_;
  bool empty_ = true;
  int64_t newest_ms_ = 0;
};

// The rungs for events counted over windows up to `window_ms`, and for slices of `slice_ms`.
std::vector<RungSpec> EventRungs(int64_t window_ms);
std::vector<RungSpec> SliceRungs(int64_t window_ms, int64_t slice_ms);

}  // namespace baro::slo
