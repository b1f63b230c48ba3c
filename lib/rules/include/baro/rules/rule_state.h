// What rules and their alerts are like at a moment: for the API, the command line and tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "baro/model/labels.h"
#include "baro/rules/rule_file.h"

namespace baro::rules {

enum class AlertState : uint8_t { kUnknown, kInactive, kPending, kFiring };
std::string_view AlertStateName(AlertState state);

// Times are ns since 1970, as evaluations fall between milliseconds; 0: never.
struct ActiveAlert {
  AlertState state = AlertState::kPending;
  model::Labels labels;  // with alertname: its identity
  std::map<std::string, std::string> annotations;
  double value = 0;
  int64_t active_at_ns = 0;
  int64_t fired_at_ns = 0;
  int64_t resolved_at_ns = 0;
  int64_t last_sent_ns = 0;
  int64_t valid_until_ns = 0;
  int64_t keep_firing_since_ns = 0;
  model::Labels source;       // what the expression gave, without the metric's name
  uint64_t found = 0;         // by evaluation, the last one lowest: for `at_least`
  bool without_data = false;  // raised by `no_data: alert`
};

enum class Health : uint8_t { kUnknown, kOk, kError };
std::string_view HealthName(Health health);

struct RuleStatus {
  RuleSpec spec;
  Health health = Health::kUnknown;
  std::string last_error;
  int64_t last_evaluation_ns = 0;
  double evaluation_seconds = 0;
  AlertState state = AlertState::kUnknown;
  std::vector<ActiveAlert> alerts;  // pending and firing ones, by labels
  size_t series = 0;                // written by the last good evaluation
};

struct GroupStatus {
  std::string name;
  std::string file;
  int64_t interval_ms = 0;
  int64_t limit = 0;
  double evaluation_seconds = 0;
  int64_t last_evaluation_ns = 0;
  std::vector<RuleStatus> rules;
};

// Counters of one group since it is there.
struct GroupStats {
  std::string key;
  int64_t interval_ms = 0;
  uint64_t rules = 0;
  uint64_t evaluations = 0;  // of rules
  uint64_t failures = 0;
  uint64_t iterations_scheduled = 0;
  uint64_t iterations_missed = 0;
  uint64_t iterations_replayed = 0;  // missed while the process was down, made up for
  uint64_t samples = 0;              // of the last iteration
  double last_duration_seconds = 0;
  double rule_duration_sum_seconds = 0;
  int64_t last_evaluation_ns = 0;
};

}  // namespace baro::rules
