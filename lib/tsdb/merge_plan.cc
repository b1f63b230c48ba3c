#include "merge_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "baro/codec/column.h"
#include "time_range.h"

namespace baro::tsdb {
namespace {

using PartPtr = std::shared_ptr<const Part>;

// Inputs of one merge: each has an iterator's block in memory. More are merged in several goes.
constexpr size_t kInputsMax = 96;
// Rows of one target that a merged part may have: a quarter of an hour at 10 ms, a day at 1.5 s.
constexpr uint64_t kRowsMax = codec::kColumnValuesMax - 1'024;
// A window that is not over is merged when it has this many sealed parts; one that is, from two.
constexpr size_t kEarlyPartsMin = 8;
// Late parts of a merged day wait for one another: until they are this many, or hold a quarter of
// the day's samples. So a sample is rewritten few times, however late samples trickle in.
constexpr size_t kLatePartsMax = 8;
constexpr uint64_t kLateShare = 4;
// Windows smaller than this are not cut further when a target has too many rows.
constexpr uint32_t kWindowSlotsMin = 3;

class Planner {
 public:
  Planner(const std::vector<PartPtr>& parts, const MergePolicy& policy) : policy_(policy) {
    for (const PartPtr& part : parts) {
      if (part->interval_ms == 0) parts_.push_back(part);
    }
    std::sort(parts_.begin(), parts_.end(), [](const PartPtr& a, const PartPtr& b) {
      return std::pair(a->rank, a->number) < std::pair(b->rank, b->number);
    });
  }

  std::vector<MergeJob> Run() {
    if (!policy_.force) PlanHours();
    PlanDays();
    return std::move(jobs_);
  }

 private:
  uint32_t FirstSlot(const Part& part) const { return SlotOf(part.time_ms_min, policy_.slot_ms); }
  uint32_t LastSlot(const Part& part) const { return SlotOf(part.time_ms_max, policy_.slot_ms); }
  bool LeftAlone(const Part& part) const {
    return policy_.left_alone != nullptr && policy_.left_alone->contains(part.number);
  }

  // Nothing new comes into a window that is over but late samples.
  bool IsOver(int64_t window, uint32_t slots) const {
    const uint32_t now_slot = SlotOf(policy_.now_ms, policy_.slot_ms);
    // One slot later: by then the window's last slot is sealed.
    return now_slot > 0 && WindowOf(now_slot - 1, slots) > window;
  }

  // Parts wholly inside one window, by window.
  template <typename Accept>
  std::map<int64_t, std::vector<PartPtr>> ByWindow(const std::vector<PartPtr>& parts,
                                                   uint32_t slots, Accept accept) const {
    std::map<int64_t, std::vector<PartPtr>> windows;
    for (const PartPtr& part : parts) {
      const int64_t window = WindowOf(FirstSlot(*part), slots);
      if (window != WindowOf(LastSlot(*part), slots) || LeftAlone(*part) || !accept(*part)) {
        continue;
      }
      windows[window].push_back(part);
    }
    return windows;
  }

  // Cuts members (by rank) wherever another part that meets them in time stands between them.
  std::vector<std::vector<PartPtr>> Runs(const std::vector<PartPtr>& members) const {
    int64_t min_ms = INT64_MAX;
    int64_t max_ms = INT64_MIN;
    for (const PartPtr& part : members) {
      min_ms = std::min(min_ms, part->time_ms_min);
      max_ms = std::max(max_ms, part->time_ms_max);
    }
    const TimeRange hull{min_ms, max_ms};
    std::vector<uint32_t> between;  // ranks of the others
    size_t next = 0;
    for (const PartPtr& part : parts_) {
      if (next < members.size() && part == members[next]) {
        ++next;
      } else if (hull.Meets(part->time_ms_min, part->time_ms_max)) {
        between.push_back(part->rank);
      }
    }
    std::vector<std::vector<PartPtr>> runs;
    for (const PartPtr& part : members) {
      const bool joins = !runs.empty() && runs.back().size() < kInputsMax &&
                         !AnyBetween(between, runs.back().back()->rank, part->rank);
      if (!joins) runs.emplace_back();
      runs.back().push_back(part);
    }
    return runs;
  }

