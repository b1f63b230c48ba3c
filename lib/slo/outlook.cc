// Trend, forecast and backtest: the budget before now, after now, and as it would have been.
#include <algorithm>
#include <cmath>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/slo/slo_engine.h"
#include "budget.h"
#include "engine_work.h"
#include "rounding.h"

namespace baro::slo {
namespace {

constexpr int64_t kScenarios[] = {kHourMs, 6 * kHourMs, 3 * kDayMs};
constexpr size_t kPointsMax = 1'000;

GroupForecast ForecastGroup(const SloSpec& spec, const GroupView& view, int64_t now_ms,
                            int64_t horizon_ms, size_t points) {
  GroupForecast forecast;
  forecast.labels = view.labels;
  std::vector<Projection> projections;
  for (const int64_t rate_ms : kScenarios) {
    projections.emplace_back(view.counts, spec.window, view.objective, now_ms, rate_ms);
  }
  forecast.remaining = projections[0].RemainingAt(now_ms);
  for (size_t i = 0; i < projections.size(); ++i) {
    ForecastScenario scenario{kScenarios[i], projections[i].burn_rate(), std::nullopt};
    scenario.exhausted_ms =
        forecast.remaining <= 0 ? std::optional(now_ms) : projections[i].Exhaustion();
    if (scenario.exhausted_ms &&
        (!forecast.exhausted_ms || *scenario.exhausted_ms < *forecast.exhausted_ms)) {
      forecast.exhausted_ms = scenario.exhausted_ms;
    }
    forecast.scenarios.push_back(scenario);
  }
  for (size_t i = 0; i < points; ++i) {
    const int64_t step = points < 2 ? 0 : horizon_ms / static_cast<int64_t>(points - 1);
    ForecastPoint point;
    point.time_ms = now_ms + step * static_cast<int64_t>(i);
    std::array<double, 3> values{};
    for (size_t s = 0; s < values.size(); ++s) {
      values[s] = projections[s].RemainingAt(point.time_ms);
    }
    point.expected = values[1];
    point.low = *std::min_element(values.begin(), values.end());
    point.high = *std::max_element(values.begin(), values.end());
    forecast.points.push_back(point);
  }
  return forecast;
}

absl::Status NoObjective(const std::string& name) {
  return absl::NotFoundError(base::StrCat("there is no objective \"", name, "\""));
}

// What the policies of a changed spec would have done, from counts of the past.
class Replay {
 public:
  Replay(const SloSpec& spec, const GroupView& view, double objective)
      : spec_(spec), view_(view), objective_(objective) {}

  GroupBacktest Run(int64_t start_ms, int64_t end_ms, int64_t step_ms) {
    GroupBacktest result;
    result.labels = view_.labels;
    result.objective = objective_;
    const Counts all = view_.counts(start_ms, end_ms);
    result.total = std::max(0.0, all.total);
    result.bad = std::clamp(all.bad, 0.0, result.total);
    for (int64_t time_ms = start_ms + step_ms; time_ms <= end_ms; time_ms += step_ms) {
      const double remaining = RemainingAt(time_ms);
      result.remaining = remaining;
      result.remaining_min = std::min(result.remaining_min, remaining);
      if (remaining <= 0) result.exhausted_seconds += static_cast<double>(step_ms) / 1000;
      Step(time_ms, remaining, &result);
    }
    for (auto& [severity, alert] : open_) result.alerts.push_back(alert);
    std::sort(result.alerts.begin(), result.alerts.end(), [](const auto& a, const auto& b) {
      return std::pair(a.start_ms, a.severity) < std::pair(b.start_ms, b.severity);
    });
    return result;
  }

 private:
  double RemainingAt(int64_t time_ms) const {
    return Remaining(view_.counts(WindowStart(spec_.window, time_ms), time_ms), objective_);
  }

