// AlertStates: the alerts of one rule and how they go from one evaluation to the next:
//
//           found                     found for long enough
//   (none) ───────► pending ──────────────────────────────► firing ──► resolved ──► (none)
//             ▲        │ not found                            not found,   15 min later
//             └────────┘                                      keep_firing_for over
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/model/alert.h"
#include "baro/model/labels.h"
#include "baro/rules/rule_state.h"
#include "baro/rules/rule_storage.h"

namespace baro::rules {

// How long a resolved alert is remembered, and told again.
inline constexpr int64_t kResolvedRetentionNs = int64_t{15} * 60 * 1'000'000'000;

// Thread-compatible.
class AlertStates {
 public:
  struct Evaluation {
    int64_t time_ns = 0;
    // By what the rule found; state and times do not count.
    std::map<model::Labels, ActiveAlert> found;
    // Whether an alert that was not found stays as it is. Unset: none does.
    std::function<bool(const ActiveAlert&)> holds = nullptr;
    int64_t limit = 0;
    // After a reload that changed labels: alerts are recognised by what the expression gave.
    bool adopt = false;
  };

  // Errors: FailedPrecondition (more alerts than the limit); then nothing has changed.
  absl::Status Advance(const RuleSpec& rule, Evaluation evaluation);

  // Whether anything that must survive a crash has changed since the last call.
  bool TakeChanged() { return std::exchange(changed_, false); }

  // ALERTS and ALERTS_FOR_STATE of what is pending or firing.
  void AppendSamples(const RuleSpec& rule, int64_t time_ms, std::vector<RuleSample>* samples) const;
  // Those to be told now, firing and resolved; they count as told.
  struct Sending {
    int64_t time_ns = 0;
    int64_t interval_ns = 0;
    int64_t resend_delay_ns = 0;
    std::string generator_url;
  };
  std::vector<model::Alert> TakeDue(const Sending& sending);

  AlertState Highest() const;
  // Pending and firing ones.
  std::vector<ActiveAlert> Active() const;
  const std::map<model::Labels, ActiveAlert>& all() const { return alerts_; }
  void Restore(std::vector<ActiveAlert> alerts);

 private:
  void Merge(Evaluation* evaluation);
  void Adopt(Evaluation* evaluation);
  // False: the alert is forgotten.
  bool AdvanceMissing(const RuleSpec& rule, int64_t now_ns, ActiveAlert* alert, bool* goes_on);
  void AdvanceFound(const RuleSpec& rule, int64_t now_ns, ActiveAlert* alert);

  std::map<model::Labels, ActiveAlert> alerts_;
  bool changed_ = false;
};

}  // namespace baro::rules
