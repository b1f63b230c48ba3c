#include "baro/rules/backtest.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "overlay_source.h"
#include "rule_group.h"
#include "rule_order.h"
#include "stretch_answers.h"

namespace baro::rules {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
// A stretch of a rule: its series are held in memory at once.
constexpr int64_t kStretchMs = 6 * 3'600'000;
// What alerts with `for` need to be in the state they would have been in.
constexpr int64_t kWarmUpMsMax = 6 * 3'600'000;
// An alert is told once, and at its end: nothing is resent within ten years.
constexpr int64_t kNeverMs = int64_t{10} * 365 * 86'400'000;
constexpr size_t kWriteSamples = 5'000;

// Where rules of the past write: into memory, for others of them to read, or into a storage.
class PastStorage final : public RuleStorage {
 public:
  PastStorage(OverlaySource* overlay, RuleStorage* below, size_t samples_max)
      : overlay_(overlay), below_(below), samples_max_(samples_max) {}

  absl::Status Write(std::span<const RuleSample> samples) override {
    if (below_ != nullptr) {
      for (const RuleSample& sample : samples) Count(sample);
      waiting_.insert(waiting_.end(), samples.begin(), samples.end());
      return waiting_.size() < kWriteSamples ? absl::OkStatus() : Flush();
    }
    for (const RuleSample& sample : samples) {
      Count(sample);
      if (!overlay_->Holds(sample.labels.Get(model::kMetricName))) continue;
      if (++held_ > samples_max_) {
        full_ = true;
        return absl::ResourceExhaustedError(base::StrCat("recording rules give more than ",
                                                         samples_max_, " samples over this time"));
      }
      if (sample.histogram) {
        overlay_->memory()->Append(sample.labels, sample.time_ms, *sample.histogram);
      } else {
        overlay_->memory()->Append(sample.labels, {sample.time_ms, sample.value});
      }
    }
    return absl::OkStatus();
  }
  absl::Status Save(const std::vector<RuleNote>&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<RuleNote>> Load(std::string_view) const override {
    return std::vector<RuleNote>();
  }

  absl::Status Flush() {
    if (waiting_.empty()) return absl::OkStatus();
    const absl::Status status = below_->Write(waiting_);
    waiting_.clear();
    if (!status.ok()) failure_ = status;
    return status;
  }
  // Where the series that are written from now on are counted.
  void CountInto(absl::flat_hash_set<uint64_t>* seen) { seen_ = seen; }
  // What went wrong and cannot be mended by going on.
  absl::Status Trouble() const {
    if (full_) return absl::ResourceExhaustedError("too many samples; take a shorter time");
    return failure_;
  }

 private:
  void Count(const RuleSample& sample) {
    if (seen_ != nullptr) seen_->insert(sample.labels.Hash());
  }

  OverlaySource* const overlay_;
  RuleStorage* const below_;  // null: into memory
  const size_t samples_max_;
  absl::flat_hash_set<uint64_t>* seen_ = nullptr;
  size_t held_ = 0;
  bool full_ = false;
  absl::Status failure_;
  std::vector<RuleSample> waiting_;
};

// One rule on its way through time.
struct Walker {
  PastRule past;
  std::unique_ptr<RuleGroup> group;  // of this rule alone; its phase is that of the real group
  StretchAnswers answers;
  bool in_turn = true;  // it reads only what is there before it is evaluated
  std::map<model::Labels, PastAlert> open;
  absl::flat_hash_set<uint64_t> series;  // hashes of those it wrote
};

class Walk {
 public:
  Walk(const PastOptions& options, RuleStorage* storage)
      : options_(options), below_(storage), deadline_ns_(DeadlineNs(options)) {}

  absl::StatusOr<std::vector<PastRule>> Run(const std::vector<GroupSpec>& groups);

 private:
  static int64_t DeadlineNs(const PastOptions& options) {
    return options.clock->MonotonicNs() + options.timeout_ms * kNsPerMs;
  }
  absl::Status CheckTimes(const std::vector<GroupSpec>& groups) const;
  void MakeWalkers(const std::vector<GroupSpec>& groups);
  GroupSurroundings Surroundings(Walker* walker);
  void Note(Walker* walker, const std::vector<model::Alert>& alerts);
  absl::Status Stretch(Walker* walker, int64_t from_ms, int64_t until_ms);
  absl::Status CheckGoingOn() const;
  void Close(Walker* walker) const;
  int64_t StepOf(const GroupSpec& group) const {
    if (options_.step_ms > 0) return options_.step_ms;
    return group.interval_ms > 0 ? group.interval_ms : options_.interval_ms;
  }