  // `ranks` ascend.
  static bool AnyBetween(const std::vector<uint32_t>& ranks, uint32_t low, uint32_t high) {
    const auto above = std::upper_bound(ranks.begin(), ranks.end(), low);
    return above != ranks.end() && *above < high;
  }

  // At most: parts of one rank are classes of the same rows.
  static uint64_t RowsOf(const std::vector<PartPtr>& run) {
    uint64_t rows = 0;
    uint64_t rows_of_rank = 0;
    for (size_t i = 0; i < run.size(); ++i) {
      rows_of_rank = std::max<uint64_t>(rows_of_rank, run[i]->rows_max);
      if (i + 1 < run.size() && run[i + 1]->rank == run[i]->rank) continue;
      rows += rows_of_rank;
      rows_of_rank = 0;
    }
    return rows;
  }

  void PlanHours() {
    const auto sealed = [](const Part& part) { return part.generation == Generation::kSealed; };
    for (const auto& [window, members] : ByWindow(parts_, kHoursSlots, sealed)) {
      // Its day's merge takes them otherwise.
      const uint32_t slot = SlotOf(members.front()->time_ms_min, policy_.slot_ms);
      if (IsOver(WindowOf(slot, kDaySlots), kDaySlots)) continue;
      const size_t parts_min = IsOver(window, kHoursSlots) ? 2 : kEarlyPartsMin;
      for (std::vector<PartPtr>& run : Runs(members)) {
        if (run.size() < parts_min || RowsOf(run) > kRowsMax) continue;
        jobs_.push_back({std::move(run), Generation::kHours, 0, 0});
      }
    }
  }

  void PlanDays() {
    const auto any = [](const Part&) { return true; };
    for (const auto& [window, members] : ByWindow(parts_, kDaySlots, any)) {
      if (policy_.force || IsOver(window, kDaySlots)) PlanDay(members, kDaySlots);
    }
  }

  // Targets with too many rows for a day get half days, and so on.
  void PlanDay(const std::vector<PartPtr>& members, uint32_t slots) {
    for (std::vector<PartPtr>& run : Runs(members)) {
      if (!DayPays(run)) continue;
      if (RowsOf(run) <= kRowsMax) {
        jobs_.push_back({std::move(run), Generation::kDay, 0, 0});
        continue;
      }
      if (slots / 2 < kWindowSlotsMin) continue;
      const auto any = [](const Part&) { return true; };
      for (const auto& [window, half] : ByWindow(run, slots / 2, any)) PlanDay(half, slots / 2);
    }
  }

  bool DayPays(const std::vector<PartPtr>& run) const {
    uint64_t samples_merged = 0;
    uint64_t samples_late = 0;
    size_t late = 0;
    size_t merged = 0;
    for (const PartPtr& part : run) {
      if (part->generation == Generation::kDay) {
        samples_merged += part->samples;
        ++merged;
      } else {
        samples_late += part->samples;
        ++late;
      }
    }
    // Classes that were merged together are one.
    const bool several = run.front()->rank != run.back()->rank;
    if (policy_.force) return late > 0 || (merged > 1 && several);
    return late >= kLatePartsMax || (late > 0 && samples_late * kLateShare >= samples_merged);
  }

  const MergePolicy& policy_;
  std::vector<PartPtr> parts_;  // raw ones, by rank
  std::vector<MergeJob> jobs_;
};

}  // namespace

std::vector<MergeJob> PlanMerges(const std::vector<PartPtr>& parts, const MergePolicy& policy) {
  return Planner(parts, policy).Run();
}

}  // namespace baro::tsdb
