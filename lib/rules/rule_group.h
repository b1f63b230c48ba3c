// RuleGroup: rules that are evaluated one after the other, each seeing what those before it wrote.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "alert_states.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/rules/rule_engine.h"
#include "baro/rules/rule_file.h"
#include "baro/rules/rule_state.h"
#include "baro/rules/rule_storage.h"
#include "baseline.h"
#include "rule_query.h"

namespace baro::rules {

// What a group works with. Everything outlives it.
struct GroupSurroundings {
  RuleQueries queries;
  RuleStorage* storage = nullptr;
  const base::Clock* clock = nullptr;
  AlertSink sink;
  std::function<void(const std::string&)> warn;
  int64_t resend_delay_ms = 60'000;
  int64_t interval_ms = 60'000;  // when the group says nothing
  int64_t query_offset_ms = 0;   // the same
  std::map<std::string, std::string> external_labels;
  std::string external_url;

  // As far as a reload can change it.
  bool SameAs(const GroupSurroundings& other) const {
    return interval_ms == other.interval_ms && external_labels == other.external_labels &&
           external_url == other.external_url;
  }
};

// kReplay makes up for a slot that was missed while the process was down: what is not found is not
// taken for resolved, as its samples may still be on their way, and nothing is told.
// kFirst is the first one after that: the same, but alerts are told.
enum class EvaluationMode : uint8_t { kLive, kFirst, kReplay };

// Evaluate() from one thread at a time; the rest is thread-safe.
class RuleGroup {
 public:
  RuleGroup(GroupSpec spec, GroupSurroundings surroundings);

  const std::string& key() const { return key_; }
  const GroupSpec& spec() const { return spec_; }
  int64_t interval_ns() const { return interval_ms_ * 1'000'000; }
  // The newest time slot that is not later than `now_ns`; to the nanosecond Prometheus' own.
  int64_t SlotBefore(int64_t now_ns) const;
  bool SameAs(const RuleGroup& other) const;

  void Evaluate(int64_t slot_ns, EvaluationMode mode) ABSL_LOCKS_EXCLUDED(mutex_);
  void CountMissed(uint64_t slots) ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes to be saved since the last call; `urgent` when an alert's state has changed.
  std::vector<RuleNote> TakeNotes(bool* urgent) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes over alerts and series, rule by rule: by name and labels, then by name alone.
  void TakeOver(RuleGroup* from) ABSL_LOCKS_EXCLUDED(mutex_);
  // What was saved, by key. The slot of the last evaluation; 0: nothing was saved.
  int64_t Restore(std::map<std::string, std::string>* saved) ABSL_LOCKS_EXCLUDED(mutex_);
  // The keys of all that this group saves.
  std::vector<std::string> NoteKeys() const;

  // The series that the last evaluation wrote.
  std::set<model::Labels> Series() const ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t query_offset_ms() const { return offset_ms_; }

  GroupStatus Status() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Names and errors of rules whose last evaluation failed.
  std::vector<std::pair<std::string, std::string>> Errors() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Adds the places of rules of which an alert fires or that have recorded something.
  void AddActive(std::set<std::string>* places) const ABSL_LOCKS_EXCLUDED(mutex_);
  GroupStats Stats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Rule {
    RuleSpec spec;
    RuleInputs inputs;
    std::string generator_url;
    std::string note_key;  // of an alert rule
    AlertStates alerts;
    Baseline baseline;   // of a baseline rule
    bool adopt = false;  // alerts were taken over from a rule with other labels
    bool reads_anything = false;
    std::set<model::Labels> series;  // written by the last good evaluation
    Health health = Health::kUnknown;
    std::string last_error;
    int64_t last_evaluation_ns = 0;
    double seconds = 0;
  };
  // What one evaluation has found and not yet written.
  struct Outcome {
    int64_t slot_ns = 0;
    int64_t time_ms = 0;  // of samples
    EvaluationMode mode = EvaluationMode::kLive;
    std::vector<RuleSample> samples;
    std::set<std::string> names;  // of `samples`
    // Rules whose samples these are, and their series.
    std::vector<std::pair<Rule*, std::set<model::Labels>>> rules;
    std::set<model::Labels> written;  // in this evaluation, by any rule
    uint64_t total = 0;
  };

  void EvaluateRule(Rule* rule, Outcome* outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<RuleSample>> Record(Rule* rule, const Outcome& outcome);
  absl::StatusOr<std::vector<RuleSample>> Alert(Rule* rule, const Outcome& outcome)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::map<model::Labels, ActiveAlert>> Expand(const Rule& rule,
                                                              std::vector<RuleElement> elements,
                                                              int64_t slot_ms) const;
  ActiveAlert ExpandOne(const Rule& rule, RuleElement element, int64_t slot_ms) const;
  absl::Status AddWithoutData(const Rule& rule, int64_t time_ms, int64_t slot_ms,
                              std::map<model::Labels, ActiveAlert>* found) const;
  absl::StatusOr<std::set<model::Labels>> HeldAlerts(
      const Rule& rule, const std::map<model::Labels, ActiveAlert>& found,
      const Outcome& outcome) const ABSL_LOCKS_EXCLUDED(mutex_);
  void Tell(Rule* rule, const Outcome& outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  void Add(Rule* rule, std::vector<RuleSample> samples, Outcome* outcome);
  // Writes what was found so far.
  void Flush(Outcome* outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  void WriteLeftovers(const Outcome& outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  void Fail(Rule* rule, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const GroupSpec spec_;
  const GroupSurroundings surroundings_;
  const std::string key_;
  const int64_t interval_ms_;
  const int64_t offset_ms_;
  const uint64_t hash_;

  // Guards what the API reads; only Evaluate() and TakeOver() write.
  mutable base::Mutex mutex_;
  std::vector<std::unique_ptr<Rule>> rules_;
  std::set<model::Labels> leftovers_ ABSL_GUARDED_BY(mutex_);  // of rules that are gone
  GroupStats stats_ ABSL_GUARDED_BY(mutex_);
  double evaluation_seconds_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_slot_ns_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Prometheus' hash of a group's file and name, which spreads groups over their interval.
uint64_t GroupHash(const std::string& file, const std::string& name);

}  // namespace baro::rules
