// What an eval command of a script expects, and the check of an answer against it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/promql/engine.h"
#include "series_text.h"

namespace baro::promql_script {

// The message an annotation or error must have; any when neither is given.
struct TextPattern {
  std::optional<std::string> exact;
  std::optional<std::string> regex;

  bool Matches(std::string_view text) const;
  bool MatchesAnnotation(const std::string& text) const;
};

struct RangeTimes {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
};

struct Expectation {
  bool ordered = false;
  bool fail = false;
  bool no_warn = false;
  bool no_info = false;
  std::vector<TextPattern> failures;
  std::vector<TextPattern> warnings;
  std::vector<TextPattern> infos;
  std::optional<std::string> string;
  std::optional<double> scalar;
  // Set when an instant query is to give a range vector.
  std::optional<RangeTimes> range_vector;
  std::vector<SeriesText> series;
  // Relative; Prometheus' own runner has 1e-6. 0: equal to the last bit.
  double tolerance = 1e-6;

  // Takes one line below the command. Errors: InvalidArgument.
  absl::Status AddLine(std::string_view line);
};

// Each returns what is wrong with the answer; OK when nothing is.
absl::Status CheckFailure(const Expectation& expected, const absl::Status& status);
absl::Status CheckAnnotations(const Expectation& expected, const promql::QueryResult& result);
absl::Status CheckInstant(const Expectation& expected, const promql::QueryResult& result);
absl::Status CheckRange(const Expectation& expected, const RangeTimes& times,
                        const promql::QueryResult& result);
// The answer of a range query around an instant must have at `time_ms` what the instant query has.
absl::Status CheckInstantInRange(const Expectation& expected, int64_t time_ms,
                                 const promql::QueryResult& result);

}  // namespace baro::promql_script
