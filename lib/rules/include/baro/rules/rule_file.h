// Rule files: Prometheus' YAML, unchanged, read strictly; and what Barograph adds to a rule:
//
//   for: {of: 5, at_least: 3}   fires when 3 of the last 5 evaluations found it
//   no_data: keep|alert|ok      what it means that the inputs have no samples (ok: as Prometheus)
//   resolve_expr: EXPR          a firing alert stays until this finds its labels
//   baseline: NAME              instead of record: what is usual at this hour (BaselineSpec)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "baro/rules/template.h"

namespace baro::rules {

enum class NoData : uint8_t { kOk, kKeep, kAlert };
std::string_view NoDataName(NoData policy);

// Of a rule's labels or annotations one, to be expanded for each alert.
struct NamedTemplate {
  std::string name;
  AlertTemplate value;
};

inline constexpr int kHoldEvaluationsMax = 64;

// `baseline: NAME`: what an expression's values usually are at this hour, from the same hour of
// earlier weeks or days: NAME:median, NAME:mad, NAME:low, NAME:high, NAME:samples and NAME:q95 ….
struct BaselineSpec {
  int64_t season_ms = int64_t{7} * 86'400'000;
  int seasons = 4;  // that are looked back upon
  std::vector<double> quantiles;
  double band = 3;       // low and high: so many standard deviations (MAD * 1.4826) from the median
  double floor = 0;      // they are at least so far from it
  int samples_min = 36;  // fewer: no baseline; of 12 an hour
  std::string exclude_query;  // times at which it gives anything do not count; empty: none
  bool operator==(const BaselineSpec&) const = default;
};

// One rule as its file says. Value type.
struct RuleSpec {
  bool alerting = false;
  std::string name;   // of the alert or of the series
  std::string query;  // the expression, in canonical form
  int64_t hold_ms = 0;
  // at_least of the last `of` evaluations; 0: hold_ms counts.
  int hold_of = 0;
  int hold_at_least = 0;
  int64_t keep_firing_for_ms = 0;
  model::Labels labels;  // the group's and its own, not expanded
  // The same with those that are empty, which take a label away from a recorded series.
  std::map<std::string, std::string> written_labels;
  std::map<std::string, std::string> annotations;
  std::vector<NamedTemplate> label_templates;
  std::vector<NamedTemplate> annotation_templates;
  NoData no_data = NoData::kOk;
  std::string resolve_query;             // empty: none
  std::optional<BaselineSpec> baseline;  // of a baseline rule, which records
  std::string where;                     // file:line:column
};

struct GroupSpec {
  std::string name;
  std::string file;
  int64_t interval_ms = 0;  // 0: global.evaluation_interval
  int64_t limit = 0;        // 0: none
  std::optional<int64_t> query_offset_ms;
  std::vector<RuleSpec> rules;

  // file;name: what groups are told apart by, as in Prometheus' metrics.
  std::string Key() const { return file + ";" + name; }
};

// All of Prometheus' checks. On errors the result is an InvalidArgument with the first one;
// `problems`, when given, gets them all, each "file:line:column: …".
absl::StatusOr<std::vector<GroupSpec>> ParseRuleFile(std::string_view text, const std::string& file,
                                                     std::vector<std::string>* problems = nullptr);
// Errors: also NotFound, PermissionDenied and Unavailable for the file itself.
absl::StatusOr<std::vector<GroupSpec>> ReadRuleFile(const std::string& path,
                                                    std::vector<std::string>* problems = nullptr);

// The files that patterns name (*, ?, [a-z]), each once, sorted; `folder` is put before relative
// ones. A pattern may match nothing. Errors: InvalidArgument (a pattern that is none).
absl::StatusOr<std::vector<std::string>> FindRuleFiles(const std::vector<std::string>& patterns,
                                                       const std::string& folder);

// Rules that have the same name and labels as one before them, "group: name{labels}".
std::vector<std::string> DuplicateRules(const std::vector<GroupSpec>& groups);

}  // namespace baro::rules
