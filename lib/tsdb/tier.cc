#include "tier.h"

#include <algorithm>
#include <map>
#include <utility>

#include "baro/model/sample.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

using PartPtr = std::shared_ptr<const Part>;

// Samples wait for their tiers, but not for ever: when those cannot be made (damage), the disk must
// not fill up.
constexpr int64_t kWaitWindows = 2;

// The end of a day, in slots after 1970.
int64_t DayEndMs(int64_t day, int64_t slot_ms) {
  int64_t end_ms = 0;
  return __builtin_mul_overflow((day + 1) * kDaySlots, slot_ms, &end_ms) ? INT64_MAX : end_ms;
}

bool IsSampleOfDefaultClass(const Part& part) {
  return part.interval_ms == 0 && part.class_byte == kRawClass;
}

struct Day {
  std::vector<PartPtr> samples;
  std::map<int64_t, std::vector<PartPtr>> tiers;  // by interval
};

std::map<int64_t, Day> DaysOf(const std::vector<PartPtr>& parts, int64_t slot_ms) {
  std::map<int64_t, Day> days;
  for (const PartPtr& part : parts) {
    if (part->interval_ms != 0) {
      days[DayOf(*part, slot_ms)].tiers[part->interval_ms].push_back(part);
    } else if (IsSampleOfDefaultClass(*part)) {
      days[DayOf(*part, slot_ms)].samples.push_back(part);
    }
  }
  return days;
}

uint32_t RankOf(const std::vector<PartPtr>& parts) {
  uint32_t rank = 0;
  for (const PartPtr& part : parts) rank = std::max(rank, part->rank);
  return rank;
}

bool Outlives(const DownsampledTier& tier, int64_t samples_ms) {
  return tier.retention_ms == 0 || tier.retention_ms > samples_ms;
}

}  // namespace

int64_t DayOf(const Part& part, int64_t slot_ms) {
  return WindowOf(SlotOf(part.time_ms_max, slot_ms), kDaySlots);
}

void MarkTierRows(const Buckets& buckets, std::span<const double> cells, std::vector<bool>* kept) {
  size_t row = 0;
  for (const uint32_t end : buckets.end_row) {
    bool stale_seen = false;
    for (size_t i = end; i > row; --i) {
      const double cell = cells[i - 1];
      if (model::IsNoSample(cell)) continue;
      const bool stale = model::IsStaleNan(cell);
      if (!stale || !stale_seen) (*kept)[i - 1] = true;
      if (!stale) break;
      stale_seen = true;
    }
    row = end;
  }
}

std::vector<TierJob> PlanTiers(const std::vector<PartPtr>& parts, const RetentionPolicy& policy,
                               int64_t slot_ms, int64_t now_ms) {
  std::vector<TierJob> jobs;
  if (policy.tiers.empty() || policy.default_ms == 0) return jobs;
  for (const auto& [day, of_day] : DaysOf(parts, slot_ms)) {
    // As for merges: a slot later the day's last slot is sealed.
    if (of_day.samples.empty() || now_ms < slot_ms || DayEndMs(day, slot_ms) > now_ms - slot_ms) {
      continue;
    }
    const bool merged =
        std::all_of(of_day.samples.begin(), of_day.samples.end(),
                    [](const PartPtr& part) { return part->generation == Generation::kDay; });
    for (uint8_t i = 0; i < policy.tiers.size(); ++i) {
      const DownsampledTier& tier = policy.tiers[i];
      const int64_t end_ms = DayEndMs(day, slot_ms);
      if (!Outlives(tier, policy.default_ms) ||
          (tier.retention_ms != 0 && end_ms < now_ms - tier.retention_ms)) {
        continue;
      }
      const auto known = of_day.tiers.find(tier.interval_ms);
      std::vector<PartPtr> outdated;
      if (known != of_day.tiers.end()) outdated = known->second;
      // Late samples are waited for, but not longer than the others are there.
      const bool last_chance = end_ms <= now_ms - policy.default_ms;
      const bool behind = RankOf(outdated) < RankOf(of_day.samples);
      if (!outdated.empty() && !(behind && (merged || last_chance))) continue;
      MergeJob merge{of_day.samples, Generation::kDay, tier.interval_ms,
                     static_cast<uint8_t>((i + 1) << kTierShift | kRawClass)};
      std::sort(merge.inputs.begin(), merge.inputs.end(), [](const PartPtr& a, const PartPtr& b) {
        return std::pair(a->rank, a->number) < std::pair(b->rank, b->number);
      });
      jobs.push_back({std::move(merge), std::move(outdated)});
    }
  }
  return jobs;
}

std::set<int64_t> DaysThatWait(const std::vector<PartPtr>& parts, const RetentionPolicy& policy,
                               int64_t slot_ms, int64_t now_ms) {
  std::set<int64_t> waiting;
  if (policy.tiers.empty() || policy.default_ms == 0) return waiting;
  const int64_t oldest_ms = now_ms - policy.default_ms;
  for (const auto& [day, of_day] : DaysOf(parts, slot_ms)) {
    if (DayEndMs(day + kWaitWindows, slot_ms) <= oldest_ms) continue;
    for (const DownsampledTier& tier : policy.tiers) {
      if (!Outlives(tier, policy.default_ms)) continue;
      const auto made = of_day.tiers.find(tier.interval_ms);
      const bool whole =
          made != of_day.tiers.end() && RankOf(made->second) >= RankOf(of_day.samples);
      if (!whole || DayEndMs(day, slot_ms) > oldest_ms) waiting.insert(day);
    }
  }
  return waiting;
}

std::set<uint32_t> PassedOver(const std::vector<PartPtr>& parts, int64_t slot_ms,
                              int64_t resolution_ms) {
  std::set<uint32_t> passed;
  const bool any_tier = std::any_of(parts.begin(), parts.end(),
                                    [](const PartPtr& part) { return part->interval_ms != 0; });
  if (!any_tier) return passed;
  for (const auto& [day, of_day] : DaysOf(parts, slot_ms)) {
    int64_t chosen =
        of_day.samples.empty() && !of_day.tiers.empty() ? of_day.tiers.begin()->first : 0;
    for (const auto& [interval_ms, tier] : of_day.tiers) {
      if (interval_ms <= resolution_ms) chosen = interval_ms;
    }
    for (const auto& [interval_ms, tier] : of_day.tiers) {
      if (interval_ms == chosen) continue;
      for (const PartPtr& part : tier) passed.insert(part->number);
    }
    if (chosen == 0) continue;
    for (const PartPtr& part : of_day.samples) passed.insert(part->number);
  }
  return passed;
}

}  // namespace baro::tsdb
