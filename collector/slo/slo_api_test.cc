// /api/v1/baro/slo… as docs/slo.md shows it, and objectives among Prometheus' rules and alerts.
// Method: an engine over a real store in a temporary folder and a clock that is told; the routes
// without a socket.
#include "slo/slo_api.h"

#include <filesystem>

#include "baro/base/strings.h"
#include "baro/promql/engine.h"
#include "baro/rules/rule_engine.h"
#include "baro/slo/slo_file.h"
#include "baro/tsdb/store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rules/rules_api.h"
#include "rules/store_rule_storage.h"
#include "slo/slo_loader.h"
#include "slo/store_slo_storage.h"

namespace baro::collector {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int64_t kStart = 1'763'856'000'000;
constexpr char kFile[] = R"(slos:
  - name: shop
    service: web
    owner: core
    objective: 99
    group_by: [zone]
    sli: {ratio: {bad: 'requests_total{code="500"}', total: requests_total}}
)";

class SloApi : public testing::Test {
 protected:
  SloApi() {
    tsdb::StoreOptions store;
    store.path = testing::TempDir() + "/slo_api_" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(store.path);
    store.background = false;
    store.clock = &clock_;
    auto opened = tsdb::Store::Open(store);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    rule_storage_ = std::make_unique<StoreRuleStorage>(store_.get());
    storage_ = std::make_unique<StoreSloStorage>(rule_storage_.get());
    Open();
  }

  void Open() {
    router_ = net::HttpRouter();
    slo::SloEngineOptions options;
    options.source = store_.get();
    options.engine = &promql_;
    options.storage = storage_.get();
    options.clock = &clock_;
    engine_ = std::make_unique<slo::SloEngine>(std::move(options));
    engine_->Update(*slo::ParseSloFile(kFile, "/etc/slo.yml"));
    rules::RuleEngineOptions rules;
    rules.source = store_.get();
    rules.engine = &promql_;
    rules.storage = rule_storage_.get();
    rules.clock = &clock_;
    rules_ = std::make_unique<rules::RuleEngine>(std::move(rules));
    AddSloRoutes(engine_.get(), &clock_, &router_);
    AddRuleRoutes(rules_.get(), &router_, [this] { return SloGroups(*engine_); });
  }

