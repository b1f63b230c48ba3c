// From PromQL to terms: sum(rate(a[5m])) - sum(rate(b[5m])) is one counter less another.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/slo/slo_spec.h"

namespace baro::slo {

// An addend of an expression, before it is known what it adds to.
struct Addend {
  double factor = 1;
  TermKind kind = TermKind::kIncrease;
  std::vector<model::Matcher> matchers;
  std::string text;
};

struct Sum {
  std::vector<Addend> addends;
  std::set<std::string> labels;  // that a sum keeps apart
  bool is_rate = false;          // else increases
};

// A bare selector, counted as it is. Errors: InvalidArgument, "1:5: parse error: …".
absl::StatusOr<Addend> ReadSelector(std::string_view text);

// Replaces {{.window}}, {{ .window }} and $window.
std::string WithWindow(std::string_view text, std::string_view window);

// `bare_counts`: a selector without rate() is a counter itself.
// Errors: InvalidArgument (not PromQL); Unimplemented (PromQL, but no such sum).
absl::StatusOr<Sum> ReadSum(std::string_view text, bool bare_counts);

// Whether it is PromQL with a vector or scalar as its value. Errors: InvalidArgument.
absl::Status CheckQuery(std::string_view text);

// What a sum of events adds: `to_total` and `to_bad` of each.
void AddTerms(const Sum& sum, double to_total, double to_bad, std::vector<TermSpec>* terms);

}  // namespace baro::slo
