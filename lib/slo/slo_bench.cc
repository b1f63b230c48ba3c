// What an evaluation costs: the budgets and policies of 1,000 groups over 30 days from their slots,
// and the counting of the samples that are new.
#include "benchmark/benchmark.h"

#include "baro/promql/engine.h"
#include "baro/slo/slo_file.h"
#include "budget.h"
#include "event_book.h"
#include "objective.h"
#include "slo_test_support.h"

namespace baro::slo {
namespace {

constexpr int64_t kNow = 1'763'856'000'000;

SloSpec Spec() {
  auto specs = ParseSloFile(
      "slos:\n  - {name: a, service: s, objective: 99.9, window: 30d, group_by: [zone],\n"
      "     groups_max: 2000, sli: {ratio: {bad: 'r_total{code=\"500\"}', total: r_total}}}\n",
      "bench");
  return specs->front();
}

// Thirty days of slots of one group.
GroupBook FullGroup(const SloSpec& spec, int64_t number) {
  GroupBook group(spec, {{"zone", std::to_string(number)}});
  const int64_t start_ms = kNow - 30 * kDayMs;
  group.events.Rewrite(start_ms, 5 * kMinuteMs, std::vector<Counts>(27 * 288, Counts{300, 0.1}));
  group.events.Rewrite(kNow - 3 * kDayMs, kMinuteMs,
                       std::vector<Counts>(3 * 1440 - 360, Counts{60, 0.02}));
  group.events.Rewrite(kNow - 6 * kHourMs, 10 * kSecondMs,
                       std::vector<Counts>(2160, Counts{10, 0}));
  group.last_seen_ms = kNow;
  return group;
}

// Every window of every group, its burn rates, its budget, its policies with their guards.
void BM_BudgetsOf30Days(benchmark::State& state) {
  const SloSpec spec = Spec();
  std::vector<GroupBook> groups;
  for (int64_t i = 0; i < state.range(0); ++i) groups.push_back(FullGroup(spec, i));
  const std::vector<int64_t> windows = WindowsOf(spec);
  size_t bytes = 0;
  for (const GroupBook& group : groups) bytes += group.events.memory_bytes();
  for (auto _ : state) {
    int firing = 0;
    double remaining = 0;
    for (const GroupBook& group : groups) {
      const CountsLeft counts(&group.events, {});
      for (const int64_t window_ms : windows) {
        benchmark::DoNotOptimize(
            StatusOf(counts(kNow - window_ms, kNow), window_ms, spec.objective));
      }
      for (const PolicySpec& policy : spec.alerting.policies) {
        firing += Holds(policy, spec.alerting.guards, spec.objective,
                        counts(kNow - policy.long_ms, kNow), counts(kNow - policy.short_ms, kNow));
      }
      remaining += Remaining(counts(kNow - spec.window.length_ms, kNow), spec.objective);
    }
    benchmark::DoNotOptimize(firing);
    benchmark::DoNotOptimize(remaining);
  }
  state.counters["bytes_per_group"] =
      static_cast<double>(bytes) / static_cast<double>(groups.size());
}
BENCHMARK(BM_BudgetsOf30Days)->Arg(1000)->Unit(benchmark::kMillisecond);

// All of an objective's evaluation with two series a group: samples of the last minutes, slots,
// budgets, alerts, and the making of its 26,000 output samples.
void BM_WholeEvaluation(benchmark::State& state) {
  const SloSpec spec = Spec();
  LateSource source;
  MemoryStorage storage;
  base::FakeClock clock(kNow - 10 * kMinuteMs);
  const promql::Engine engine{promql::EngineOptions()};
  std::map<model::Labels, double> counters;
  int64_t scraped_ms = kNow - 20 * kMinuteMs;
  const auto scrape_to = [&](int64_t time_ms) {
    for (; scraped_ms <= time_ms; scraped_ms += 15 * kSecondMs) {
      for (int64_t i = 0; i < state.range(0); ++i) {
        for (const char* code : {"200", "500"}) {
          const model::Labels labels = {{"__name__", "r_total"},
                                        {"code", code},
                                        {"instance", std::to_string(i)},
                                        {"zone", std::to_string(i)}};
          source.Add(labels, scraped_ms, counters[labels] += 5);
        }
      }
    }
  };
  ObjectiveSurroundings surroundings;
  surroundings.sources = {&source, &engine, nullptr};
  surroundings.storage = &storage;
  surroundings.clock = &clock;
  surroundings.interval_ms = 30'000;
  Objective objective(std::make_shared<SloSpec>(spec), surroundings, clock.NowMs());
  Round round;
  round.go_on = [] { return true; };
  scrape_to(clock.NowMs());
  round.now_ms = clock.NowMs();
  objective.Evaluate(round);
  for (auto _ : state) {
    state.PauseTiming();
    clock.AdvanceMs(30 * kSecondMs);
    scrape_to(clock.NowMs());
    round.now_ms = clock.NowMs();
    state.ResumeTiming();
    objective.Evaluate(round);
  }
  state.counters["groups"] = static_cast<double>(objective.status()->groups.size());
}
BENCHMARK(BM_WholeEvaluation)->Arg(1000)->Unit(benchmark::kMillisecond)->Iterations(5);

}  // namespace
}  // namespace baro::slo