  void Serve(int scrapes, double good, double bad) {
    for (int i = 0; i < scrapes; ++i) {
      std::vector<rules::RuleSample> samples;
      for (const char* code : {"200", "500"}) {
        double& counter = counters_[code];
        counter += code[0] == '2' ? good : bad;
        samples.push_back({{{"__name__", "requests_total"},
                            {"job", "web"},
                            {"instance", "a"},
                            {"zone", "eu"},
                            {"code", code}},
                           clock_.NowMs(),
                           counter,
                           std::nullopt});
      }
      ASSERT_TRUE(rule_storage_->Write(samples).ok());
      clock_.AdvanceMs(15'000);
      if (i % 2 == 1) engine_->RunOnce();
    }
  }

  std::string Ask(const std::string& method, const std::string& path, const std::string& query = "",
                  const std::string& body = "") {
    const auto found = router_.Find(method, "/api/v1/" + path);
    if (found.route == nullptr) return "no route";
    net::ServerRequest request;
    request.method = method;
    request.query = query;
    request.body = body;
    request.path_values = found.path_values;
    std::string text;
    found.route->handler(std::move(request), net::HttpReply([&text](net::ServerResponse answer) {
                           text = base::StrCat(answer.status, " ");
                           for (const std::string& piece : answer.body) text += piece;
                         }));
    return text;
  }
  std::string Get(const std::string& path, const std::string& query = "") {
    return Ask("GET", path, query);
  }

  base::FakeClock clock_{kStart};
  const promql::Engine promql_{promql::EngineOptions()};
  std::unique_ptr<tsdb::Store> store_;
  std::unique_ptr<StoreRuleStorage> rule_storage_;
  std::unique_ptr<StoreSloStorage> storage_;
  std::unique_ptr<slo::SloEngine> engine_;
  std::unique_ptr<rules::RuleEngine> rules_;
  net::HttpRouter router_;
  std::map<std::string, double> counters_;
};

TEST_F(SloApi, ListsObjectivesWithBudgetAndBurn) {
  Serve(41, 995, 5);
  const std::string answer = Get("baro/slo", "trend=2");
  EXPECT_THAT(answer,
              StartsWith("200 {\"status\":\"success\",\"data\":{\"slos\":[{\"name\":\"shop\","
                         "\"service\":\"web\",\"owner\":\"core\""));
  for (const char* part :
       {"\"objective\":0.99", "\"window\":\"30d\"", "\"window_kind\":\"rolling\"",
        "\"sli_kind\":\"ratio\"", "\"group_by\":[\"zone\"]", "\"file\":\"/etc/slo.yml\"",
        "\"line\":2", "\"health\":\"ok\"", "\"labels\":{\"zone\":\"eu\"}", "\"state\":\"ok\"",
        "\"sli\":0.995", "\"window\":\"5m\"", "\"exhaustion\":null", "\"alerts\":[]"}) {
    EXPECT_THAT(answer, HasSubstr(part));
  }
  EXPECT_THAT(Get("baro/slo", "name=other"), HasSubstr("\"slos\":[]"));
  EXPECT_THAT(Get("baro/slo", "state=firing"), HasSubstr("\"slos\":[]"));
  EXPECT_THAT(Get("baro/slo", "match[]={zone=\"eu\"}"), HasSubstr("\"name\":\"shop\""));
  EXPECT_THAT(Get("baro/slo", "match[]={zone=\"us\"}"), HasSubstr("\"slos\":[]"));
  EXPECT_THAT(Get("baro/slo", "state=fine"), StartsWith("400 "));
}

TEST_F(SloApi, GivesOneObjectiveInDetail) {
  Serve(41, 995, 5);
  const std::string answer = Get("baro/slo/shop");
  EXPECT_THAT(answer, HasSubstr("{\"severity\":\"page\",\"burn_rate\":14.4,\"long\":\"1h\","
                                "\"short\":\"5m\",\"for\":\"0s\",\"detects_after\":\"8m39s\"}"));
  EXPECT_THAT(answer, HasSubstr("\"guards\":{\"min_bad\":2,\"min_events\":0,\"confidence\":0.95}"));
  EXPECT_THAT(answer, HasSubstr("\"bad\":[\"requests_total{code=\\\"500\\\"}\"]"));
  EXPECT_THAT(Get("baro/slo/none"), StartsWith("404 "));
}

TEST_F(SloApi, ShowsObjectivesAmongRulesAndAlerts) {
  Serve(240, 1'000, 0);
  Serve(40, 500, 500);
  EXPECT_THAT(Get("rules"), HasSubstr("\"name\":\"slo\",\"file\":\"/etc/slo.yml\""));
  EXPECT_THAT(Get("rules"), HasSubstr("\"query\":\"(baro_slo_burn_rate{slo=\\\"shop\\\""));
  const std::string alerts = Get("alerts");
  EXPECT_THAT(alerts, HasSubstr("\"alertname\":\"SloErrorBudgetBurn\""));
  EXPECT_THAT(alerts, HasSubstr("\"state\":\"firing\""));
  EXPECT_THAT(Get("baro/slo/shop/gate"), HasSubstr("\"allowed\":false"));
  EXPECT_THAT(Get("baro/slo/shop/gate"), HasSubstr("zone=eu: SloErrorBudgetBurn (page) is firing"));
  EXPECT_THAT(Get("baro/slo", "state=firing"), HasSubstr("\"name\":\"shop\""));
}

TEST_F(SloApi, ExplainsForecastsAndBacktests) {
  Serve(240, 990, 10);
  const std::string why = Get("baro/slo/shop/explain", "window=30m");
  EXPECT_THAT(why, HasSubstr("\"window\":\"30m\""));
  EXPECT_THAT(why, HasSubstr("\"symptoms\":[{\"label\":\"code\",\"value\":\"500\""));
  EXPECT_THAT(Get("baro/slo/shop/forecast", "points=3"), HasSubstr("\"name\":\"last 6h\""));
  EXPECT_THAT(Get("baro/slo/shop/backtest", "objective=99.9&since=1h"),
              HasSubstr("\"severity\":\"page\""));
  EXPECT_THAT(Ask("POST", "baro/slo/backtest", "since=1h", kFile),
              HasSubstr("\"name\":\"shop\",\"objective\":0.99"));
  EXPECT_THAT(Ask("POST", "baro/slo/backtest", "", "slos: 3\n"),
              HasSubstr("body:1:7: expected a list"));
  EXPECT_THAT(Get("baro/slo/shop/backtest", "objective=100"), StartsWith("400 "));
  EXPECT_THAT(Get("baro/slo/shop/explain", "window=-1h"), StartsWith("400 "));
}

TEST_F(SloApi, KeepsExclusionsThroughARestart) {
  Serve(40, 500, 500);
  const std::string added =
      Ask("POST", "baro/slo/exclusions", "slo=shop&start=-20m&end=2h&author=ana&reason=upgrade");
  EXPECT_THAT(added, HasSubstr("\"id\":\"x1\",\"slo\":\"shop\""));
  EXPECT_THAT(added, HasSubstr("\"author\":\"ana\",\"reason\":\"upgrade\",\"source\":\"api\""));
  EXPECT_THAT(Ask("POST", "baro/slo/exclusions", "slo=shop&end=2h"), StartsWith("400 "));
  EXPECT_THAT(Ask("POST", "baro/slo/exclusions", "slo=no&end=2h&author=a&reason=b"),
              StartsWith("404 "));
  Open();
  engine_->RunOnce();
  EXPECT_THAT(Get("baro/slo/exclusions"), HasSubstr("\"id\":\"x1\""));
  EXPECT_THAT(Get("baro/slo/shop"), HasSubstr("\"budget\":{\"remaining\":1,"));
  EXPECT_THAT(Ask("DELETE", "baro/slo/exclusions/x1"), StartsWith("204 "));
  EXPECT_THAT(Ask("DELETE", "baro/slo/exclusions/x1"), StartsWith("404 "));
  EXPECT_THAT(Get("baro/slo/exclusions"), Not(HasSubstr("x1")));
}

TEST_F(SloApi, WritesSeriesThatCanBeAsked) {
  Serve(41, 995, 5);
  const auto result = promql_.Instant(
      *store_, "baro_slo_error_budget_remaining_ratio{slo=\"shop\",service=\"web\",zone=\"eu\"}",
      clock_.NowMs(), {});
  ASSERT_TRUE(result.ok()) << result.status();
  const auto& elements = std::get<promql::Vector>(result->value).elements;
  ASSERT_EQ(elements.size(), 1u);
  EXPECT_NEAR(elements[0].samples.at(0).value, 0.5, 0.01);
}

}  // namespace
}  // namespace baro::collector
