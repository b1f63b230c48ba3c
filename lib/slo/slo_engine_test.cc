// Objectives from samples to budgets, series and alerts.
// Method: a source and a clock of the test's own; the engine is run slot by slot.
#include "baro/slo/slo_engine.h"

#include <cmath>

#include "baro/slo/slo_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slo_test_support.h"

namespace baro::slo {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int64_t kStart = 1'763'856'000'000;
constexpr char kRatio[] =
    "    sli: {ratio: {bad: 'requests_total{code=~\"5..\"}', total: requests_total}}\n";

std::string File(const std::string& objective, const std::string& rest) {
  return "slos:\n  - name: shop\n    service: web\n    objective: " + objective + "\n" + rest;
}

// A collector of one shop.
class Shop {
 public:
  explicit Shop(const std::string& yaml) { Open(yaml); }

  void Open(const std::string& yaml) {
    engine_.reset();
    SloEngineOptions options;
    options.source = &source;
    options.engine = &promql_;
    options.storage = &storage;
    options.clock = &clock;
    options.sink = [this](const std::vector<model::Alert>& alerts) {
      told.insert(told.end(), alerts.begin(), alerts.end());
      return absl::OkStatus();
    };
    options.warn = [this](const std::string& what) { warnings.push_back(what); };
    engine_ = std::make_unique<SloEngine>(std::move(options));
    Load(yaml);
  }
  void Load(const std::string& yaml) {
    auto specs = ParseSloFile(yaml, "slo.yml");
    ASSERT_TRUE(specs.ok()) << specs.status();
    ASSERT_TRUE(CheckSlos(*specs).ok());
    engine_->Update(*std::move(specs));
  }

  // Adds to a counter.
  void Count(const model::Labels& labels, double increase) { counters_[labels] += increase; }
  // Stores all counters and goes on by 15 s; evaluates every 30 s.
  void Scrape(bool evaluate = true) {
    for (const auto& [labels, value] : counters_) source.Add(labels, clock.NowMs(), value);
    clock.AdvanceMs(15 * kSecondMs);
    if (evaluate && clock.NowMs() % (30 * kSecondMs) == 0) engine_->RunOnce();
  }
  // `good` and `bad` requests a minute for some minutes.
  void Serve(int minutes, double good, double bad, bool evaluate = true) {
    for (int i = 0; i < minutes * 4; ++i) {
      Count(Code("200"), good / 4);
      if (bad > 0) Count(Code("500"), bad / 4);
      Scrape(evaluate);
    }
  }
  void Pass(int64_t minutes) {
    for (int64_t i = 0; i < minutes * 2; ++i) {
      clock.AdvanceMs(30 * kSecondMs);
      engine_->RunOnce();
    }
  }
  static model::Labels Code(const std::string& code) {
    return {{"__name__", "requests_total"}, {"job", "web"}, {"instance", "a"}, {"code", code}};
  }

  SloEngine& engine() { return *engine_; }
  const GroupStatus& group() {
    status_ = engine_->Find("shop");
    EXPECT_EQ(status_->last_error, "");
    EXPECT_EQ(status_->groups.size(), 1u);
    return status_->groups.at(0);
  }
  double Series(model::Labels labels) {
    labels.Set("slo", "shop");
    labels.Set("service", "web");
    return storage.Newest(labels);
  }

  LateSource source;
  MemoryStorage storage;
  base::FakeClock clock{kStart};
  std::vector<model::Alert> told;
  std::vector<std::string> warnings;

