// What objectives are like at a moment: for the API, the command line and tests. Value types.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baro/model/labels.h"
#include "baro/slo/slo_spec.h"

namespace baro::slo {

// kNoTraffic: nothing happened in the last minutes; kNoData: nothing was told.
enum class SloState : uint8_t { kOk, kNoTraffic, kNoData };
std::string_view SloStateName(SloState state);

// Events in a window. Of none the SLI is 1 and nothing burns.
struct WindowStatus {
  int64_t window_ms = 0;
  double total = 0;
  double bad = 0;
  double sli = 1;
  double burn_rate = 0;
};

enum class SloAlertState : uint8_t { kPending, kFiring, kResolved };

struct SloAlert {
  model::Labels labels;  // with alertname; its identity
  std::map<std::string, std::string> annotations;
  std::string severity;  // the policy's
  SloAlertState state = SloAlertState::kPending;
  std::string why;
  double value = 0;  // the burn rate of the longest window that fires
  int64_t active_since_ms = 0;
  int64_t fired_ms = 0;
  int64_t resolved_ms = 0;  // 0: not
};

struct GroupStatus {
  model::Labels labels;
  double objective = 0;
  SloState state = SloState::kNoData;
  WindowStatus recent;                // the last five minutes
  WindowStatus period;                // the SLO's own window
  std::vector<WindowStatus> windows;  // that and the policies', shortest first
  double remaining = 1;               // of the error budget
  double total_ever = 0;              // counters, since counting began
  double bad_ever = 0;
  std::optional<int64_t> exhausted_ms;  // at this rate, or since when
  bool exhausted = false;
  std::vector<SloAlert> alerts;  // pending and firing
};

struct SloStatus {
  std::shared_ptr<const SloSpec> spec;
  bool evaluated = false;
  bool backfilling = false;
  std::string last_error;  // empty: healthy
  std::vector<std::string> warnings;
  std::vector<Exclusion> exclusions;
  int64_t evaluated_ms = 0;
  double evaluation_seconds = 0;
  uint64_t groups_refused = 0;
  uint64_t memory_bytes = 0;
  std::vector<GroupStatus> groups;  // by labels
};

struct SloEngineStats {
  uint64_t slos = 0;
  uint64_t groups = 0;
  uint64_t groups_refused = 0;
  uint64_t memory_bytes = 0;
  uint64_t evaluations_total = 0;
  uint64_t evaluation_failures_total = 0;
  uint64_t evaluations_missed_total = 0;
  uint64_t amendments_total = 0;
  uint64_t save_failures_total = 0;
  double last_evaluation_seconds = 0;
  uint64_t backfilling = 0;
};

// Who spent the budget.
struct Suspect {
  std::string label;
  std::string value;
  double bad = 0;
  double total = 0;
  double share = 0;           // of the bad events
  double share_of_total = 0;  // of all events
  double error_ratio = 0;
  double error_ratio_elsewhere = 0;
  double score = 0;
};
struct Explanation {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  double total = 0;
  double bad = 0;
  double budget_spent = 0;  // of the whole window's budget
  std::string summary;
  std::vector<Suspect> suspects;  // the guiltiest first
  std::vector<Suspect> symptoms;  // by which the SLI itself tells bad from good
  model::Labels together;         // values that occur together in the errors; empty: none
  double together_bad = 0;
  double together_total = 0;
};

struct ForecastPoint {
  int64_t time_ms = 0;
  double low = 0;
  double expected = 0;
  double high = 0;
};
struct ForecastScenario {
  int64_t window_ms = 0;  // whose rates go on
  double burn_rate = 0;
  std::optional<int64_t> exhausted_ms;
};
struct GroupForecast {
  model::Labels labels;
  double remaining = 1;
  std::optional<int64_t> exhausted_ms;  // the earliest of all scenarios
  std::vector<ForecastScenario> scenarios;
  std::vector<ForecastPoint> points;
};

struct BacktestAlert {
  std::string severity;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  double peak_burn_rate = 0;
  double remaining_at_start = 1;
  double remaining_at_end = 1;
};
struct GroupBacktest {
  model::Labels labels;
  double objective = 0;
  double total = 0;
  double bad = 0;
  double remaining = 1;
  double remaining_min = 1;
  double exhausted_seconds = 0;
  std::vector<BacktestAlert> alerts;  // by start
};
struct Backtest {
  std::string name;
  double objective = 0;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  std::vector<GroupBacktest> groups;
};

// What an alert of an objective is, as PromQL over the series that are written.
std::string AlertQuery(const SloSpec& spec, const std::string& alertname,
                       const std::string& severity);

}  // namespace baro::slo
