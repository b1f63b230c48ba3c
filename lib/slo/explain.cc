// Explain: which labels spent the budget. Events of the window are counted again from samples,
// label by label; a value is the guiltier the more of the errors and the less of the traffic it
// has.
#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/slo/slo_engine.h"
#include "budget.h"
#include "engine_work.h"
#include "event_counter.h"
#include "output_series.h"

namespace baro::slo {
namespace {

// A combination of labels goes on as long as one more explains that much of what is left.
constexpr double kTogetherShare = 0.5;
constexpr size_t kTogetherMax = 5;
constexpr double kSuspectScore = 0.02;
constexpr size_t kSeriesMax = 2'000'000;

// The events of one series in the window.
struct Row {
  model::Labels labels;
  Counts counts;
};

class Rows final : public EventSink {
 public:
  Rows(const SloSpec& spec, const GroupFilter& group) : spec_(spec), group_(group) {}

  int64_t Series(const model::LabelsRef& labels, const TermSpec&) override {
    for (const model::Label& label : group_) {
      if (labels.Get(label.name) != label.value) return -1;
    }
    // Terms of one series are one row: its bucket, its count, and the errors among them.
    model::Labels merged = labels.Merge();
    merged.Remove(model::kMetricName);
    if (spec_.sli.kind == SliKind::kLatency) merged.Remove("le");
    const auto [it, fresh] = by_hash_.emplace(merged.Hash(), rows_.size());
    if (fresh) {
      if (rows_.size() >= kSeriesMax) return -1;
      rows_.push_back({std::move(merged), {}});
    }
    return static_cast<int64_t>(it->second);
  }
  void Event(int64_t series, int64_t, const Counts& counts) override {
    rows_[static_cast<size_t>(series)].counts += counts;
  }
  void Seen(int64_t, int64_t) override {}

  const std::vector<Row>& rows() const { return rows_; }

