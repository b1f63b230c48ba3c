// Groups are evaluated as Prometheus evaluates them; what is better than there survives crashes,
// errors and missing samples.
#include "rules_test_support.h"

#include <cmath>

#include "rule_group.h"

namespace baro::rules::testing {
namespace {

constexpr char kDown[] = R"(groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    for: 30s
    keep_firing_for: 20s
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} is {{ $value }}"}
)";

TEST_F(Rules, AnAlertGoesFromPendingToFiringToResolved) {
  Load(kDown);
  Pass(20, Putting(Series("up"), 0));
  EXPECT_EQ(StateOf("Down"), "pending");
  EXPECT_TRUE(told_.empty());
  Pass(40, Putting(Series("up"), 0));
  ASSERT_EQ(StateOf("Down"), "firing");
  const RuleStatus rule = Rule("Down");
  ASSERT_EQ(rule.alerts.size(), 1u);
  EXPECT_EQ(rule.alerts[0].annotations.at("summary"), "a is 0");
  EXPECT_EQ(rule.alerts[0].labels,
            (model::Labels{{"alertname", "Down"}, {"instance", "a"}, {"severity", "page"}}));
  ASSERT_FALSE(told_.empty());
  EXPECT_EQ(told_[0].ends_ms - told_[0].starts_ms, 4 * 60'000);
  EXPECT_EQ(told_[0].generator_url, "http://baro/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
  EXPECT_EQ(Value("ALERTS{alertstate=\"firing\"}"), 1);
  EXPECT_EQ(Value("ALERTS_FOR_STATE"),
            std::floor(static_cast<double>(rule.alerts[0].active_at_ns) / 1e9));
  Pass(10, Putting(Series("up"), 1));
  EXPECT_EQ(StateOf("Down"), "firing") << "kept by keep_firing_for";
  Pass(30, Putting(Series("up"), 1));
  EXPECT_EQ(StateOf("Down"), "inactive");
  EXPECT_TRUE(std::isnan(Value("ALERTS"))) << "marked stale";
  EXPECT_TRUE(model::IsResolved(told_.back(), clock_.NowMs()));
}

TEST_F(Rules, APendingAlertIsNeverTold) {
  Load(kDown);
  Pass(20, Putting(Series("up"), 0));
  Pass(20, Putting(Series("up"), 1));
  EXPECT_EQ(StateOf("Down"), "inactive");
  EXPECT_TRUE(told_.empty());
}

TEST_F(Rules, AFiringAlertIsToldAgainAfterTheResendDelay) {
  Load(kDown);
  Pass(60, Putting(Series("up"), 0));
  const size_t told = told_.size();
  EXPECT_EQ(told, 1u);
  Pass(150, Putting(Series("up"), 0));
  EXPECT_EQ(told_.size(), told + 2);
}

TEST_F(Rules, WhatTheNotifierDoesNotTakeIsToldAgain) {
  Load(kDown);
  sink_fails_ = true;
  Pass(60, Putting(Series("up"), 0));
  EXPECT_EQ(StateOf("Down"), "firing");
  sink_fails_ = false;
  Pass(11, Putting(Series("up"), 0));
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(Rules, ARuleSeesWhatTheOneBeforeItWrote) {
  Load(R"(groups:
- name: g
  rules:
  - {record: a, expr: "sum(up) * 10"}
  - {record: b, expr: "a + 1", labels: {kind: sum}}
  - {record: unrelated, expr: "up"}
)");
  Pass(15, Putting(Series("up"), 2));
  EXPECT_EQ(Value("b"), 21);
  EXPECT_EQ(Value("b{kind=\"sum\"}"), 21);
  // `unrelated` reads nothing that a rule writes and waits for no write of its own.
  const uint64_t iterations = engine_->Stats()[0].iterations_scheduled;
  EXPECT_EQ(static_cast<uint64_t>(storage_.writes), 2 * iterations);
}

TEST_F(Rules, VanishedResultsAreMarkedStaleButNotAfterAnError) {
  Load(R"(groups:
- name: g
  rules:
  - {record: r, expr: "up{instance!=\"\"} + on(instance) other"}
)");
  Pass(15, [this] {
    Put(Series("up"), 1);
    Put(Series("other"), 1);
  });
  EXPECT_EQ(Value("r"), 2);
  // Two series of one instance: many-to-many is an error, and the old result stays.
  Pass(12, [this] {
    Put(Series("up"), 1);
    Put(Series("other"), 1);
    Put(model::Labels{{"__name__", "other"}, {"instance", "a"}, {"x", "2"}}, 1);
  });
  EXPECT_EQ(Rule("r").health, Health::kError);
  EXPECT_FALSE(Rule("r").last_error.empty());
  EXPECT_EQ(Value("r"), 2);
}

TEST_F(Rules, ADeletedRuleEndsItsSeries) {
  Load("groups:\n- name: g\n  rules:\n  - {record: r, expr: up}\n  - {record: s, expr: up}\n");
  Pass(15, Putting(Series("up"), 1));
  Load("groups:\n- name: g\n  rules:\n  - {record: s, expr: up}\n");
  Pass(15, Putting(Series("up"), 1));
  EXPECT_TRUE(std::isnan(Value("r")));
  EXPECT_EQ(Value("s"), 1);
  Load("groups: []\n");
  Pass(30, Putting(Series("up"), 1));
  EXPECT_TRUE(std::isnan(Value("s")));
}

TEST_F(Rules, ARenamedGroupKeepsItsSeries) {
  Load("groups:\n- name: g\n  rules:\n  - {record: r, expr: up}\n");
  Pass(15, Putting(Series("up"), 1));
  Load("groups:\n- name: h\n  rules:\n  - {record: r, expr: up}\n");
  for (int i = 0; i < 40; ++i) {
    Pass(1, Putting(Series("up"), 1));
    EXPECT_EQ(Value("r"), 1) << i;
  }
}

TEST_F(Rules, TwoResultsAlikeAndTooManyAreErrorsThatChangeNothing) {
  Load(R"(groups:
- name: g
  limit: 1
  rules:
  - {record: r, expr: up}
  - {record: s, expr: up, labels: {instance: x}}
  - {alert: A, expr: up == 1}
)");
  Pass(15, Putting(Series("up"), 1));
  EXPECT_EQ(StateOf("A"), "firing");
  Pass(12, [this] {
    Put(Series("up"), 1);
    Put(Series("up", "b"), 1);
  });
  EXPECT_EQ(Rule("r").last_error, "exceeded limit of 1 with 2 series");
  EXPECT_EQ(Rule("s").last_error,
            "vector contains metrics with the same labelset after applying rule labels");
  EXPECT_EQ(Rule("A").last_error, "exceeded limit of 1 with 2 alerts");
  EXPECT_EQ(StateOf("A"), "firing");
  EXPECT_EQ(Rule("A").alerts.size(), 1u);
}

TEST_F(Rules, AFailedEvaluationNeverLooksLikeResolved) {
  Load(R"(groups:
- name: g
  rules:
  - {alert: A, expr: "up + on(instance) other > 1"}
)");
  Pass(15, [this] {
    Put(Series("up"), 1);
    Put(Series("other"), 1);
  });
  ASSERT_EQ(told_.size(), 1u);
  Pass(300, [this] {
    Put(Series("up"), 1);
    Put(Series("other"), 1);
    Put(model::Labels{{"__name__", "other"}, {"instance", "a"}, {"x", "2"}}, 1);
  });
  EXPECT_EQ(Rule("A").health, Health::kError);
  EXPECT_EQ(StateOf("A"), "firing");
  // Receivers are told again and again, so that it does not expire with them.
  EXPECT_GE(told_.size(), 4u);
  for (const model::Alert& alert : told_) EXPECT_GT(alert.ends_ms - alert.starts_ms, 200'000);
}

TEST_F(Rules, StateSurvivesACrashInEveryPhase) {
  Load(kDown);
  Pass(20, Putting(Series("up"), 0));
  const int64_t active_at_ns = Rule("Down").alerts.at(0).active_at_ns;
  Restart();
  Load(kDown);
  Pass(15, Putting(Series("up"), 0));
  ASSERT_FALSE(Rule("Down").alerts.empty());
  EXPECT_EQ(Rule("Down").alerts[0].active_at_ns, active_at_ns);
  Pass(20, Putting(Series("up"), 0));
  EXPECT_EQ(StateOf("Down"), "firing");
  const int64_t fired_at_ns = Rule("Down").alerts[0].fired_at_ns;
  // keep_firing_for runs.
  Pass(10, Putting(Series("up"), 1));
  const int64_t since_ns = Rule("Down").alerts.at(0).keep_firing_since_ns;
  EXPECT_NE(since_ns, 0);
  Restart();
  Load(kDown);
  EXPECT_EQ(Rule("Down").alerts.at(0).keep_firing_since_ns, since_ns);
  EXPECT_EQ(Rule("Down").alerts.at(0).fired_at_ns, fired_at_ns);
}

TEST_F(Rules, AShortAlertIsNotResolvedByARestart) {
  const std::string rules =
      "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up == 0, for: 5s}\n";
  Load(rules);
  Pass(30, Putting(Series("up"), 0));
  ASSERT_EQ(StateOf("A"), "firing");
  // Down for ten minutes: the samples of that time are still on their way.
  clock_.AdvanceMs(600'000);
  Restart();
  Load(rules);
  Pass(15);
  EXPECT_EQ(StateOf("A"), "firing");
}

TEST_F(Rules, MissedEvaluationsAreMadeUpForAfterARestart) {
  const std::string rules = "groups:\n- name: g\n  rules:\n  - {record: r, expr: \"up + 0\"}\n";
  Load(rules);
  Pass(30, Putting(Series("up"), 1));
  for (int i = 0; i < 120; ++i) {  // nobody evaluates
    clock_.AdvanceMs(1'000);
    Put(Series("up"), 2);
  }
  Restart();
  Load(rules);
  Pass(5, Putting(Series("up"), 3));
  EXPECT_EQ(Value("count_over_time(r[2m])"), 12);
  EXPECT_EQ(Value("min_over_time(r[100s])"), 2);
  ASSERT_EQ(engine_->Stats().size(), 1u);
  EXPECT_GE(engine_->Stats()[0].iterations_replayed, 10u);
}

TEST_F(Rules, ReloadsCarryStateAlsoWhenLabelsChange) {
  Load(kDown);
  Pass(60, Putting(Series("up"), 0));
  const int64_t active_at_ns = Rule("Down").alerts.at(0).active_at_ns;
  std::string changed = kDown;
  changed.replace(changed.find("page"), 4, "ticket");
  Load(changed);
  Pass(15, Putting(Series("up"), 0));
  EXPECT_EQ(StateOf("Down"), "firing");
  const RuleStatus rule = Rule("Down");
  ASSERT_EQ(rule.alerts.size(), 1u);
  EXPECT_EQ(rule.alerts[0].labels.Get("severity"), "ticket");
  EXPECT_EQ(rule.alerts[0].active_at_ns, active_at_ns);
}

TEST_F(Rules, GroupsThatAreTheSameGoOnOverAReload) {
  Load(kDown);
  Pass(25, Putting(Series("up"), 0));
  const uint64_t before = engine_->Stats()[0].evaluations;
  Load(kDown);
  Pass(10, Putting(Series("up"), 0));
  EXPECT_EQ(engine_->Stats()[0].evaluations, before + 1);
}

TEST_F(Rules, FullDisksAreErrorsOfTheRulesAndNothingIsLost) {
  Load(kDown);
  Pass(20, Putting(Series("up"), 0));
  storage_.fails = true;
  Pass(40, Putting(Series("up"), 0));
  EXPECT_EQ(Rule("Down").health, Health::kError);
  EXPECT_EQ(StateOf("Down"), "firing");
  EXPECT_FALSE(told_.empty());
  EXPECT_GT(engine_->save_failures(), 0u);
  storage_.fails = false;
  Pass(10, Putting(Series("up"), 0));
  EXPECT_EQ(Rule("Down").health, Health::kOk);
  Restart();
  Load(kDown);
  EXPECT_EQ(Rule("Down").alerts.at(0).state, AlertState::kFiring);
}

TEST_F(Rules, MissedTicksAreCountedAndLeftOut) {
  Load("groups:\n- name: g\n  rules:\n  - {record: r, expr: up}\n");
  Pass(15, Putting(Series("up"), 1));
  clock_.AdvanceMs(55'000);
  engine_->RunDue();
  EXPECT_GE(engine_->Stats()[0].iterations_missed, 4u);
}

TEST_F(Rules, ThreeOfFiveEvaluationsFireAndFewerResolve) {
  Load(R"(groups:
- name: g
  rules:
  - {alert: A, expr: up == 0, for: {of: 5, at_least: 3}}
)");
  std::string states;
  for (const int down : {0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0}) {
    Pass(10, Putting(Series("up"), down == 1 ? 0 : 1));
    states += StateOf("A")[0];
  }
  // Found at evaluations 2, 4, 5, 7, 8: fires with the third of five, and while three remain.
  EXPECT_EQ(states.find('f'), 4u) << states;
  EXPECT_EQ(states.back(), 'i') << states;
}

TEST_F(Rules, ResolveExpressionHoldsAFiringAlert) {
  Load(R"(groups:
- name: g
  rules:
  - {alert: A, expr: used > 0.9, resolve_expr: used < 0.8}
)");
  Pass(12, Putting(Series("used"), 0.95));
  EXPECT_EQ(StateOf("A"), "firing");
  Pass(20, Putting(Series("used"), 0.85));
  EXPECT_EQ(StateOf("A"), "firing");
  Pass(12, Putting(Series("used"), 0.7));
  EXPECT_EQ(StateOf("A"), "inactive");
}

TEST_F(Rules, NoDataKeepsOrAlertsOrIsOk) {
  Load(R"(groups:
- name: g
  rules:
  - {alert: Ok, expr: used > 0.9}
  - {alert: Keep, expr: used > 0.9, no_data: keep}
  - {alert: Tell, expr: used > 0.9, no_data: alert}
)");
  Pass(12, Putting(Series("used"), 0.95));
  for (const char* name : {"Ok", "Keep", "Tell"}) EXPECT_EQ(StateOf(name), "firing") << name;
  Put(Series("used"), model::kStaleNan);
  Pass(20);
  EXPECT_EQ(StateOf("Ok"), "inactive");
  EXPECT_EQ(StateOf("Keep"), "firing");
  const RuleStatus tell = Rule("Tell");
  ASSERT_EQ(tell.alerts.size(), 2u);
  EXPECT_EQ(tell.alerts[1].labels.Get("no_data"), "true");
  // Back, and good: all are resolved.
  Pass(20, Putting(Series("used"), 0.5));
  for (const char* name : {"Ok", "Keep", "Tell"}) EXPECT_EQ(StateOf(name), "inactive") << name;
}

TEST(GroupHash, IsPrometheusOwn) {
  // What Prometheus 3.14 gives for the labels file and name.
  EXPECT_EQ(GroupHash("/etc/rules.yml", "example"), 13722793128878801038u);
  EXPECT_EQ(GroupHash("rules.yml", "g"), 16556451737426745134u);
  EXPECT_EQ(GroupHash(std::string(200, 'x'), "g"), 7042396166502951457u);
}

}  // namespace
}  // namespace baro::rules::testing
