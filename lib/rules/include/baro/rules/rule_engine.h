// RuleEngine: evaluates groups of rules at their times, writes what recording rules and alerts give
// into the store, and tells alerts.
//
//   rule files ─► Update() ─► schedule (phase by hash, as Prometheus) ─► group, rule by rule
//                                                │                           │ samples, notes
//   API ◄── Groups(), Stats() ◄──────────────────┘                           ▼ RuleStorage
//                                                               alerts ─► sink (the notifier)
//
// Better than Prometheus (docs/rules.md): the state of alerts is in the store and survives a crash;
// slots missed while down are made up for; a failed evaluation never looks like "resolved".
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/base/task_group.h"
#include "baro/model/alert.h"
#include "baro/model/series_source.h"
#include "baro/promql/engine.h"
#include "baro/rules/rule_file.h"
#include "baro/rules/rule_state.h"
#include "baro/rules/rule_storage.h"

namespace baro::rules {

// Takes the alerts of one rule that are due to be told. Called from worker threads, must not block
// for long.
using AlertSink = std::function<void(std::vector<model::Alert> alerts)>;

struct RuleEngineOptions {
  // All outlive the engine.
  const model::SeriesSource* source = nullptr;
  const promql::Engine* engine = nullptr;
  RuleStorage* storage = nullptr;
  const base::Clock* clock = base::RealClock();
  AlertSink sink = nullptr;
  // A line for people; `what` is wrong.
  std::function<void(const std::string& what)> warn = nullptr;

  int64_t resend_delay_ms = 60'000;
  int64_t query_offset_ms = 0;  // of groups that say nothing
  // Groups evaluated at the same time.
  size_t threads = 4;
  // Slots missed while the process was down are made up for, the newest of them, once the samples
  // that senders have kept meanwhile had time to come.
  int64_t replay_ms_max = 3'600'000;
  size_t replay_slots_max = 240;
  int64_t replay_settle_ms = 10'000;
};

// What rules are made from. Value type.
struct RuleSet {
  std::vector<GroupSpec> groups;
  int64_t interval_ms = 60'000;  // of groups that say nothing
  std::map<std::string, std::string> external_labels;
  std::string external_url;  // without a slash at its end
};

class RuleGroup;

// Thread-safe. The destructor stops.
class RuleEngine {
 public:
  explicit RuleEngine(RuleEngineOptions options);
  ~RuleEngine();
  RuleEngine(const RuleEngine&) = delete;
  RuleEngine& operator=(const RuleEngine&) = delete;

  // Replaces the rules. Groups that are the same go on; others take over the state of what they
  // replace, rule by rule; what is gone is marked stale. The first call restores what was saved.
  // Waits for evaluations of groups that change.
  void Update(RuleSet rules) ABSL_LOCKS_EXCLUDED(update_mutex_, mutex_);

  // Evaluates on threads of its own until Stop().
  void Start();
  // Cancels what runs and waits for it.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // Instead of Start(): evaluates on this thread what is due now, in order of time. The time of
  // what is due next, ms; model::kTimeMsMax: nothing.
  int64_t RunDue() ABSL_LOCKS_EXCLUDED(mutex_);

  // Sorted by file and name.
  std::vector<GroupStatus> Groups() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<GroupStats> Stats() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t save_failures() const { return save_failures_.load(std::memory_order_relaxed); }

 private:
  struct Scheduled;
  struct Leftovers;
  struct Task {
    std::shared_ptr<Scheduled> group;      // or
    std::shared_ptr<Leftovers> leftovers;  // what deleted groups left behind
  };
  using Queue = std::multimap<int64_t, Task>;  // by the time it is due, ns

  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  // False: stopped, or nothing is due and `wait` is false.
  bool TakeTask(bool wait, Task* task) ABSL_LOCKS_EXCLUDED(mutex_);
  void RunTask(const Task& task) ABSL_LOCKS_EXCLUDED(mutex_);
  void RunGroup(Scheduled* scheduled) ABSL_LOCKS_EXCLUDED(mutex_);
  void Replay(Scheduled* scheduled, int64_t last_slot_ns);
  void MarkStale(const Leftovers& leftovers) ABSL_LOCKS_EXCLUDED(mutex_);
  void Schedule(const std::shared_ptr<Scheduled>& scheduled, bool first)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes a group out of the schedule and waits until it rests.
  void Retire(const std::shared_ptr<Scheduled>& scheduled) ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(const std::shared_ptr<Scheduled>& scheduled) ABSL_LOCKS_EXCLUDED(mutex_);
  std::map<std::string, std::string> LoadSaved();
  void Save(std::vector<RuleNote> notes, bool urgent) ABSL_LOCKS_EXCLUDED(save_mutex_);
  int64_t NowNs() const { return options_.clock->NowMs() * 1'000'000; }

  const RuleEngineOptions options_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);

  base::Mutex update_mutex_;
  bool restored_ ABSL_GUARDED_BY(update_mutex_) = false;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Scheduled>> groups_
      ABSL_GUARDED_BY(mutex_);  // by file and name
  Queue queue_ ABSL_GUARDED_BY(mutex_);

  base::Mutex save_mutex_;
  std::map<std::string, std::string> unsaved_ ABSL_GUARDED_BY(save_mutex_);
  int64_t saved_ns_ ABSL_GUARDED_BY(save_mutex_) = 0;
  std::atomic<uint64_t> save_failures_{0};

  base::TaskGroup workers_;
};

}  // namespace baro::rules
