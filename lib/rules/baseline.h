// Baseline: what the values of an expression usually are at this hour of the week or day.
//
// The values themselves are asked of the store again (one query an hour for each season looked
// back upon), so median, MAD and quantiles are exact, nothing is lost by a restart, and a
// changed rule counts at once. Median and MAD after Leys et al., "Detecting outliers: do not use
// standard deviation around the mean, use absolute deviation around the median" (2013).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/rules/rule_file.h"
#include "baro/rules/rule_storage.h"
#include "rule_query.h"

namespace baro::rules {

// What is known of one series' values. Exact.
struct UsualValues {
  double median = 0;
  double mad = 0;  // median of the absolute deviations from the median
  std::vector<double> quantiles;
};
// `values` are reordered. Requires one at least; NaN must not be among them.
UsualValues Summarize(std::vector<double>* values, const std::vector<double>& quantiles);

// Names of the series that a rule records; a baseline rule several, an alerting rule none.
std::vector<std::string> RecordedNames(const RuleSpec& rule);

// Of one rule; remembers the current hour's. Thread-compatible.
class Baseline {
 public:
  // The samples for a time, with their names. Series with fewer than samples_min values in the
  // past have none. Errors: the engine's.
  absl::StatusOr<std::vector<RuleSample>> At(const RuleQueries& queries, const RuleSpec& rule,
                                             int64_t time_ms);

 private:
  absl::Status Learn(const RuleQueries& queries, const RuleSpec& rule, int64_t hour_ms);

  int64_t hour_ms_ = -1;
  std::vector<RuleSample> samples_;  // of that hour; their time does not count
};

}  // namespace baro::rules
