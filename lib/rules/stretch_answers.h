// StretchAnswers: the answers to a rule's expressions at every step of a stretch of time, asked as
// one range query each.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rule_query.h"

namespace baro::rules {

// Thread-compatible.
class StretchAnswers final : public QueryAnswers {
 public:
  struct Stretch {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
    int64_t step_ms = 0;
  };

  // What cannot be answered for a whole stretch (a step that fails, too many samples, functions
  // of the range itself) is left to queries of single times.
  void Load(const RuleQueries& queries, const std::string& query, const Stretch& stretch);

  bool Find(const std::string& query, int64_t time_ms,
            std::vector<RuleElement>* elements) const override;

 private:
  struct Answer {
    Stretch stretch;
    std::vector<promql::ResultSeries> series;
    // Of each series, the first sample and histogram that are not before the time asked last.
    std::vector<std::pair<size_t, size_t>> next;
  };
  mutable std::map<std::string, Answer> answers_;
};

}  // namespace baro::rules
