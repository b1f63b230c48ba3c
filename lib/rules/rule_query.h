// A rule's expression evaluated at a time, and what can be known of it beforehand.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/series_source.h"
#include "baro/promql/engine.h"
#include "baro/rules/template.h"

namespace baro::rules {

struct RuleElement {
  model::Labels labels;
  double value = 0;
  std::optional<model::Histogram> histogram;
};

// Answers that are there before they are asked for (stretch_answers.h).
class QueryAnswers {
 public:
  virtual ~QueryAnswers() = default;
  // False: not known. Times are asked in ascending order.
  virtual bool Find(const std::string& query, int64_t time_ms,
                    std::vector<RuleElement>* elements) const = 0;
};

// Where expressions are evaluated. Everything outlives the rules.
struct RuleQueries {
  const model::SeriesSource* source = nullptr;
  const promql::Engine* engine = nullptr;
  std::shared_ptr<std::atomic<bool>> cancelled;
  const QueryAnswers* answers = nullptr;  // may be null

  // A scalar is a vector of one element without labels. Errors: the engine's; FailedPrecondition
  // for a result that is neither.
  absl::StatusOr<std::vector<RuleElement>> Evaluate(const std::string& query,
                                                    int64_t time_ms) const;
  // The same for a template's function `query`.
  absl::StatusOr<std::vector<TemplateSample>> EvaluateForTemplate(const std::string& query,
                                                                  int64_t time_ms) const;
};

// What an expression reads.
struct RuleInputs {
  struct Selector {
    std::vector<model::Matcher> matchers;
    int64_t range_ms = 0;  // before its time; 0: the lookback
    int64_t offset_ms = 0;
    std::optional<int64_t> at_ms;
  };
  std::vector<Selector> selectors;
  // A selector has no single metric name: it may read anything.
  bool any_name = false;
  std::vector<std::string> names;

  bool Reads(const std::string& name) const;
};
// Of an expression that has been parsed before.
RuleInputs InputsOf(const std::string& query);

// Whether every selector of `inputs` has a sample near `time_ms` of a series that does not
// contradict `labels`; histograms and floats alike.
absl::StatusOr<bool> HaveSamples(const RuleQueries& queries, const RuleInputs& inputs,
                                 const model::Labels& labels, int64_t time_ms);

}  // namespace baro::rules
