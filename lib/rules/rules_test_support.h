// What the tests of rules share: a store in memory that remembers notes, a clock that is told, and
// an engine over both.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baro/base/clock.h"
#include "baro/model/memory_source.h"
#include "baro/rules/rule_engine.h"

namespace baro::rules::testing {

// Keeps everything that a real store would keep over a crash. Fails on order.
class FakeStorage final : public RuleStorage {
 public:
  absl::Status Write(std::span<const RuleSample> samples) override {
    if (fails) return absl::UnavailableError("the disk is full");
    ++writes;
    for (const RuleSample& sample : samples) {
      source.Append(sample.labels, {sample.time_ms, sample.value});
    }
    return absl::OkStatus();
  }
  absl::Status Save(const std::vector<RuleNote>& all) override {
    if (fails) return absl::UnavailableError("the disk is full");
    for (const RuleNote& note : all) {
      if (note.value.empty()) {
        notes.erase(note.key);
      } else {
        notes[note.key] = note.value;
      }
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<RuleNote>> Load(std::string_view prefix) const override {
    std::vector<RuleNote> found;
    for (const auto& [key, value] : notes) {
      if (key.starts_with(prefix)) found.push_back({key, value});
    }
    return found;
  }

  model::MemorySource source;
  std::map<std::string, std::string> notes;
  bool fails = false;
  int writes = 0;
};

class Rules : public ::testing::Test {
 protected:
  static constexpr int64_t kStartMs = 1'700'000'000'000;

  // A fresh process over the same store.
  void Restart() {
    engine_ = nullptr;
    RuleEngineOptions options;
    options.source = &storage_.source;
    options.engine = &promql_;
    options.storage = &storage_;
    options.clock = &clock_;
    options.replay_settle_ms = 1'000;
    options.sink = [this](const std::vector<model::Alert>& alerts) {
      if (sink_fails_) return absl::UnavailableError("the queue is full");
      told_.insert(told_.end(), alerts.begin(), alerts.end());
      return absl::OkStatus();
    };
    engine_ = std::make_unique<RuleEngine>(std::move(options));
  }

  void Load(const std::string& yaml, int64_t interval_ms = 10'000) {
    if (engine_ == nullptr) Restart();
    auto groups = ParseRuleFile(yaml, "rules.yml");
    ASSERT_TRUE(groups.ok()) << groups.status();
    RuleSet set;
    set.groups = *std::move(groups);
    set.interval_ms = interval_ms;
    set.external_url = "http://baro";
    engine_->Update(std::move(set));
  }

  // Lets time pass, second by second; `each` runs before what is due.
  void Pass(int64_t seconds, const std::function<void()>& each = nullptr) {
    for (int64_t i = 0; i < seconds; ++i) {
      clock_.AdvanceMs(1'000);
      if (each) each();
      engine_->RunDue();
    }
  }

  void Put(const model::Labels& labels, double value) {
    storage_.source.Append(labels, {clock_.NowMs(), value});
  }
  std::function<void()> Putting(const model::Labels& labels, double value) {
    return [this, labels, value] { Put(labels, value); };
  }

  RuleStatus Rule(const std::string& name) const {
    for (const GroupStatus& group : engine_->Groups()) {
      for (const RuleStatus& rule : group.rules) {
        if (rule.spec.name == name) return rule;
      }
    }
    ADD_FAILURE() << "no rule " << name;
    return {};
  }
  std::string StateOf(const std::string& name) const {
    return std::string(AlertStateName(Rule(name).state));
  }

  // The value of an expression now; NaN: none.
  double Value(const std::string& expression) const {
    const auto result = promql_.Instant(storage_.source, expression, clock_.NowMs(), {});
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return model::kNormalNan;
    const auto& vector = std::get<promql::Vector>(result->value);
    return vector.elements.empty() ? model::kNormalNan : vector.elements[0].samples.back().value;
  }

  FakeStorage storage_;
  base::FakeClock clock_{kStartMs};
  promql::Engine promql_{[this] {
    promql::EngineOptions options;
    options.clock = &clock_;
    return options;
  }()};
  std::vector<model::Alert> told_;
  bool sink_fails_ = false;
  std::unique_ptr<RuleEngine> engine_;
};

inline model::Labels Series(const std::string& name, const std::string& instance = "a") {
  return model::Labels{{"__name__", name}, {"instance", instance}};
}

}  // namespace baro::rules::testing
