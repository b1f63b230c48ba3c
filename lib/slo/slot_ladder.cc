#include "slot_ladder.h"

#include <algorithm>

#include "baro/base/check.h"
#include "baro/slo/slo_spec.h"
#include "rounding.h"

namespace baro::slo {
const Counts& SlotLadder::Rung::At(int64_t slot) const {
  const int64_t block = FloorDivide(slot, kBlockSlots);
  const auto count = static_cast<int64_t>(blocks.size());
  return blocks[static_cast<size_t>(((block % count) + count) % count)]
               [static_cast<size_t>(slot - block * kBlockSlots)];
}

void SlotLadder::Rung::Put(int64_t slot, const Counts& counts) {
  const int64_t block = FloorDivide(slot, kBlockSlots);
  const auto count = static_cast<int64_t>(blocks.size());
  std::vector<Counts>& cells = blocks[static_cast<size_t>(((block % count) + count) % count)];
  if (cells.empty()) cells.resize(kBlockSlots);
  cells[static_cast<size_t>(slot - block * kBlockSlots)] = counts;
}

void SlotLadder::Rung::Start(int64_t slot, const Counts& counts) {
  oldest = newest = slot;
  Put(slot, counts);
}

SlotLadder::SlotLadder(std::vector<RungSpec> rungs) {
  BARO_CHECK(!rungs.empty());
  for (const RungSpec& spec : rungs) {
    Rung rung;
    rung.slot_ms = spec.slot_ms;
    rung.capacity = spec.capacity;
    // One more than the slots need, as they need not begin with a block.
    rung.blocks.resize(static_cast<size_t>(spec.capacity / kBlockSlots) + 2);
    rungs_.push_back(std::move(rung));
  }
}

Counts SlotLadder::UpTo(int64_t time_ms) const {
  if (empty_) return {};
  const Rung* last = nullptr;
  for (const Rung& rung : rungs_) {
    if (rung.newest < rung.oldest) continue;
    last = &rung;
    const int64_t slot = FloorDivide(time_ms, rung.slot_ms);
    if (slot >= rung.oldest) return rung.At(std::min(slot, rung.newest));
  }
  return last == nullptr ? Counts{} : last->At(last->oldest);
}

int64_t SlotLadder::oldest_ms() const {
  int64_t oldest = newest_ms_;
  for (const Rung& rung : rungs_) {
    if (rung.newest >= rung.oldest) oldest = std::min(oldest, rung.oldest * rung.slot_ms);
  }
  return oldest;
}

int64_t SlotLadder::SlotAt(int64_t time_ms) const {
  for (const Rung& rung : rungs_) {
    if (rung.newest >= rung.oldest && FloorDivide(time_ms, rung.slot_ms) >= rung.oldest) {
      return rung.slot_ms;
    }
  }
  return rungs_.back().slot_ms;
}

void SlotLadder::Reset(int64_t time_ms, const Counts& counts) {
  empty_ = false;
  newest_ms_ = time_ms;
  for (Rung& rung : rungs_) {
    rung.oldest = 0;
    rung.newest = -1;
    if (time_ms % rung.slot_ms == 0) rung.Start(time_ms / rung.slot_ms, counts);
  }
}

void SlotLadder::Rewrite(int64_t from_ms, int64_t grain_ms, std::span<const Counts> slots) {
  // Whatever was before, nothing of it is known: it begins at a boundary of every rung.
  if (empty_) Reset(FloorTo(from_ms, rungs_.back().slot_ms), {});
  const Counts start = UpTo(from_ms);
  const int64_t to_ms = from_ms + grain_ms * static_cast<int64_t>(slots.size());
  std::vector<Counts> firsts;
  for (const Rung& rung : rungs_) {
    firsts.push_back(UpTo(FloorTo(from_ms, rung.slot_ms)));
  }
  for (size_t r = 0; r < rungs_.size(); ++r) {
    Rung& rung = rungs_[r];
    if (rung.slot_ms < grain_ms) {
      rung.oldest = 0;
      rung.newest = -1;
      continue;
    }
    const int64_t first = FloorDivide(from_ms, rung.slot_ms);
    if (rung.Has(first)) {
      rung.newest = first;
    } else {
      rung.Start(first, firsts[r]);
    }
    Counts sum = start;
    size_t next = 0;
    const int64_t last = FloorDivide(to_ms, rung.slot_ms);
    for (int64_t slot = first + 1; slot <= last; ++slot) {
      const auto upto = static_cast<size_t>((slot * rung.slot_ms - from_ms) / grain_ms);
      for (; next < upto; ++next) sum += slots[next];
      rung.Put(slot, sum);
      rung.newest = slot;
      rung.oldest = std::max(rung.oldest, slot - rung.capacity);
    }
  }
  newest_ms_ = to_ms;
}

size_t SlotLadder::memory_bytes() const {
  size_t bytes = sizeof(*this) + rungs_.capacity() * sizeof(Rung);
  for (const Rung& rung : rungs_) {
    bytes += rung.blocks.capacity() * sizeof(std::vector<Counts>);
    for (const auto& block : rung.blocks) bytes += block.capacity() * sizeof(Counts);
  }
  return bytes;
}

namespace {

// A rung that reaches `reach_ms` back, with a slot to spare at each end.
RungSpec Reaching(int64_t slot_ms, int64_t reach_ms) { return {slot_ms, reach_ms / slot_ms + 2}; }

}  // namespace

std::vector<RungSpec> EventRungs(int64_t window_ms) {
  std::vector<RungSpec> rungs = {Reaching(10 * kSecondMs, 6 * kHourMs),
                                 Reaching(kMinuteMs, 3 * kDayMs)};
  // Policies look back three days however short the objective's window is.
  const int64_t reach_ms = std::max(window_ms, 3 * kDayMs);
  rungs.push_back(Reaching(5 * kMinuteMs, std::min(reach_ms, 92 * kDayMs)));
  if (reach_ms > 92 * kDayMs) rungs.push_back(Reaching(kHourMs, reach_ms));
  return rungs;
}

std::vector<RungSpec> SliceRungs(int64_t window_ms, int64_t slice_ms) {
  const int64_t reach_ms = std::max(window_ms, 3 * kDayMs);
  std::vector<RungSpec> rungs;
  if (slice_ms < 5 * kMinuteMs) rungs.push_back(Reaching(slice_ms, 3 * kDayMs));
  const int64_t middle_ms = std::max(slice_ms, 5 * kMinuteMs);
  rungs.push_back(Reaching(middle_ms, std::min(reach_ms, 92 * kDayMs)));
  if (reach_ms > 92 * kDayMs && middle_ms < kHourMs) rungs.push_back(Reaching(kHourMs, reach_ms));
  return rungs;
}

}  // namespace baro::slo
