// The arithmetic of budgets: from counts to burn rates, from burn rates to policies that hold.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "baro/slo/slo_spec.h"
#include "baro/slo/slo_status.h"
#include "slot_ladder.h"

namespace baro::slo {

// Whole slots of this length are excluded, so that an exclusion means the same on every rung.
inline constexpr int64_t kExclusionGrainMs = 5 * kMinuteMs;

struct TimeSpan {
  int64_t from_ms = 0;  // exclusive
  int64_t to_ms = 0;
  bool operator==(const TimeSpan&) const = default;
};

// Those of the SLO and group, rounded outwards, sorted, joined where they touch.
std::vector<TimeSpan> ExcludedSpans(std::span<const Exclusion> exclusions, const SloSpec& spec,
                                    const model::Labels& group);

// Counts of (from_ms, to_ms].
using WindowCounts = std::function<Counts(int64_t from_ms, int64_t to_ms)>;

// A ladder less what is excluded. `ladder` outlives it.
class CountsLeft {
 public:
  CountsLeft(const SlotLadder* ladder, std::vector<TimeSpan> excluded)
      : ladder_(ladder), excluded_(std::move(excluded)) {}
  Counts operator()(int64_t from_ms, int64_t to_ms) const;

 private:
  const SlotLadder* ladder_;
  std::vector<TimeSpan> excluded_;
};

// Bad events of all, between 0 and 1; 0 of none.
double ErrorRatio(const Counts& counts);
double BurnRate(const Counts& counts, double objective);
double Remaining(const Counts& counts, double objective);
WindowStatus StatusOf(const Counts& counts, int64_t window_ms, double objective);

// The lower end of Wilson's interval for bad/total, one-sided.
double WilsonLowerBound(double bad, double total, double confidence);

// Whether a policy holds for counts of its two windows.
bool Holds(const PolicySpec& policy, const GuardSpec& guards, double objective,
           const Counts& long_counts, const Counts& short_counts);

// How the budget goes on when events keep coming at the rate of the last `rate_ms`.
class Projection {
 public:
  Projection(WindowCounts counts, const SloWindow& window, double objective, int64_t now_ms,
             int64_t rate_ms);

  double burn_rate() const { return burn_rate_; }
  // Of the budget at `time_ms`, now or later.
  double RemainingAt(int64_t time_ms) const;
  // When it is gone, within one window's length; nothing: it is not, or is already.
  std::optional<int64_t> Exhaustion() const;

 private:
  WindowCounts counts_;
  SloWindow window_;
  double objective_;
  int64_t now_ms_;
  double total_per_ms_ = 0;
  double bad_per_ms_ = 0;
  double burn_rate_ = 0;
};

}  // namespace baro::slo
