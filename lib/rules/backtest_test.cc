// The past that a backtest tells is what the live engine would have told, evaluation by evaluation.
// Method: the same random load is evaluated live, second by second, and afterwards in one go.

#include "baro/rules/backtest.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include "rules_test_support.h"

namespace baro::rules {
namespace {

using testing::FakeStorage;
using testing::Series;

constexpr char kRules[] = R"(
groups:
  - name: one
    interval: 10s
    rules:
      - alert: OnRecorded
        expr: job:load:max > 0.8
        for: 30s
        keep_firing_for: 40s
        labels: {severity: page}
      - alert: Often
        expr: load > 0.7
        for: {of: 5, at_least: 3}
        annotations: {summary: "{{ $labels.instance }} is at {{ $value }}"}
  - name: two
    interval: 15s
    rules:
      - record: job:load:max
        expr: max without (instance) (load)
      - alert: Hysteresis
        expr: load > 0.9
        resolve_expr: load < 0.3
      - alert: Both
        expr: avg_over_time(load[1m]) > 0.6 and load > 0.5
)";

uint64_t Seed() {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'123;
  std::cout << "BARO_SEED=" << seed << "\n";
  return seed;
}

class BacktestTest : public testing::Rules {
 protected:
  static constexpr int kSeconds = 3 * 3'600;

  void RunLive() {
    Load(kRules);
    Pass(kSeconds, [this] {
      if ((clock_.NowMs() / 1'000) % 10 != 0) return;
      for (const char* instance : {"a", "b", "c"}) {
        if (random_() % 40 == 0) continue;  // a scrape that failed
        double& load = loads_[instance];
        const double step = static_cast<double>(random_() % 1'000) / 1'000 - 0.5;
        load = std::clamp(load + step / 2, 0.0, 1.0);
        Put(Series("load", instance), load);
      }
    });
  }

  PastOptions Options() {
    PastOptions options;
    options.source = &storage_.source;
    options.engine = &promql_;
    options.start_ms = kStartMs;
    options.end_ms = clock_.NowMs() + 1;
    options.interval_ms = 10'000;
    return options;
  }

  std::mt19937_64 random_{Seed()};
  std::map<std::string, double> loads_;
};

TEST_F(BacktestTest, TellsWhatTheLiveEngineHasWritten) {
  RunLive();
  const auto groups = ParseRuleFile(kRules, "rules.yml");
  ASSERT_TRUE(groups.ok());
  const auto past = Backtest(*groups, Options());
  ASSERT_TRUE(past.ok()) << past.status();
  uint64_t fired = 0;
  for (const PastRule& rule : *past) {
    fired += rule.fired;
    if (!rule.spec.alerting) continue;
    EXPECT_EQ(rule.failures, 0u) << rule.last_error;
    // At every evaluation the alert is in the past what it was live.
    const int64_t step_ms = rule.group == "one" ? 10'000 : 15'000;
    const auto live = promql_.Instant(
        storage_.source, "ALERTS{alertstate=\"firing\",alertname=\"" + rule.spec.name + "\"}[4h]",
        clock_.NowMs(), {});
    ASSERT_TRUE(live.ok()) << live.status();
    std::map<model::Labels, std::vector<int64_t>> times;
    for (const auto& series : std::get<promql::Matrix>(live->value).series) {
      model::Labels labels = series.labels;
      labels.Remove("__name__");
      labels.Remove("alertstate");
      for (const model::Sample& sample : series.samples) times[labels].push_back(sample.time_ms);
    }
    std::map<model::Labels, std::vector<int64_t>> told;
    for (const PastAlert& alert : rule.alerts) {
      const int64_t end_ms = alert.end_ms == 0 ? clock_.NowMs() + 1 : alert.end_ms;
      for (int64_t at_ms = alert.start_ms; at_ms < end_ms; at_ms += step_ms) {
        told[alert.labels].push_back(at_ms);
      }
    }
    EXPECT_EQ(told, times) << rule.spec.name;
  }
  EXPECT_GT(fired, 20u) << "the load must make alerts fire";
}

TEST_F(BacktestTest, BackfillWritesWhatWouldHaveBeenRecorded) {
  RunLive();
  const auto groups = ParseRuleFile(kRules, "rules.yml");
  ASSERT_TRUE(groups.ok());
  // The same input, and nothing that was recorded.
  FakeStorage empty;
  const auto copy = promql_.Instant(storage_.source, "load[4h]", clock_.NowMs(), {});
  ASSERT_TRUE(copy.ok());
  for (const auto& series : std::get<promql::Matrix>(copy->value).series) {
    for (const model::Sample& sample : series.samples) {
      empty.source.Append(series.labels, sample);
    }
  }
  PastOptions options = Options();
  options.source = &empty.source;
  const auto past = Backfill(*groups, options, &empty);
  ASSERT_TRUE(past.ok()) << past.status();
  ASSERT_EQ(past->size(), 1u) << "alerting rules are left out";
  EXPECT_EQ((*past)[0].series, 1u);
  const auto live = promql_.Instant(storage_.source, "job:load:max[4h]", clock_.NowMs(), {});
  const auto filled = promql_.Instant(empty.source, "job:load:max[4h]", clock_.NowMs(), {});
  ASSERT_TRUE(live.ok() && filled.ok());
  const auto& expected = std::get<promql::Matrix>(live->value).series;
  const auto& got = std::get<promql::Matrix>(filled->value).series;
  ASSERT_EQ(expected.size(), 1u);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].labels, expected[0].labels);
  ASSERT_EQ(got[0].samples.size(), expected[0].samples.size());
  for (size_t i = 0; i < got[0].samples.size(); ++i) {
    EXPECT_EQ(got[0].samples[i].time_ms, expected[0].samples[i].time_ms);
    EXPECT_EQ(got[0].samples[i].value, expected[0].samples[i].value);
  }
}

TEST_F(BacktestTest, RefusesWhatItCannotFinish) {
  const auto groups = ParseRuleFile(kRules, "rules.yml");
  ASSERT_TRUE(groups.ok());
  PastOptions options = Options();
  options.end_ms = options.start_ms;
  EXPECT_EQ(Backtest(*groups, options).status().code(), absl::StatusCode::kInvalidArgument);
  options.end_ms = options.start_ms + 3'600'000;
  options.evaluations_max = 100;
  EXPECT_EQ(Backtest(*groups, options).status().code(), absl::StatusCode::kResourceExhausted);
  options.evaluations_max = 1'000'000;
  options.cancelled = std::make_shared<std::atomic<bool>>(true);
  EXPECT_EQ(Backtest(*groups, options).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace baro::rules
