#include "budget.h"

#include <algorithm>
#include <cmath>

#include "rounding.h"

namespace baro::slo {
namespace {

bool Concerns(const Exclusion& exclusion, const SloSpec& spec, const model::Labels& group) {
  if (exclusion.slo != "*" && exclusion.slo != spec.name) return false;
  return std::all_of(exclusion.labels.begin(), exclusion.labels.end(),
                     [&](const auto& label) { return group.Get(label.name) == label.value; });
}

// The inverse of the normal distribution's function, by bisection; to 1e-9 within 60 steps.
double NormalQuantile(double probability) {
  double low = -10;
  double high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

std::vector<TimeSpan> ExcludedSpans(std::span<const Exclusion> exclusions, const SloSpec& spec,
                                    const model::Labels& group) {
  std::vector<TimeSpan> spans;
  for (const Exclusion& one : exclusions) {
    if (!Concerns(one, spec, group)) continue;
    spans.push_back({FloorTo(one.from_ms, kExclusionGrainMs),
                     FloorTo(one.to_ms + kExclusionGrainMs - 1, kExclusionGrainMs)});
  }
  std::sort(spans.begin(), spans.end(),
            [](const auto& a, const auto& b) { return a.from_ms < b.from_ms; });
  std::vector<TimeSpan> joined;
  for (const TimeSpan& span : spans) {
    if (!joined.empty() && span.from_ms <= joined.back().to_ms) {
      joined.back().to_ms = std::max(joined.back().to_ms, span.to_ms);
    } else {
      joined.push_back(span);
    }
  }
  return joined;
}

Counts CountsLeft::operator()(int64_t from_ms, int64_t to_ms) const {
  Counts counts = ladder_->Between(from_ms, to_ms);
  for (const TimeSpan& span : excluded_) {
    const int64_t begin_ms = std::max(span.from_ms, from_ms);
    const int64_t end_ms = std::min(span.to_ms, to_ms);
    if (begin_ms < end_ms) counts -= ladder_->Between(begin_ms, end_ms);
  }
  return counts;
}

double ErrorRatio(const Counts& counts) {
  if (!(counts.total > 0)) return 0;
  return std::clamp(counts.bad / counts.total, 0.0, 1.0);
}

double BurnRate(const Counts& counts, double objective) {
  return ErrorRatio(counts) / (1 - objective);
}

double Remaining(const Counts& counts, double objective) {
  return 1 - ErrorRatio(counts) / (1 - objective);
}

WindowStatus StatusOf(const Counts& counts, int64_t window_ms, double objective) {
  const double total = std::max(0.0, counts.total);
  return {window_ms, total, std::clamp(counts.bad, 0.0, total), 1 - ErrorRatio(counts),
          BurnRate(counts, objective)};
}

double WilsonLowerBound(double bad, double total, double confidence) {
  if (!(total > 0)) return 0;
  // Asked for with one confidence over and over.
  static thread_local double last_confidence = 0;
  static thread_local double last_quantile = 0;
  if (confidence != last_confidence) {
    last_confidence = confidence;
    last_quantile = NormalQuantile(confidence);
  }
  const double z2 = last_quantile * last_quantile;
  const double ratio = std::clamp(bad / total, 0.0, 1.0);
  const double centre = ratio + z2 / (2 * total);
  const double spread =
      last_quantile * std::sqrt(ratio * (1 - ratio) / total + z2 / (4 * total * total));
  return std::max(0.0, (centre - spread) / (1 + z2 / total));
}

bool Holds(const PolicySpec& policy, const GuardSpec& guards, double objective,
           const Counts& long_counts, const Counts& short_counts) {
  if (BurnRate(long_counts, objective) < policy.burn_rate) return false;
  if (BurnRate(short_counts, objective) < policy.burn_rate) return false;
  if (long_counts.total < guards.min_events || long_counts.bad < guards.min_bad) return false;
  if (guards.confidence <= 0) return true;
  const double lower = WilsonLowerBound(long_counts.bad, long_counts.total, guards.confidence);
  // The bound of "all are bad" is below 1 however many they are: there the ratio itself decides.
  return lower / (1 - objective) >= std::min(policy.burn_rate, 0.5 / (1 - objective));
}

Projection::Projection(WindowCounts counts, const SloWindow& window, double objective,
                       int64_t now_ms, int64_t rate_ms)
    : counts_(std::move(counts)), window_(window), objective_(objective), now_ms_(now_ms) {
  const Counts recent = counts_(now_ms - rate_ms, now_ms);
  total_per_ms_ = std::max(0.0, recent.total) / static_cast<double>(rate_ms);
  bad_per_ms_ = ErrorRatio(recent) * total_per_ms_;
  burn_rate_ = BurnRate(recent, objective);
}

double Projection::RemainingAt(int64_t time_ms) const {
  const int64_t start_ms = WindowStart(window_, time_ms);
  Counts counts;
  if (start_ms < now_ms_) counts = counts_(start_ms, now_ms_);
  // Of a window that begins in the future only what comes after its start.
  const auto ahead = static_cast<double>(time_ms - std::max(now_ms_, start_ms));
  counts.total += total_per_ms_ * ahead;
  counts.bad = std::max(0.0, counts.bad) + bad_per_ms_ * ahead;
  return Remaining(counts, objective_);
}

std::optional<int64_t> Projection::Exhaustion() const {
  // At a burn rate of 1 or less a budget that is left stays.
  if (burn_rate_ <= 1) return std::nullopt;
  constexpr int64_t kSteps = 64;
  int64_t before_ms = now_ms_;
  for (int64_t step = 1; step <= kSteps; ++step) {
    int64_t time_ms = now_ms_ + window_.length_ms / kSteps * step;
    // The next period of a calendar has a budget of its own.
    const bool same_period = window_.kind == WindowKind::kRolling ||
                             WindowStart(window_, time_ms) == WindowStart(window_, now_ms_);
    if (!same_period) return std::nullopt;
    if (RemainingAt(time_ms) > 0) {
      before_ms = time_ms;
      continue;
    }
    while (time_ms - before_ms > kMinuteMs) {
      const int64_t middle_ms = before_ms + (time_ms - before_ms) / 2;
      (RemainingAt(middle_ms) > 0 ? before_ms : time_ms) = middle_ms;
    }
    return time_ms;
  }
  return std::nullopt;
}

}  // namespace baro::slo