  const PastOptions& options_;
  RuleStorage* const below_;
  const int64_t deadline_ns_;
  std::optional<OverlaySource> overlay_;
  std::optional<PastStorage> storage_;
  std::vector<std::unique_ptr<Walker>> walkers_;  // in the order of the files
  int64_t now_ms_ = 0;                            // of the evaluation under way
  int64_t begin_ms_ = 0;
};

absl::Status Walk::CheckTimes(const std::vector<GroupSpec>& groups) const {
  if (options_.end_ms <= options_.start_ms) {
    return absl::InvalidArgumentError("the end of the time is not after its start");
  }
  int64_t evaluations = 0;
  for (const GroupSpec& group : groups) {
    evaluations += (options_.end_ms - options_.start_ms) / StepOf(group) *
                   static_cast<int64_t>(group.rules.size());
  }
  if (evaluations <= options_.evaluations_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("cannot walk through the time: ", evaluations, " evaluations are more than ",
                   options_.evaluations_max, "; take a shorter time or a longer step"));
}

GroupSurroundings Walk::Surroundings(Walker* walker) {
  GroupSurroundings surroundings;
  const model::SeriesSource* source = options_.source;
  if (below_ == nullptr) source = &*overlay_;
  surroundings.queries = {source, options_.engine, options_.cancelled, &walker->answers};
  surroundings.storage = &*storage_;
  surroundings.clock = options_.clock;
  surroundings.resend_delay_ms = kNeverMs;
  surroundings.interval_ms = options_.interval_ms;
  surroundings.external_labels = options_.external_labels;
  surroundings.external_url = options_.external_url;
  surroundings.sink = [this, walker](const std::vector<model::Alert>& alerts) {
    Note(walker, alerts);
    return absl::OkStatus();
  };
  return surroundings;
}

void Walk::MakeWalkers(const std::vector<GroupSpec>& groups) {
  std::vector<const RuleSpec*> specs;
  int64_t warm_up_ms = 0;
  for (const GroupSpec& group : groups) {
    for (const RuleSpec& rule : group.rules) {
      if (below_ != nullptr && rule.alerting) continue;
      auto walker = std::make_unique<Walker>();
      walker->past.group = group.name;
      walker->past.spec = rule;
      GroupSpec alone = group;
      alone.interval_ms = StepOf(group);
      alone.rules = {rule};
      walker->group = std::make_unique<RuleGroup>(std::move(alone), Surroundings(walker.get()));
      specs.push_back(&walker->past.spec);
      const int64_t evaluations_ms = rule.hold_of * StepOf(group);
      warm_up_ms = std::max(
          {warm_up_ms, rule.hold_ms + StepOf(group), evaluations_ms, rule.keep_firing_for_ms});
      walkers_.push_back(std::move(walker));
    }
  }
  begin_ms_ = options_.start_ms;
  if (below_ == nullptr) begin_ms_ -= std::min(warm_up_ms, kWarmUpMsMax);
}

void Walk::Note(Walker* walker, const std::vector<model::Alert>& alerts) {
  for (const model::Alert& alert : alerts) {
    const auto open = walker->open.find(alert.labels);
    if (!model::IsResolved(alert, now_ms_)) {
      if (open == walker->open.end()) {
        walker->open[alert.labels] = {alert.labels, alert.annotations, alert.starts_ms, 0};
      }
      continue;
    }
    if (open == walker->open.end()) continue;
    PastAlert past = std::move(open->second);
    walker->open.erase(open);
    past.end_ms = alert.ends_ms;
    if (past.end_ms <= options_.start_ms) continue;  // all of it while the state warmed up
    past.start_ms = std::max(past.start_ms, options_.start_ms);
    PastRule& rule = walker->past;
    ++rule.fired;
    rule.firing_ms += past.end_ms - past.start_ms;
    rule.longest_ms = std::max(rule.longest_ms, past.end_ms - past.start_ms);
    if (rule.alerts.size() < options_.alerts_max) rule.alerts.push_back(std::move(past));
  }
}

absl::Status Walk::CheckGoingOn() const {
  if (options_.cancelled != nullptr && *options_.cancelled) {
    return absl::CancelledError("nobody waits for the rules any more");
  }
  if (options_.clock->MonotonicNs() > deadline_ns_) {
    return absl::DeadlineExceededError(base::StrCat("cannot walk through the time within ",
                                                    options_.timeout_ms,
                                                    " ms; take a shorter time or a longer step"));
  }
  return storage_->Trouble();
}

absl::Status Walk::Stretch(Walker* walker, int64_t from_ms, int64_t until_ms) {
  RuleGroup& group = *walker->group;
  const int64_t interval_ns = group.interval_ns();
  int64_t slot_ns = group.SlotBefore(from_ms * kNsPerMs - 1) + interval_ns;
  const auto time_of = [&](int64_t slot) { return slot / kNsPerMs - group.query_offset_ms(); };
  const int64_t slots = (until_ms * kNsPerMs - slot_ns + interval_ns - 1) / interval_ns;
  if (slots <= 0) return absl::OkStatus();
  const RuleSpec& spec = walker->past.spec;
  const model::SeriesSource* source = options_.source;
  if (below_ == nullptr) source = &*overlay_;
  const RuleQueries queries{source, options_.engine, options_.cancelled, nullptr};
  for (const std::string& query : {spec.query, spec.resolve_query}) {
    if (query.empty() || !walker->in_turn) continue;
    walker->answers.Load(
        queries, query,
        {time_of(slot_ns), time_of(slot_ns + (slots - 1) * interval_ns), interval_ns / kNsPerMs});
  }
  storage_->CountInto(&walker->series);
  for (int64_t i = 0; i < slots; ++i, slot_ns += interval_ns) {
    BARO_TRY(CheckGoingOn());
    now_ms_ = slot_ns / kNsPerMs;
    group.Evaluate(slot_ns, EvaluationMode::kLive);
    if (now_ms_ < options_.start_ms) continue;
    const GroupStats stats = group.Stats();
    ++walker->past.evaluations;
    if (!spec.alerting) walker->past.samples += stats.samples;
    if (stats.failures == walker->past.failures) continue;
    walker->past.failures = stats.failures;
    for (const auto& [name, error] : group.Errors()) walker->past.last_error = error;
  }
  return below_ == nullptr ? storage_->Trouble() : storage_->Flush();
}

// What fires at the end.
void Walk::Close(Walker* walker) const {
  PastRule& rule = walker->past;
  for (auto& [labels, alert] : walker->open) {
    alert.start_ms = std::max(alert.start_ms, options_.start_ms);
    ++rule.fired;
    rule.firing_ms += options_.end_ms - alert.start_ms;
    rule.longest_ms = std::max(rule.longest_ms, options_.end_ms - alert.start_ms);
    if (rule.alerts.size() < options_.alerts_max) rule.alerts.push_back(std::move(alert));
  }
  std::stable_sort(rule.alerts.begin(), rule.alerts.end(),
                   [](const auto& a, const auto& b) { return a.start_ms < b.start_ms; });
  if (!rule.spec.alerting) rule.series = walker->series.size();
}

absl::StatusOr<std::vector<PastRule>> Walk::Run(const std::vector<GroupSpec>& groups) {
  BARO_TRY(CheckTimes(groups));
  std::vector<RuleSpec> rules;
  for (const GroupSpec& group : groups) {
    for (const RuleSpec& rule : group.rules) {
      if (below_ == nullptr || !rule.alerting) rules.push_back(rule);
    }
  }
  const std::vector<RulePlace> order = OrderByReading(rules);
  overlay_.emplace(options_.source, NamesThatAreRead(rules));
  storage_.emplace(&*overlay_, below_, options_.samples_max);
  MakeWalkers(groups);
  for (const RulePlace& place : order) walkers_[place.rule]->in_turn = place.in_turn;
  for (int64_t from_ms = begin_ms_; from_ms < options_.end_ms; from_ms += kStretchMs) {
    const int64_t until_ms = std::min(from_ms + kStretchMs, options_.end_ms);
    for (const RulePlace& place : order) {
      BARO_TRY(Stretch(walkers_[place.rule].get(), from_ms, until_ms));
    }
  }
  std::vector<PastRule> all;
  for (const auto& walker : walkers_) {
    Close(walker.get());
    all.push_back(std::move(walker->past));
  }
  return all;
}

}  // namespace

absl::StatusOr<std::vector<PastRule>> Backtest(const std::vector<GroupSpec>& groups,
                                               const PastOptions& options) {
  return Walk(options, nullptr).Run(groups);
}

absl::StatusOr<std::vector<PastRule>> Backfill(const std::vector<GroupSpec>& groups,
                                               const PastOptions& options, RuleStorage* storage) {
  return Walk(options, storage).Run(groups);
}

}  // namespace baro::rules
