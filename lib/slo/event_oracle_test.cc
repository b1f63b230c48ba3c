// The engine's counts equal a brute-force count over all samples, for every window.
// Method: random targets are scraped for half a day: counters reset, targets come and go, scrapes
// fail, samples come late (some by many hours, some in batches). Every few minutes everything that
// has arrived is counted from the first sample on, and held against the book. BARO_SEED repeats a
// run.
#include <cstdlib>
#include <random>

#include "baro/promql/engine.h"
#include "baro/slo/slo_file.h"
#include "book_keeper.h"
#include "gtest/gtest.h"
#include "slo_test_support.h"

namespace baro::slo {
namespace {

constexpr int64_t kStart = 1'763'856'000'000;

SloSpec SpecOf(const std::string& yaml) {
  auto specs = ParseSloFile(yaml, "test");
  EXPECT_TRUE(specs.ok()) << specs.status();
  return specs->front();
}

// One sample on its way to the store.
struct Arrival {
  int64_t at_ms = 0;
  int64_t time_ms = 0;
  model::Labels labels;
  double value = 0;
};

class Scrapes {
 public:
  explicit Scrapes(uint64_t seed) : random_(seed) {}

  std::vector<Arrival> Make(int64_t length_ms) {
    for (int target = 0; target < 6; ++target) MakeTarget(target, length_ms);
    std::stable_sort(arrivals_.begin(), arrivals_.end(),
                     [](const auto& a, const auto& b) { return a.at_ms < b.at_ms; });
    return std::move(arrivals_);
  }

 private:
  double Roll() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

  // How late a sample is: hardly, by minutes, or by hours (then so are its neighbours).
  int64_t Delay(int64_t time_ms) {
    if (time_ms < held_until_ms_) return held_until_ms_ - time_ms + hold_ms_;
    if (Roll() < 0.0005) {
      held_until_ms_ = time_ms + Between(kMinuteMs, 40 * kMinuteMs);
      hold_ms_ = Roll() < 0.3 ? Between(5 * kHourMs, 8 * kHourMs) : Between(0, 2 * kHourMs);
    }
    return Roll() < 0.02 ? Between(30 * kSecondMs, 5 * kMinuteMs) : Between(0, 20 * kSecondMs);
  }

