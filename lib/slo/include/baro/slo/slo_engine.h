// SloEngine: counts good and bad events of every objective, writes what follows from them, and
// tells alerts.
//
//   slo files ─► Update() ─► every interval: samples ─► counts per slot ─► windows, budgets,
//   policies
//                                              ▲ amended when late          │
//   API ◄── List(), Explain(), Forecast(), …   └── notes (survive)          ├─► series, ALERTS
//                                                                           └─► sink (the notifier)
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/base/task_group.h"
#include "baro/model/alert.h"
#include "baro/model/series_source.h"
#include "baro/promql/engine.h"
#include "baro/slo/slo_spec.h"
#include "baro/slo/slo_status.h"
#include "baro/slo/slo_storage.h"

namespace baro::slo {

inline constexpr size_t kExclusionsMax = 10'000;

struct SloEngineOptions {
  // All outlive the engine.
  const model::SeriesSource* source = nullptr;
  const promql::Engine* engine = nullptr;
  SloStorage* storage = nullptr;
  const base::Clock* clock = base::RealClock();
  // Takes alerts that are due to be told; as rules::AlertSink.
  std::function<absl::Status(const std::vector<model::Alert>&)> sink = nullptr;
  // Evaluations wait for it. Unset: at once.
  std::function<bool()> ready = nullptr;
  std::function<void(const std::string& what)> warn = nullptr;
  int64_t interval_ms = 30'000;  // rounded to 10 s, 10 s to 60 s
  int64_t resend_delay_ms = 60'000;
  std::string external_url;  // without a slash at its end
};

// The group that is meant: those labels that are given must be the group's.
using GroupFilter = model::Labels;

struct ExplainRequest {
  std::string slo;
  int64_t start_ms = 0;  // exclusive
  int64_t end_ms = 0;
  GroupFilter group;
  size_t limit = 10;
};
struct ForecastRequest {
  std::string slo;
  GroupFilter group;
  int64_t horizon_ms = 0;  // 0: the window, 30 days at most
  size_t points = 60;
};
struct BacktestRequest {
  std::string slo;
  GroupFilter group;
  int64_t since_ms = 0;             // how long ago; 0: the window
  std::optional<double> objective;  // ratio
  std::optional<double> min_bad;
  std::optional<double> min_events;
  std::optional<double> confidence;
};
struct TrendPoint {
  int64_t time_ms = 0;
  std::optional<double> remaining;
};

// Thread-safe. The destructor stops.
class SloEngine {
 public:
  explicit SloEngine(SloEngineOptions options);
  ~SloEngine();
  SloEngine(const SloEngine&) = delete;
  SloEngine& operator=(const SloEngine&) = delete;

  // Replaces the objectives. Those that count the same keep their counts and alerts, whatever else
  // has changed; of those that are gone series and alerts end. The first call restores what was
  // saved.
  void Update(std::vector<SloSpec> slos) ABSL_LOCKS_EXCLUDED(work_mutex_, mutex_);

  // Evaluates on a thread of its own until Stop().
  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Instead of Start(): evaluates everything once, as of now.
  void RunOnce() ABSL_LOCKS_EXCLUDED(work_mutex_, mutex_);

  // As of the last evaluation, by name.
  std::vector<std::shared_ptr<const SloStatus>> List() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Null: there is none.
  std::shared_ptr<const SloStatus> Find(const std::string& slo) const ABSL_LOCKS_EXCLUDED(mutex_);
  SloEngineStats Stats() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The remaining budget over the window's length, group by group in the order of `status`.
  std::vector<std::vector<TrendPoint>> Trend(const std::string& slo, size_t points) const
      ABSL_LOCKS_EXCLUDED(work_mutex_);

  // Errors: NotFound (the objective), InvalidArgument (a range), FailedPrecondition (it has no
  // samples to look at), and what reading gives.
  absl::StatusOr<Explanation> Explain(const ExplainRequest& request) const;
  // Errors: NotFound.
  absl::StatusOr<std::vector<GroupForecast>> Forecast(const ForecastRequest& request) const
      ABSL_LOCKS_EXCLUDED(work_mutex_);
  // Of a loaded objective, from its counts. Errors: NotFound.
  absl::StatusOr<Backtest> RunBacktest(const BacktestRequest& request) const
      ABSL_LOCKS_EXCLUDED(work_mutex_);
  // Of one that is not loaded, from samples. Errors: what reading gives.
  absl::StatusOr<Backtest> RunBacktest(const SloSpec& spec, const BacktestRequest& request) const;

  // Those of files and of people, by start.
  std::vector<Exclusion> Exclusions() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Gives it an id; durable when it returns. Errors: NotFound (the objective), InvalidArgument,
  // ResourceExhausted, and what saving gives.
  absl::StatusOr<Exclusion> AddExclusion(Exclusion exclusion) ABSL_LOCKS_EXCLUDED(mutex_);
  // Errors: NotFound; FailedPrecondition (it is a file's).
  absl::Status RemoveExclusion(const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t interval_ms() const { return interval_ms_; }

 private:
  struct Work;

  void Loop() ABSL_LOCKS_EXCLUDED(work_mutex_, mutex_);
  void EvaluateAll(int64_t now_ms, int64_t history_until_ns, bool busy_only)
      ABSL_LOCKS_EXCLUDED(work_mutex_, mutex_);
  bool AnyBusy() const ABSL_LOCKS_EXCLUDED(work_mutex_);
  void LoadExclusions() ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t NowSlot() const;

  const SloEngineOptions options_;
  const int64_t interval_ms_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);

  // Held while objectives are evaluated or their counts are read.
  mutable base::Mutex work_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::unique_ptr<Work> work_ ABSL_GUARDED_BY(work_mutex_);

  // Held for moments.
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::shared_ptr<const SloStatus>> statuses_ ABSL_GUARDED_BY(mutex_);
  std::vector<Exclusion> exclusions_ ABSL_GUARDED_BY(mutex_);
  SloEngineStats stats_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_exclusion_ ABSL_GUARDED_BY(mutex_) = 1;

  base::TaskGroup workers_;
};

}  // namespace baro::slo