 private:
  const promql::Engine promql_{promql::EngineOptions()};
  std::unique_ptr<SloEngine> engine_;
  std::shared_ptr<const SloStatus> status_;
  std::map<model::Labels, double> counters_;
};

const WindowStatus& Window(const GroupStatus& group, int64_t window_ms) {
  for (const WindowStatus& window : group.windows) {
    if (window.window_ms == window_ms) return window;
  }
  ADD_FAILURE() << "no window " << DurationText(window_ms);
  return group.period;
}

// The four inputs on which generated recording rules go wrong.

TEST(SloEngine, KeepsTheWholeBudgetThroughTwentyIdleMinutes) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(10, 6'000, 0);
  shop.Serve(20, 0, 0);
  EXPECT_EQ(shop.group().state, SloState::kNoTraffic);
  EXPECT_EQ(shop.group().remaining, 1);
  EXPECT_EQ(Window(shop.group(), 5 * kMinuteMs).sli, 1);
  EXPECT_EQ(Window(shop.group(), 5 * kMinuteMs).burn_rate, 0);
  EXPECT_EQ(shop.Series({{"__name__", "baro_slo_error_budget_remaining_ratio"}}), 1);
  EXPECT_EQ(shop.Series({{"__name__", "baro_slo_state"}, {"state", "no_traffic"}}), 1);
  EXPECT_EQ(shop.Series({{"__name__", "baro_slo_state"}, {"state", "ok"}}), 0);
}

TEST(SloEngine, KeepsTheWholeBudgetWithoutAnyErrorSeries) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(30, 6'000, 0);
  EXPECT_EQ(shop.group().state, SloState::kOk);
  EXPECT_EQ(shop.group().remaining, 1);
  EXPECT_EQ(shop.group().period.sli, 1);
  EXPECT_THAT(shop.told, IsEmpty());
}

TEST(SloEngine, WeighsUnevenTrafficByItsEvents) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(60, 6'000, 0);
  shop.Serve(60, 3, 3);
  shop.Serve(1, 0, 0);
  // 180 of 360,360 requests, less the first scrape's worth.
  EXPECT_NEAR(shop.group().remaining, 0.50, 0.005);
  EXPECT_NEAR(shop.group().period.bad, 180, 1);
}

TEST(SloEngine, PagesNobodyForOneErrorInSixtyRequests) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(30, 1, 0);
  shop.Count(Shop::Code("500"), 1);
  shop.Serve(30, 1, 0);
  EXPECT_EQ(shop.group().period.bad, 1);
  EXPECT_GT(Window(shop.group(), kHourMs).burn_rate, 14.4);
  EXPECT_THAT(shop.group().alerts, IsEmpty());
  EXPECT_THAT(shop.told, IsEmpty());
}

TEST(SloEngine, PagesWithinMinutesOfAnOutageAndResolvesAfterIt) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(120, 600, 0);
  ASSERT_THAT(shop.told, IsEmpty());
  shop.Serve(3, 300, 300);
  ASSERT_THAT(shop.group().alerts, Not(IsEmpty()));
  const SloAlert page = shop.group().alerts[0];
  EXPECT_EQ(page.severity, "page");
  EXPECT_EQ(page.state, SloAlertState::kFiring);
  EXPECT_THAT(page.why, HasSubstr("over 1h and"));
  ASSERT_THAT(shop.told, Not(IsEmpty()));
  EXPECT_EQ(shop.told[0].labels.Get("alertname"), "SloErrorBudgetBurn");
  EXPECT_EQ(shop.told[0].labels.Get("slo"), "shop");
  EXPECT_GT(shop.told[0].ends_ms, shop.clock.NowMs());
  model::Labels alerts = page.labels;
  alerts.Set("__name__", "ALERTS");
  alerts.Set("alertstate", "firing");
  EXPECT_EQ(shop.storage.Newest(alerts), 1);
  shop.Serve(30, 6'000, 0);
  for (const SloAlert& alert : shop.group().alerts) EXPECT_NE(alert.severity, "page");
  EXPECT_TRUE(model::IsStaleNan(shop.storage.Newest(alerts)));
  bool resolved = false;
  for (const model::Alert& alert : shop.told) {
    resolved |= alert.labels.Get("severity") == "page" && alert.ends_ms <= shop.clock.NowMs();
  }
  EXPECT_TRUE(resolved);
}

