#include "stretch_answers.h"

#include <algorithm>
#include <utility>

#include "baro/promql/parse.h"

namespace baro::rules {
namespace {

// Whether the value at a time depends on the range around it: @ start(), @ end(), step().
bool DependsOnRange(const std::string& query) {
  for (const char* word : {"start(", "end(", "step(", "range("}) {
    if (query.find(word) != std::string::npos) return true;
  }
  return false;
}

// Samples of a matrix at one time; `next` only goes forward.
template <typename Samples>
const typename Samples::value_type* At(const Samples& samples, int64_t time_ms, size_t* next) {
  while (*next < samples.size() && samples[*next].time_ms < time_ms) ++*next;
  return *next < samples.size() && samples[*next].time_ms == time_ms ? &samples[*next] : nullptr;
}

}  // namespace

void StretchAnswers::Load(const RuleQueries& queries, const std::string& query,
                          const Stretch& stretch) {
  answers_.erase(query);
  if (DependsOnRange(query)) return;
  promql::QueryOptions options;
  options.cancelled = queries.cancelled;
  options.use_cache = false;
  auto result = queries.engine->Range(*queries.source, query, stretch.start_ms, stretch.end_ms,
                                      stretch.step_ms, options);
  if (!result.ok()) return;
  auto* matrix = std::get_if<promql::Matrix>(&result->value);
  if (matrix == nullptr) return;
  Answer& answer = answers_[query];
  answer.stretch = stretch;
  answer.series = std::move(matrix->series);
  answer.next.assign(answer.series.size(), {0, 0});
}

bool StretchAnswers::Find(const std::string& query, int64_t time_ms,
                          std::vector<RuleElement>* elements) const {
  const auto found = answers_.find(query);
  if (found == answers_.end()) return false;
  Answer& answer = found->second;
  const Stretch& stretch = answer.stretch;
  if (time_ms < stretch.start_ms || time_ms > stretch.end_ms) return false;
  if ((time_ms - stretch.start_ms) % stretch.step_ms != 0) return false;
  for (size_t i = 0; i < answer.series.size(); ++i) {
    const promql::ResultSeries& series = answer.series[i];
    if (const auto* sample = At(series.samples, time_ms, &answer.next[i].first)) {
      elements->push_back({series.labels, sample->value, std::nullopt});
    } else if (const auto* point = At(series.histograms, time_ms, &answer.next[i].second)) {
      elements->push_back({series.labels, 0, point->histogram});
    }
  }
  return true;
}

}  // namespace baro::rules
