// Backtest and Backfill: rules over a time that is past.
//
//   Backtest   what a file's alerts would have done: nothing is written, so before it is enabled
//   Backfill   the series that recording rules would have written
//
// Rules are evaluated one after the other over a stretch of time, those first whose results others
// read, with the state machine that evaluates them live (rule_group.h). The expressions of a
// stretch are range queries, so that a month costs little more than what it reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/model/labels.h"
#include "baro/model/series_source.h"
#include "baro/promql/engine.h"
#include "baro/rules/rule_file.h"
#include "baro/rules/rule_storage.h"

namespace baro::rules {

struct PastOptions {
  // Outlive the call.
  const model::SeriesSource* source = nullptr;
  const promql::Engine* engine = nullptr;
  const base::Clock* clock = base::RealClock();
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t interval_ms = 60'000;  // of groups that say nothing
  // Of all groups instead of their own; 0: their own.
  int64_t step_ms = 0;
  std::map<std::string, std::string> external_labels;
  std::string external_url;
  // Set from any thread to stop; may be null.
  std::shared_ptr<std::atomic<bool>> cancelled;
  int64_t timeout_ms = 300'000;
  // Evaluations of all rules together; samples of recording rules held while others read them.
  int64_t evaluations_max = 50'000'000;
  size_t samples_max = 20'000'000;
  // Alerts that are kept with their times, of each rule; all are counted.
  size_t alerts_max = 1'000;
};

// One alert from firing to its end.
struct PastAlert {
  model::Labels labels;
  model::Labels annotations;
  int64_t start_ms = 0;
  int64_t end_ms = 0;  // 0: it fires at the end of the time
};

struct PastRule {
  std::string group;
  RuleSpec spec;
  uint64_t evaluations = 0;
  uint64_t failures = 0;
  std::string last_error;
  // Of an alerting rule.
  uint64_t fired = 0;
  int64_t firing_ms = 0;   // of all its alerts together
  int64_t longest_ms = 0;  // of one
  std::vector<PastAlert> alerts;
  // Of a recording rule.
  uint64_t samples = 0;
  uint64_t series = 0;
};

// In the order of the files. Alerts that began before the start count from it.
// Errors: InvalidArgument (the times), ResourceExhausted (a limit), DeadlineExceeded, Cancelled.
absl::StatusOr<std::vector<PastRule>> Backtest(const std::vector<GroupSpec>& groups,
                                               const PastOptions& options);

// Writes what recording rules give, at the times at which they would have been evaluated; alerting
// rules are left out. `source` is what `storage` writes to. Doing it again changes nothing.
// Errors: also those of the storage; what came before is written.
absl::StatusOr<std::vector<PastRule>> Backfill(const std::vector<GroupSpec>& groups,
                                               const PastOptions& options, RuleStorage* storage);

}  // namespace baro::rules
