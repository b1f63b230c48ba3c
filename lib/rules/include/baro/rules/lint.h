// Lint: rules that are right in form and yet cannot do what they are meant to.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/matcher.h"
#include "baro/rules/rule_file.h"

namespace baro::rules {

struct LintProblem {
  std::string where;  // file:line:column of the rule
  std::string rule;
  std::string text;
};

// From the expressions alone: a comparison that no value can meet (up < 0, count(x) == 0), so that
// the alert never fires.
std::vector<LintProblem> Lint(const std::vector<GroupSpec>& groups);

// What there is to be asked for. Errors of both are handed to the caller of LintLive().
class LintFacts {
 public:
  virtual ~LintFacts() = default;
  // "counter", "gauge", …; empty when it is not known.
  virtual absl::StatusOr<std::string> TypeOf(const std::string& metric) = 0;
  // Whether any series has matched of late.
  virtual absl::StatusOr<bool> HasSeries(const std::vector<model::Matcher>& matchers) = 0;
};

// Against live data: metrics that nobody offers, selectors that match nothing, rate() of a gauge,
// delta() of a counter. What the rules record themselves counts as there, and so does what is
// looked for with absent().
absl::StatusOr<std::vector<LintProblem>> LintLive(const std::vector<GroupSpec>& groups,
                                                  LintFacts* facts);

}  // namespace baro::rules