 private:
  const SloSpec& spec_;
  const GroupFilter& group_;
  std::vector<Row> rows_;
  absl::flat_hash_map<uint64_t, size_t> by_hash_;
};

// Labels by which the terms of the total and of the bad differ: they are the SLI, not its cause.
std::set<std::string> DefiningLabels(const SloSpec& spec) {
  std::set<std::string> names;
  const auto told = [](const TermSpec& term) {
    std::set<std::string> all;
    for (const model::Matcher& matcher : term.matchers) all.insert(matcher.ToString());
    return all;
  };
  for (const TermSpec& a : spec.sli.terms) {
    for (const TermSpec& b : spec.sli.terms) {
      const std::set<std::string> others = told(b);
      for (const model::Matcher& matcher : a.matchers) {
        if (matcher.name() != model::kMetricName && !others.contains(matcher.ToString())) {
          names.insert(matcher.name());
        }
      }
    }
  }
  return names;
}

using Candidate = std::pair<std::string, std::string>;

std::vector<Suspect> Rank(const std::vector<const Row*>& rows, const Counts& all) {
  std::map<Candidate, Counts> by_value;
  for (const Row* row : rows) {
    for (const model::Label& label : row->labels) {
      by_value[{label.name, label.value}] += row->counts;
    }
  }
  std::vector<Suspect> suspects;
  for (const auto& [candidate, counts] : by_value) {
    const double bad = std::max(0.0, counts.bad);
    if (bad <= 0) continue;
    Suspect suspect;
    suspect.label = candidate.first;
    suspect.value = candidate.second;
    suspect.bad = bad;
    suspect.total = counts.total;
    suspect.share = bad / all.bad;
    suspect.share_of_total = all.total > 0 ? std::clamp(counts.total / all.total, 0.0, 1.0) : 0;
    suspect.error_ratio = ErrorRatio(counts);
    suspect.error_ratio_elsewhere = ErrorRatio(all - counts);
    suspect.score = suspect.share - suspect.share_of_total;
    suspects.push_back(std::move(suspect));
  }
  // Of two that explain as much, the one with the higher error ratio; then by name, an address
  // last.
  std::sort(suspects.begin(), suspects.end(), [](const Suspect& a, const Suspect& b) {
    if (std::fabs(a.score - b.score) > 1e-9) return a.score > b.score;
    if (a.error_ratio != b.error_ratio) return a.error_ratio > b.error_ratio;
    const bool a_is_address = a.label == "instance";
    const bool b_is_address = b.label == "instance";
    return std::tie(a_is_address, a.label, a.value) < std::tie(b_is_address, b.label, b.value);
  });
  return suspects;
}

Counts SumOf(const std::vector<const Row*>& rows) {
  Counts sum;
  for (const Row* row : rows) sum += row->counts;
  return sum;
}

// The values that the errors have in common, the guiltiest first: each must hold most of the errors
// of those before it, and more of them than of their traffic.
void FindTogether(std::vector<const Row*> rows, const std::set<std::string>& defining,
                  Explanation* explanation) {
  std::set<std::string> taken;
  Counts within = SumOf(rows);
  for (size_t i = 0; i < kTogetherMax && within.bad > 0; ++i) {
    const std::vector<Suspect> ranked = Rank(rows, within);
    const auto best = std::find_if(ranked.begin(), ranked.end(), [&](const Suspect& one) {
      return !taken.contains(one.label) && !defining.contains(one.label);
    });
    if (best == ranked.end() || best->share < kTogetherShare || best->score < kSuspectScore) break;
    taken.insert(best->label);
    explanation->together.Set(best->label, best->value);
    std::erase_if(rows,
                  [&](const Row* row) { return row->labels.Get(best->label) != best->value; });
    within = SumOf(rows);
  }
  if (explanation->together.empty()) return;
  explanation->together_bad = within.bad;
  explanation->together_total = within.total;
}

std::string Summarize(const Explanation& explanation) {
  const std::string bad = NumberText(std::round(explanation.bad));
  if (explanation.bad <= 0) return "no bad events";
  std::string values;
  for (const model::Label& label : explanation.together) {
    base::StrAppend(&values, " ", label.name, "=", label.value);
  }
  if (values.empty()) return base::StrCat(bad, " bad: spread evenly, no label stands out");
  const double share = explanation.together_bad / explanation.bad;
  return base::StrCat(NumberText(std::round(share * 100)), "% of ", bad, " bad:", values);
}

double BudgetSpent(const SloStatus& status, const GroupFilter& filter, double bad) {
  double allowed = 0;
  for (const GroupStatus& group : status.groups) {
    if (MatchesGroup(filter, group.labels)) allowed += group.period.total * (1 - group.objective);
  }
  return allowed > 0 ? bad / allowed : 0;
}

}  // namespace

absl::StatusOr<Explanation> SloEngine::Explain(const ExplainRequest& request) const {
  const std::shared_ptr<const SloStatus> status = Find(request.slo);
  if (status == nullptr) {
    return absl::NotFoundError(base::StrCat("there is no objective \"", request.slo, "\""));
  }
  if (request.end_ms <= request.start_ms) {
    return absl::InvalidArgumentError("the end must be after the start");
  }
  const SloSpec& spec = *status->spec;
  if (spec.sli.terms.empty()) {
    return absl::FailedPreconditionError(base::StrCat(
        "cannot explain \"", spec.name, "\": ",
        spec.sli.kind == SliKind::kComposite ? "it is a composite, ask for one of its parts"
                                             : "its SLI is PromQL that is no sum of increases"));
  }
  EventCounter counter(spec.sli.terms, options_.source);
  Rows rows(spec, request.group);
  BARO_TRY(counter.Seed(request.start_ms));
  BARO_TRY(counter.Count(request.start_ms, request.end_ms, request.end_ms, &rows));
  std::vector<const Row*> all;
  for (const Row& row : rows.rows()) all.push_back(&row);
  const Counts sum = SumOf(all);
  Explanation explanation;
  explanation.start_ms = request.start_ms;
  explanation.end_ms = request.end_ms;
  explanation.total = sum.total;
  explanation.bad = std::max(0.0, sum.bad);
  explanation.budget_spent = BudgetSpent(*status, request.group, explanation.bad);
  const std::set<std::string> defining = DefiningLabels(spec);
  if (sum.bad > 0) {
    for (Suspect& suspect : Rank(all, sum)) {
      auto& list = defining.contains(suspect.label) ? explanation.symptoms : explanation.suspects;
      if (suspect.score >= kSuspectScore && list.size() < request.limit) {
        list.push_back(std::move(suspect));
      }
    }
    FindTogether(all, defining, &explanation);
  }
  explanation.summary = Summarize(explanation);
  return explanation;
}

}  // namespace baro::slo
