// Explain names the guilty labels first.
// Method: a service of 5 routes, 6 pods and 2 versions, with background errors everywhere, and an
// incident at one route, one pod or one version, or where all three meet.
#include <random>

#include "baro/slo/slo_engine.h"
#include "baro/slo/slo_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slo_test_support.h"

namespace baro::slo {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kStart = 1'763'856'000'000;

struct Incident {
  std::string route;  // empty: any
  std::string pod;
  std::string version;
};

class Service {
 public:
  explicit Service(Incident incident) : incident_(std::move(incident)) {
    SloEngineOptions options;
    options.source = &source_;
    options.engine = &promql_;
    options.storage = &storage_;
    options.clock = &clock_;
    engine_ = std::make_unique<SloEngine>(std::move(options));
    auto specs = ParseSloFile(
        "slos:\n  - {name: api, service: api, objective: 99.9, sli: {ratio: {bad: "
        "'requests_total{code=~\"5..\"}', total: requests_total}}}\n",
        "f");
    engine_->Update(*std::move(specs));
    for (int i = 0; i < 480; ++i) Scrape(i >= 360);
    engine_->RunOnce();
  }

  Explanation Explain() {
    const int64_t now_ms = clock_.NowMs();
    const auto explanation = engine_->Explain({"api", now_ms - 30 * kMinuteMs, now_ms, {}, 10});
    EXPECT_TRUE(explanation.ok()) << explanation.status();
    return explanation.ok() ? *explanation : Explanation();
  }

 private:
  void Scrape(bool incident) {
    for (const char* route : {"/pay", "/cart", "/search", "/login", "/home"}) {
      for (int pod = 0; pod < 6; ++pod) {
        const std::string name = "api-" + std::to_string(pod);
        const std::string version = pod < 2 ? "41" : "40";
        const bool guilty = incident && (incident_.route.empty() || incident_.route == route) &&
                            (incident_.pod.empty() || incident_.pod == name) &&
                            (incident_.version.empty() || incident_.version == version);
        for (const char* code : {"200", "500", "503"}) {
          const model::Labels labels = {{"__name__", "requests_total"},
                                        {"job", "api"},
                                        {"instance", name},
                                        {"pod", name},
                                        {"route", route},
                                        {"version", version},
                                        {"code", code}};
          double& counter = counters_[labels];
          if (code[0] == '2') {
            counter += guilty ? 60 : 100;
          } else if (code[2] == '3' && guilty) {
            counter += 40;
          } else if (std::uniform_real_distribution<double>(0, 1)(random_) < 0.05) {
            counter += 1;
          }
          source_.Add(labels, clock_.NowMs(), counter);
        }
      }
    }
    clock_.AdvanceMs(15 * kSecondMs);
  }

  const Incident incident_;
  std::mt19937_64 random_{7};
  LateSource source_;
  MemoryStorage storage_;
  base::FakeClock clock_{kStart};
  const promql::Engine promql_{promql::EngineOptions()};
  std::unique_ptr<SloEngine> engine_;
  std::map<model::Labels, double> counters_;
};

std::string First(const Explanation& explanation) {
  if (explanation.suspects.empty()) return "nobody";
  return explanation.suspects[0].label + "=" + explanation.suspects[0].value;
}

TEST(Explain, NamesTheRouteFirst) {
  const Explanation explanation = Service({"/pay", "", ""}).Explain();
  EXPECT_EQ(First(explanation), "route=/pay");
  EXPECT_EQ(explanation.together, (model::Labels{{"route", "/pay"}}));
  EXPECT_THAT(explanation.summary, HasSubstr("route=/pay"));
}

TEST(Explain, NamesThePodFirst) {
  const Explanation explanation = Service({"", "api-4", ""}).Explain();
  // The target's address says the same as its pod.
  EXPECT_THAT(First(explanation), testing::AnyOf("pod=api-4", "instance=api-4"));
  EXPECT_EQ(explanation.together.Get("pod"), "api-4");
  EXPECT_GT(explanation.suspects[0].error_ratio, 0.3);
  EXPECT_LT(explanation.suspects[0].error_ratio_elsewhere, 0.01);
}

TEST(Explain, NamesTheVersionFirst) {
  EXPECT_EQ(First(Service({"", "", "41"}).Explain()), "version=41");
}

TEST(Explain, NamesAllThreeWhereTheyMeet) {
  const Explanation explanation = Service({"/pay", "api-1", "41"}).Explain();
  EXPECT_EQ(explanation.together.Get("route"), "/pay");
  EXPECT_EQ(explanation.together.Get("pod"), "api-1");
  EXPECT_GT(explanation.together_bad / explanation.bad, 0.9);
  ASSERT_GE(explanation.suspects.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(explanation.suspects[i].value, testing::AnyOf("/pay", "api-1", "41"));
  }
  EXPECT_THAT(explanation.summary, HasSubstr("% of "));
}

TEST(Explain, TellsWhatDefinesAnErrorApartFromItsCause) {
  const Explanation explanation = Service({"/pay", "", ""}).Explain();
  ASSERT_FALSE(explanation.symptoms.empty());
  EXPECT_EQ(explanation.symptoms[0].label, "code");
  EXPECT_EQ(explanation.symptoms[0].value, "503");
  for (const Suspect& suspect : explanation.suspects) EXPECT_NE(suspect.label, "code");
}

TEST(Explain, AccusesNobodyOfWhatIsEverywhere) {
  const Explanation explanation = Service({"nowhere", "", ""}).Explain();
  EXPECT_GT(explanation.bad, 0);
  EXPECT_TRUE(explanation.together.empty());
  EXPECT_THAT(explanation.summary, HasSubstr("no label stands out"));
}

}  // namespace
}  // namespace baro::slo