TEST(SloEngine, SaysNoDataWhenSamplesEndAndKeepsTheBudget) {
  Shop shop(File("99.9",
                 std::string(kRatio) + "    alerting: {no_data: {severity: ticket, for: 10m}}\n"));
  shop.Serve(30, 1'000, 1);
  const double remaining = shop.group().remaining;
  shop.Pass(6);
  EXPECT_EQ(shop.group().state, SloState::kNoData);
  EXPECT_NEAR(shop.group().remaining, remaining, 1e-9);
  ASSERT_EQ(shop.group().alerts.size(), 1u);
  EXPECT_EQ(shop.group().alerts[0].state, SloAlertState::kPending);
  shop.Pass(10);
  EXPECT_EQ(shop.group().alerts[0].state, SloAlertState::kFiring);
  EXPECT_EQ(shop.group().alerts[0].labels.Get("alertname"), "SloNoData");
}

TEST(SloEngine, RecomputesAtOnceWhenTheObjectiveChanges) {
  Shop shop(File("99", kRatio));
  shop.Serve(60, 995, 5);
  EXPECT_NEAR(shop.group().remaining, 0.5, 0.01);
  const uint64_t selects = shop.source.selects();
  shop.Load(File("99.9", kRatio));
  shop.engine().RunOnce();
  EXPECT_NEAR(shop.group().remaining, -4, 0.1);
  EXPECT_LE(shop.source.selects() - selects, 4u);  // nothing of the past was read again
}

TEST(SloEngine, CountsHistoryOfANewObjectiveFromStoredSamples) {
  Shop shop(File("99", "    sli: {gauge: {selector: nothing}}\n"));
  shop.Serve(600, 995, 5, false);
  shop.Load(File("99", kRatio));
  shop.engine().RunOnce();
  EXPECT_NEAR(shop.group().period.total, 600'000, 1'000);
  EXPECT_NEAR(shop.group().remaining, 0.5, 0.01);
}

TEST(SloEngine, KeepsCountsAndAlertsThroughARestart) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(60 * 26, 600, 0);
  shop.Serve(5, 300, 300);
  const GroupStatus before = shop.group();
  ASSERT_THAT(before.alerts, Not(IsEmpty()));
  // Samples of the first day have expired meanwhile.
  LateSource young;
  for (const auto& [labels, series] : shop.source.series()) {
    for (const auto& [time_ms, value] : series.samples) {
      if (time_ms > shop.clock.NowMs() - 8 * kHourMs) young.Add(labels, time_ms, value);
    }
  }
  shop.source = young;
  shop.told.clear();
  shop.Open(File("99.9", kRatio));
  shop.engine().RunOnce();
  const GroupStatus after = shop.group();
  EXPECT_NEAR(after.period.total, before.period.total, 1e-6);
  EXPECT_NEAR(after.period.bad, before.period.bad, 1e-6);
  EXPECT_NEAR(after.total_ever, before.total_ever, 1e-6);
  for (size_t i = 0; i < before.windows.size(); ++i) {
    EXPECT_NEAR(after.windows[i].total, before.windows[i].total, 1e-6)
        << DurationText(before.windows[i].window_ms);
  }
  ASSERT_EQ(after.alerts.size(), before.alerts.size());
  EXPECT_EQ(after.alerts[0].active_since_ms, before.alerts[0].active_since_ms);
  EXPECT_EQ(after.alerts[0].fired_ms, before.alerts[0].fired_ms);
  for (const model::Alert& alert : shop.told) EXPECT_GT(alert.ends_ms, shop.clock.NowMs());
}