  void Step(int64_t time_ms, double remaining, GroupBacktest* result) {
    std::map<std::string, double> burning;
    for (size_t i = 0; i < spec_.alerting.policies.size(); ++i) {
      const PolicySpec& policy = spec_.alerting.policies[i];
      const Counts long_counts = view_.counts(time_ms - policy.long_ms, time_ms);
      const Counts short_counts = view_.counts(time_ms - policy.short_ms, time_ms);
      if (!Holds(policy, spec_.alerting.guards, objective_, long_counts, short_counts)) {
        since_.erase(i);
        continue;
      }
      const int64_t since_ms = since_.emplace(i, time_ms).first->second;
      if (time_ms - since_ms < policy.hold_ms) continue;
      double& peak = burning[policy.severity];
      peak = std::max(peak, BurnRate(long_counts, objective_));
    }
    for (const auto& [severity, rate] : burning) {
      BacktestAlert& alert = open_
                                 .try_emplace(severity, BacktestAlert{severity, time_ms, time_ms, 0,
                                                                      remaining, remaining})
                                 .first->second;
      alert.end_ms = time_ms;
      alert.peak_burn_rate = std::max(alert.peak_burn_rate, rate);
      alert.remaining_at_end = remaining;
    }
    for (auto it = open_.begin(); it != open_.end();) {
      if (burning.contains(it->first)) {
        ++it;
        continue;
      }
      it->second.end_ms = time_ms;
      it->second.remaining_at_end = remaining;
      result->alerts.push_back(it->second);
      it = open_.erase(it);
    }
  }

