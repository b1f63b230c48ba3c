// Matcher: one condition of a selector, such as job=~"node.*".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace re2 {
class RE2;
}

namespace baro::model {

// A regular expression in Go's syntax, as Prometheus takes it, in the syntax of RE2, which knows
// (?P<name>…) but not yet (?<name>…), and no name twice (of two groups the first keeps the name).
// What is broken stays broken.
std::string ToRe2Syntax(std::string_view expression);

enum class MatchType { kEqual, kNotEqual, kRegex, kNotRegex };

// Immutable once made, thread-safe, cheap to copy (the compiled expression is shared).
// A label that a series does not have matches as the empty string, as in Prometheus.
class Matcher {
 public:
  // Regular expressions are Go's (see ToRe2Syntax), anchored at both ends; a dot matches a newline
  // (as Prometheus 3 does). Errors: InvalidArgument with RE2's own words.
  static absl::StatusOr<Matcher> Create(MatchType type, std::string name, std::string value);

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }

  bool Matches(std::string_view value) const;
  bool MatchesEmpty() const { return matches_empty_; }
  // When the expression is a plain alternation of literals ("a|b|c", "a"), those literals; else
  // empty. Sound for kRegex and kNotRegex: the expression matches exactly these values.
  const std::vector<std::string>& literals() const { return literals_; }
  // job=~"node.*", as PromQL writes it.
  std::string ToString() const;

  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  Matcher() = default;

  MatchType type_ = MatchType::kEqual;
  std::string name_;
  std::string value_;
  std::vector<std::string> literals_;
  std::shared_ptr<const re2::RE2> regex_;
  bool matches_empty_ = false;
};

}  // namespace baro::model