TEST(SloEngine, AmendsWhatComesLateWithoutPagingForIt) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(60 * 10, 600, 0);
  const int64_t outage_ms = shop.clock.NowMs() - 8 * kHourMs;
  const model::Labels late = {
      {"__name__", "requests_total"}, {"job", "web"}, {"instance", "b"}, {"code", "500"}};
  for (int i = 0; i < 40; ++i) shop.source.Add(late, outage_ms + i * 15'000, i * 100);
  shop.Serve(1, 600, 0);
  EXPECT_EQ(shop.group().period.bad, 3'900);
  for (const SloAlert& alert : shop.group().alerts) EXPECT_NE(alert.severity, "page");
  EXPECT_EQ(shop.engine().Stats().amendments_total, 1u);
}

TEST(SloEngine, GivesEachGroupABudgetAndLeavesOutWhatIsOverTheCap) {
  Shop shop(File("99", std::string(kRatio) + "    group_by: [zone]\n    groups_max: 2\n"));
  for (int i = 0; i < 20; ++i) {
    for (const char* zone : {"a", "b", "c"}) {
      model::Labels labels = Shop::Code("200");
      labels.Set("zone", zone);
      shop.Count(labels, 10);
    }
    shop.Scrape();
  }
  const auto status = shop.engine().Find("shop");
  ASSERT_EQ(status->groups.size(), 2u);
  EXPECT_EQ(status->groups[0].labels, (model::Labels{{"zone", "a"}}));
  EXPECT_EQ(status->groups_refused, 1u);
  EXPECT_THAT(status->last_error, HasSubstr("more than 2 groups: 1 are left out"));
  EXPECT_EQ(shop.engine().Stats().groups_refused, 1u);
}

TEST(SloEngine, LeavesExclusionsOutAndTakesThemBack) {
  Shop shop(File("99", kRatio));
  shop.Serve(60, 1'000, 0);
  // The first scrape with errors is at the end of the slot before.
  const int64_t from_ms = shop.clock.NowMs() - kMinuteMs;
  shop.Serve(20, 500, 500);
  const int64_t to_ms = shop.clock.NowMs();
  shop.Serve(30, 1'000, 0);
  EXPECT_LT(shop.group().remaining, -5);
  const auto exclusion =
      shop.engine().AddExclusion({"", "shop", from_ms, to_ms, "ana", "upgrade", {}, false});
  ASSERT_TRUE(exclusion.ok()) << exclusion.status();
  shop.Serve(1, 1'000, 0);
  EXPECT_EQ(shop.group().remaining, 1);
  // It survives, with author and reason.
  shop.Open(File("99", kRatio));
  shop.engine().RunOnce();
  EXPECT_EQ(shop.group().remaining, 1);
  ASSERT_EQ(shop.engine().Exclusions().size(), 1u);
  EXPECT_EQ(shop.engine().Exclusions()[0].author, "ana");
  ASSERT_TRUE(shop.engine().RemoveExclusion(exclusion->id).ok());
  shop.Serve(1, 1'000, 0);
  EXPECT_LT(shop.group().remaining, -5);
  EXPECT_TRUE(absl::IsNotFound(shop.engine().RemoveExclusion("x9")));
}

TEST(SloEngine, CountsSlicesInsteadOfEvents) {
  Shop shop(File("90", std::string(kRatio) + "    time_slices: {length: 5m, target: 95}\n"));
  shop.Serve(50, 1'000, 0);
  shop.Serve(10, 800, 200);  // two bad slices
  shop.Serve(40, 1, 0);
  EXPECT_NEAR(shop.group().period.bad, 2, 0);
  EXPECT_NEAR(shop.group().period.total, 20, 1);
}

TEST(SloEngine, ComposesObjectives) {
  Shop shop(
      "slos:\n"
      "  - {name: a, service: web, objective: 99, sli: {ratio: {bad: "
      "'requests_total{code=\"500\"}',"
      " total: requests_total}}}\n"
      "  - {name: b, service: web, objective: 99, sli: {ratio: {bad: "
      "'requests_total{code=\"404\"}',"
      " total: requests_total}}}\n"
      "  - {name: shop, service: web, objective: 90, composite: {method: weighted, of: [{slo: a,"
      " weight: 3}, {slo: b}]}}\n"
      "  - {name: worst, service: web, objective: 90, composite: {method: minimum, of: [{slo: a},"
      " {slo: b}]}}\n");
  for (int i = 0; i < 40; ++i) {
    shop.Count(Shop::Code("200"), 90);
    shop.Count(Shop::Code("500"), 2);
    shop.Count(Shop::Code("404"), 8);
    shop.Scrape();
  }
  EXPECT_NEAR(shop.group().period.sli, 1 - (3 * 0.02 + 0.08) / 4, 1e-9);
  EXPECT_NEAR(shop.engine().Find("worst")->groups[0].period.sli, 0.92, 1e-9);
}

TEST(SloEngine, ReadsLatencyFromClassicBuckets) {
  Shop shop(File("99", "    sli: {latency: {histogram: d_seconds, threshold: 300ms}}\n"));
  const auto bucket = [](const char* le) {
    return model::Labels{
        {"__name__", "d_seconds_bucket"}, {"job", "web"}, {"instance", "a"}, {"le", le}};
  };
  for (int i = 0; i < 41; ++i) {
    shop.Count(bucket("0.1"), 5);
    shop.Count(bucket("0.3"), 9);
    shop.Count(bucket("+Inf"), 10);
    shop.Count({{"__name__", "d_seconds_count"}, {"job", "web"}, {"instance", "a"}}, 10);
    shop.Scrape();
  }
  EXPECT_NEAR(shop.group().period.sli, 0.9, 1e-9);
}

TEST(SloEngine, ReadsLatencyFromNativeHistogramsAndNotTwice) {
  Shop shop(File("99", "    sli: {latency: {histogram: d_seconds, threshold: 2s}}\n"));
  const model::Labels base = {{"__name__", "d_seconds"}, {"job", "web"}, {"instance", "a"}};
  for (int i = 1; i <= 40; ++i) {
    model::Histogram histogram;
    histogram.schema = 0;  // bounds are powers of two
    histogram.count = i * 10;
    histogram.sum = i;
    histogram.positive = {{0, i * 6.0}, {1, i * 3.0}, {2, i * 1.0}};
    shop.source.Add(base, shop.clock.NowMs(), histogram);
    // The classic form of the same histogram, scraped as well.
    shop.Count({{"__name__", "d_seconds_count"}, {"job", "web"}, {"instance", "a"}}, 10);
    shop.Count({{"__name__", "d_seconds_bucket"}, {"job", "web"}, {"instance", "a"}, {"le", "2"}},
               9);
    shop.Scrape();
  }
  EXPECT_NEAR(shop.group().period.sli, 0.9, 1e-9);
  EXPECT_NEAR(shop.group().period.total, 390, 1e-9);
}

TEST(SloEngine, CallsNothingSlowWhereNoBucketTells) {
  Shop shop(File("99", "    sli: {latency: {histogram: d_seconds, threshold: 2s}}\n"));
  for (int i = 0; i < 40; ++i) {
    shop.Count({{"__name__", "d_seconds_count"}, {"job", "web"}, {"instance", "a"}}, 10);
    shop.Scrape();
  }
  EXPECT_EQ(shop.group().period.bad, 0);
  EXPECT_EQ(shop.group().state, SloState::kNoData);
}

TEST(SloEngine, ReadsGaugesAndRawRatios) {
  Shop gauge(File("99", "    sli: {gauge: {selector: lag_seconds, good_if: \"<= 30\"}}\n"));
  Shop raw(File("99", "    sli: {raw: {error_ratio: 'avg(errors_ratio)'}}\n"));
  for (int i = 0; i < 40; ++i) {
    gauge.source.Add({{"__name__", "lag_seconds"}, {"instance", "a"}}, gauge.clock.NowMs(),
                     i % 4 == 0 ? 60 : 10);
    gauge.Scrape();
    raw.source.Add({{"__name__", "errors_ratio"}, {"instance", "a"}}, raw.clock.NowMs(), 0.125);
    raw.Scrape();
  }
  EXPECT_NEAR(gauge.group().period.sli, 0.75, 0.01);
  EXPECT_NEAR(raw.group().period.sli, 0.875, 1e-9);
  EXPECT_NEAR(raw.group().period.total, 10, 1);
}

TEST(SloEngine, WritesSlothsAndPyrrasNamesWhenAsked) {
  Shop shop(File("99", std::string(kRatio) + "    export: [sloth, pyrra]\n"));
  shop.Serve(10, 990, 10);
  const std::vector<std::string> names = shop.storage.Names();
  for (const char* name : {"baro_slo_burn_rate",
                           "baro_slo_error_budget_remaining_ratio",
                           "baro_slo_events_total",
                           "baro_slo_objective_ratio",
                           "baro_slo_sli_ratio",
                           "baro_slo_state",
                           "slo:sli_error:ratio_rate5m",
                           "slo:sli_error:ratio_rate30d",
                           "slo:objective:ratio",
                           "slo:error_budget:ratio",
                           "slo:time_period:days",
                           "slo:current_burn_rate:ratio",
                           "slo:period_burn_rate:ratio",
                           "slo:period_error_budget_remaining:ratio",
                           "sloth_slo_info",
                           "pyrra_objective",
                           "pyrra_window",
                           "pyrra_availability",
                           "pyrra_requests:rate5m",
                           "pyrra_errors:rate5m",
                           "pyrra_requests_total",
                           "pyrra_errors_total"}) {
    EXPECT_THAT(names, Contains(name));
  }
  EXPECT_NEAR(shop.storage.Newest({{"__name__", "slo:sli_error:ratio_rate5m"},
                                   {"sloth_id", "shop"},
                                   {"sloth_service", "web"},
                                   {"sloth_slo", "shop"},
                                   {"sloth_window", "5m"}}),
              0.01, 1e-6);
}

TEST(SloEngine, ForecastsWhenTheBudgetIsGone) {
  Shop shop(File("99", kRatio));
  shop.Serve(60 * 8, 980, 20);  // burns twice too fast: budget is gone already over what is there
  const auto gone = shop.engine().Forecast({"shop", {}, 0, 10});
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_LT((*gone)[0].remaining, 0);
  EXPECT_TRUE((*gone)[0].exhausted_ms.has_value());
  Shop calm(File("99", kRatio));
  calm.Serve(60 * 24, 1'000, 0);
  calm.Serve(60, 900, 100);
  const auto forecast = calm.engine().Forecast({"shop", {}, 0, 10});
  ASSERT_TRUE(forecast.ok());
  const GroupForecast& group = (*forecast)[0];
  EXPECT_GT(group.remaining, 0.5);
  ASSERT_TRUE(group.exhausted_ms.has_value());
  // 10 % errors against 1 % allowed: 0.01·(25 h + t) = 0.1·(1 h + t) → t ≈ 1.7 h.
  EXPECT_NEAR(static_cast<double>(*group.exhausted_ms - calm.clock.NowMs()) / kHourMs, 1.67, 0.1);
  EXPECT_EQ(group.points.size(), 10u);
}

TEST(SloEngine, BacktestsAnotherObjective) {
  Shop shop(File("99", kRatio));
  shop.Serve(60 * 5, 1'000, 0);
  shop.Serve(20, 900, 100);
  shop.Serve(60 * 2, 1'000, 0);
  BacktestRequest request;
  request.slo = "shop";
  request.since_ms = 7 * kHourMs;
  const auto same = shop.engine().RunBacktest(request);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_THAT(same->groups[0].alerts, IsEmpty());
  request.objective = 0.999;
  const auto strict = shop.engine().RunBacktest(request);
  ASSERT_TRUE(strict.ok());
  ASSERT_THAT(strict->groups[0].alerts, Not(IsEmpty()));
  bool page = false;
  for (const BacktestAlert& alert : strict->groups[0].alerts) page |= alert.severity == "page";
  EXPECT_TRUE(page);
  // The same of a file that is not loaded.
  const auto specs = ParseSloFile(File("99.9", kRatio), "body");
  const auto fresh = shop.engine().RunBacktest((*specs)[0], request);
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(fresh->groups[0].alerts.size(), strict->groups[0].alerts.size());
}

TEST(SloEngine, TellsErrorsAndKeepsAlertsWhileItCannotRead) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(60, 600, 0);
  shop.Serve(5, 300, 300);
  ASSERT_THAT(shop.group().alerts, Not(IsEmpty()));
  shop.told.clear();
  shop.source.FailWith(absl::DataLossError("a part is damaged"));
  shop.Pass(3);
  const auto status = shop.engine().Find("shop");
  EXPECT_EQ(status->last_error, "a part is damaged");
  ASSERT_THAT(shop.told, Not(IsEmpty()));
  for (const model::Alert& alert : shop.told) EXPECT_GT(alert.ends_ms, shop.clock.NowMs());
  EXPECT_GT(shop.engine().Stats().evaluation_failures_total, 0u);
}

TEST(SloEngine, EndsSeriesAndNotesOfAnObjectiveThatIsGone) {
  Shop shop(File("99.9", kRatio));
  shop.Serve(70, 600, 1);
  EXPECT_GT(shop.storage.notes(), 0u);
  shop.Load("slos: []\n");
  EXPECT_THAT(shop.storage.Names(), IsEmpty());
  EXPECT_EQ(shop.storage.notes(), 0u);
  EXPECT_THAT(shop.engine().List(), IsEmpty());
}

// A window of the calendar begins with its period.
TEST(SloWindow, BeginsWithThePeriodOfTheCalendar) {
  // 2025-11-22 00:00:00 UTC, a Saturday.
  constexpr int64_t kSaturday = 1'763'769'600'000;
  const int64_t noon_ms = kSaturday + 12 * kHourMs;
  EXPECT_EQ(WindowStart({WindowKind::kDay, kDayMs}, noon_ms), kSaturday);
  EXPECT_EQ(WindowStart({WindowKind::kWeek, 7 * kDayMs}, noon_ms), kSaturday - 5 * kDayMs);
  EXPECT_EQ(WindowStart({WindowKind::kMonth, 31 * kDayMs}, noon_ms), kSaturday - 21 * kDayMs);
  EXPECT_EQ(WindowStart({WindowKind::kQuarter, 92 * kDayMs}, noon_ms), kSaturday - 52 * kDayMs);
  EXPECT_EQ(WindowStart({WindowKind::kYear, 366 * kDayMs}, noon_ms), kSaturday - 325 * kDayMs);
  // The sample at midnight belongs to the day before.
  EXPECT_EQ(WindowStart({WindowKind::kDay, kDayMs}, kSaturday), kSaturday - kDayMs);
}

}  // namespace
}  // namespace baro::slo
