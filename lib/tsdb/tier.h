// Downsampled tiers: of a day that is over, the last sample of each series in each bucket of time,
// and the statistics of the bucket; kept when the samples themselves have expired.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "bucket_stats.h"
#include "merge_plan.h"
#include "part.h"
#include "retention_class.h"

namespace baro::tsdb {

// Marks the rows that a tier keeps for a column: of each bucket the last sample, and a stale marker
// that ends it.
void MarkTierRows(const Buckets& buckets, std::span<const double> cells, std::vector<bool>* kept);

// A tier's part of one day, to be made of the samples' parts; it takes the place of `outdated`.
struct TierJob {
  MergeJob merge;
  std::vector<std::shared_ptr<const Part>> outdated;
};

// Tier parts that are missing or older than what they are made of. Only of days that are over and
// merged, the default class alone: what has a class of its own is kept as it is and then gone.
std::vector<TierJob> PlanTiers(const std::vector<std::shared_ptr<const Part>>& parts,
                               const RetentionPolicy& policy, int64_t slot_ms, int64_t now_ms);

// Days whose samples of the default class are to be kept although past their time: a tier stands
// for a whole day, and it is made before they go. Days are numbers of windows (keys.h).
std::set<int64_t> DaysThatWait(const std::vector<std::shared_ptr<const Part>>& parts,
                               const RetentionPolicy& policy, int64_t slot_ms, int64_t now_ms);
int64_t DayOf(const Part& part, int64_t slot_ms);

// The parts that a reader passes over: tiers of days whose samples are still there, and coarser
// ones beside a finer one. With `resolution_ms`: everything but the coarsest tier that is as fine
// as that, where there is one.
std::set<uint32_t> PassedOver(const std::vector<std::shared_ptr<const Part>>& parts,
                              int64_t slot_ms, int64_t resolution_ms);

}  // namespace baro::tsdb