  void MakeTarget(int number, int64_t length_ms) {
    held_until_ms_ = 0;
    const std::string instance = "i" + std::to_string(number);
    std::map<std::string, double> counters;  // by code
    bool up = Roll() < 0.7;
    for (int64_t t = kStart + Between(0, 15'000); t < kStart + length_ms; t += 15 * kSecondMs) {
      if (Roll() < 0.0008) up = !up;
      if (Roll() < 0.002) counters.clear();  // a restart: counters that are not touched are gone
      for (const char* code : {"200", "404", "500", "503"}) {
        const double chance = code[0] == '5' ? 0.02 : 0.8;
        if (Roll() < chance) counters[code] += static_cast<double>(Between(1, 40));
      }
      const bool failed = Roll() < 0.01;
      if (!up) continue;
      const int64_t delay_ms = Delay(t);
      for (const auto& [code, value] : counters) {
        const model::Labels labels = {{"__name__", "http_requests_total"},
                                      {"job", "shop"},
                                      {"instance", instance},
                                      {"zone", number % 2 == 0 ? "a" : "b"},
                                      {"code", code}};
        arrivals_.push_back({t + delay_ms, t, labels, failed ? model::kStaleNan : value});
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<Arrival> arrivals_;
  int64_t held_until_ms_ = 0;
  int64_t hold_ms_ = 0;
};

struct Event {
  int64_t time_ms = 0;
  Counts counts;
};
using EventsByGroup = std::map<std::string, std::vector<Event>>;

bool TargetWasSeen(const LateSource& source, const model::Labels& labels, int64_t time_ms) {
  for (const auto& [other, series] : source.series()) {
    if (other.Get("instance") != labels.Get("instance")) continue;
    for (auto it = series.samples.lower_bound(time_ms - kTargetSeenMs);
         it != series.samples.end() && it->first < time_ms; ++it) {
      if (!std::isnan(it->second)) return true;
    }
  }
  return false;
}

// All events of all samples up to now, by the words of docs/slo.md.
EventsByGroup CountAll(const LateSource& source, int64_t now_ms) {
  EventsByGroup events;
  for (const auto& [labels, series] : source.series()) {
    const bool is_bad = labels.Get("code")[0] == '5';
    bool has_before = false;
    int64_t before_ms = 0;
    double before = 0;
    for (const auto& [time_ms, value] : series.samples) {
      if (time_ms > now_ms) break;
      if (std::isnan(value)) continue;
      double increase = 0;
      if (has_before && time_ms - before_ms <= kHourMs) {
        increase = value < before ? value : value - before;
      } else if (TargetWasSeen(source, labels, time_ms)) {
        increase = value;
      }
      if (increase > 0) {
        events[std::string(labels.Get("zone"))].push_back(
            {time_ms, {increase, is_bad ? increase : 0}});
      }
      has_before = true;
      before_ms = time_ms;
      before = value;
    }
  }
  return events;
}

Counts SumBetween(const std::vector<Event>& events, int64_t from_ms, int64_t to_ms) {
  Counts sum;
  for (const Event& event : events) {
    if (event.time_ms > from_ms && event.time_ms <= to_ms) sum += event.counts;
  }
  return sum;
}

uint64_t Seed(uint64_t fallback) {
  const char* text = std::getenv("BARO_SEED");
  const uint64_t seed = text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
  printf("BARO_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

void RunOracle(uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "BARO_SEED=" << seed);
  const SloSpec spec = SpecOf(
      "slos:\n  - {name: a, service: s, objective: 99, window: 3d, group_by: [zone],\n"
      "     sli: {ratio: {bad: 'http_requests_total{code=~\"5..\"}', total: "
      "http_requests_total}}}");
  LateSource source;
  base::FakeClock clock(kStart);
  const promql::Engine engine{promql::EngineOptions()};
  BookKeeper keeper(spec, {&source, &engine, nullptr}, &clock);
  constexpr int64_t kLength = 12 * kHourMs;
  const std::vector<Arrival> arrivals = Scrapes(seed).Make(kLength);
  size_t next = 0;
  int64_t compared = 0;
  int64_t steps = 0;
  for (int64_t now_ms = kStart; now_ms <= kStart + kLength + 9 * kHourMs; ++steps) {
    for (; next < arrivals.size() && arrivals[next].at_ms <= now_ms; ++next) {
      source.Add(arrivals[next].labels, arrivals[next].time_ms, arrivals[next].value);
    }
    ASSERT_TRUE(keeper.Advance(now_ms, [] { return true; }).ok());
    ASSERT_NE(keeper.book(), nullptr);
    if (steps % 40 == 0) {
      const EventsByGroup expected = CountAll(source, now_ms);
      for (const GroupBook& group : keeper.book()->groups()) {
        const auto it = expected.find(std::string(group.labels.Get("zone")));
        const std::vector<Event> none;
        const std::vector<Event>& events = it == expected.end() ? none : it->second;
        for (const int64_t window_ms : {10 * kSecondMs, kMinuteMs, 5 * kMinuteMs, 30 * kMinuteMs,
                                        kHourMs, 2 * kHourMs, 6 * kHourMs, kDayMs, 3 * kDayMs}) {
          // Windows begin at slots: 10 s for six hours, minutes before.
          int64_t from_ms = now_ms - window_ms;
          if (window_ms > 6 * kHourMs) from_ms -= from_ms % kMinuteMs;
          const Counts wanted = SumBetween(events, from_ms, now_ms);
          const Counts got = group.events.Between(now_ms - window_ms, now_ms);
          ASSERT_NEAR(got.total, wanted.total, 1e-6)
              << group.labels.ToString() << " window " << DurationText(window_ms) << " at +"
              << DurationText(now_ms - kStart);
          ASSERT_NEAR(got.bad, wanted.bad, 1e-6) << DurationText(window_ms);
          ++compared;
        }
      }
      EXPECT_LE(expected.size(), keeper.book()->groups().size());
    }
    const int64_t step_ms = steps % 7 == 0 ? 10 * kSecondMs : 30 * kSecondMs;
    now_ms += step_ms;
    clock.AdvanceMs(step_ms);
  }
  EXPECT_EQ(next, arrivals.size());
  EXPECT_GT(compared, 500);
  EXPECT_GT(keeper.amendments(), 10u);
  printf("arrivals=%zu compared=%lld amendments=%llu\n", arrivals.size(),
         static_cast<long long>(compared), static_cast<unsigned long long>(keeper.amendments()));
}

TEST(EventOracle, CountsAsBruteForceDoesWhateverComesLate) { RunOracle(Seed(1)); }
TEST(EventOracle, CountsAsBruteForceDoesWithAnotherSeed) { RunOracle(Seed(20'261'123)); }

}  // namespace
}  // namespace baro::slo
