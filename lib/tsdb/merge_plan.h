// Which parts are merged next: those of two hours, then those of a day, late ones among them.
// Rules and why: docs/adr/0016-merges.md.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "part.h"

namespace baro::tsdb {

// Parts that become one (one a class). No other part that has samples of the same time lies between
// them in rank, so that the merged part can stand where they stood.
struct MergeJob {
  std::vector<std::shared_ptr<const Part>> inputs;  // by rank
  Generation generation = Generation::kHours;       // of the outcome
  // Not 0: the outcome is a tier of this class byte, downsampled to this interval (tier.h).
  int64_t interval_ms = 0;
  uint8_t tier_class = 0;
};

struct MergePolicy {
  int64_t slot_ms = 0;
  int64_t now_ms = 0;
  // Everything now, whether it pays or not, windows that are not over among them.
  bool force = false;
  // Parts that could not be merged (damaged); they are left alone.
  const std::set<uint32_t>* left_alone = nullptr;
};

// In the order in which they should be done: small ones first, then by age. What one job makes may
// be the input of the next, so plan again after each; when there is none, nothing is to be done.
std::vector<MergeJob> PlanMerges(const std::vector<std::shared_ptr<const Part>>& parts,
                                 const MergePolicy& policy);

}  // namespace baro::tsdb