  const SloSpec& spec_;
  const GroupView& view_;
  const double objective_;
  std::map<size_t, int64_t> since_;
  std::map<std::string, BacktestAlert> open_;
};

SloSpec Changed(SloSpec spec, const BacktestRequest& request) {
  if (request.objective) {
    spec.objective = *request.objective;
    spec.group_objectives.clear();
  }
  GuardSpec& guards = spec.alerting.guards;
  guards.min_bad = request.min_bad.value_or(guards.min_bad);
  guards.min_events = request.min_events.value_or(guards.min_events);
  guards.confidence = request.confidence.value_or(guards.confidence);
  return spec;
}

Backtest RunOn(const SloSpec& spec, const std::vector<GroupView>& views,
               const BacktestRequest& request, int64_t now_ms) {
  Backtest backtest;
  backtest.name = spec.name;
  backtest.objective = spec.objective;
  backtest.end_ms = now_ms;
  const int64_t since_ms = request.since_ms > 0 ? request.since_ms : spec.window.length_ms;
  backtest.start_ms = now_ms - std::min(since_ms, kWindowMaxMs);
  // As fine as the slots of that time are.
  backtest.step_ms = since_ms <= 3 * kDayMs ? kMinuteMs : 5 * kMinuteMs;
  if (since_ms > 92 * kDayMs) backtest.step_ms = kHourMs;
  backtest.start_ms = FloorTo(backtest.start_ms, backtest.step_ms);
  for (const GroupView& view : views) {
    if (!MatchesGroup(request.group, view.labels)) continue;
    Replay replay(spec, view, ObjectiveOf(spec, view.labels));
    backtest.groups.push_back(replay.Run(backtest.start_ms, now_ms, backtest.step_ms));
  }
  return backtest;
}

}  // namespace

std::vector<std::vector<TrendPoint>> SloEngine::Trend(const std::string& slo, size_t points) const {
  std::vector<std::vector<TrendPoint>> all;
  const std::shared_ptr<const SloStatus> status = Find(slo);
  if (status == nullptr || points == 0) return all;
  const std::vector<Exclusion> exclusions = Exclusions();
  base::MutexLock work(&work_mutex_);
  const auto it = work_->objectives.find(slo);
  if (it == work_->objectives.end()) return all;
  const Round round = work_->RoundAt(status->evaluated_ms, exclusions);
  const SloSpec& spec = *it->second->spec();
  for (const GroupView& view : it->second->Views(round)) {
    std::vector<TrendPoint> trend;
    for (size_t i = 0; i < points; ++i) {
      const auto back = static_cast<int64_t>(points - 1 - i);
      const int64_t step =
          points < 2 ? 0 : spec.window.length_ms / static_cast<int64_t>(points - 1);
      TrendPoint point{round.now_ms - back * step, std::nullopt};
      if (point.time_ms > view.oldest_ms) {
        point.remaining = Remaining(
            view.counts(WindowStart(spec.window, point.time_ms), point.time_ms), view.objective);
      }
      trend.push_back(point);
    }
    all.push_back(std::move(trend));
  }
  return all;
}

absl::StatusOr<std::vector<GroupForecast>> SloEngine::Forecast(
    const ForecastRequest& request) const {
  const std::shared_ptr<const SloStatus> status = Find(request.slo);
  if (status == nullptr) return NoObjective(request.slo);
  const std::vector<Exclusion> exclusions = Exclusions();
  base::MutexLock work(&work_mutex_);
  const auto it = work_->objectives.find(request.slo);
  if (it == work_->objectives.end()) return NoObjective(request.slo);
  const Round round = work_->RoundAt(status->evaluated_ms, exclusions);
  const SloSpec& spec = *it->second->spec();
  const int64_t horizon_ms =
      request.horizon_ms > 0 ? request.horizon_ms : std::min(spec.window.length_ms, 30 * kDayMs);
  std::vector<GroupForecast> all;
  for (const GroupView& view : it->second->Views(round)) {
    if (!MatchesGroup(request.group, view.labels)) continue;
    all.push_back(
        ForecastGroup(spec, view, round.now_ms, horizon_ms, std::min(request.points, kPointsMax)));
  }
  return all;
}

absl::StatusOr<Backtest> SloEngine::RunBacktest(const BacktestRequest& request) const {
  const std::shared_ptr<const SloStatus> status = Find(request.slo);
  if (status == nullptr) return NoObjective(request.slo);
  const std::vector<Exclusion> exclusions = Exclusions();
  base::MutexLock work(&work_mutex_);
  const auto it = work_->objectives.find(request.slo);
  if (it == work_->objectives.end()) return NoObjective(request.slo);
  const Round round = work_->RoundAt(status->evaluated_ms, exclusions);
  return RunOn(Changed(*it->second->spec(), request), it->second->Views(round), request,
               round.now_ms);
}

absl::StatusOr<Backtest> SloEngine::RunBacktest(const SloSpec& spec,
                                                const BacktestRequest& request) const {
  if (spec.sli.kind == SliKind::kComposite) {
    return absl::FailedPreconditionError("a composite that is not loaded cannot be tested");
  }
  const int64_t now_ms = NowSlot();
  SloSpec changed = Changed(spec, request);
  const int64_t since_ms = request.since_ms > 0 ? request.since_ms : spec.window.length_ms;
  // The book also holds what the windows before the first evaluation had.
  SloSpec counted = changed;
  counted.window.length_ms =
      std::min(kWindowMaxMs, since_ms + std::max(spec.window.length_ms, 3 * kDayMs));
  EventBook book(counted, {options_.source, options_.engine, cancelled_});
  BARO_TRY(book.Rewind(now_ms - counted.window.length_ms, now_ms));
  BARO_TRY_ASSIGN(const bool done, book.CountTo(now_ms, [this] { return !cancelled_->load(); }));
  if (!done) return absl::CancelledError("the collector stops");
  std::vector<GroupView> views;
  for (const GroupBook& group : book.groups()) {
    GroupView view;
    view.labels = group.labels;
    view.objective = ObjectiveOf(changed, group.labels);
    view.counts =
        CountsLeft(&group.counted(), ExcludedSpans(spec.exclusions, changed, group.labels));
    views.push_back(std::move(view));
  }
  return RunOn(changed, views, request, now_ms);
}

}  // namespace baro::slo
