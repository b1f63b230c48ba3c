// /api/v1/rules and /api/v1/alerts: Prometheus' shapes, to the byte.
// Method: an engine over a store in memory and a clock that is told; the routes without a socket.
#include "rules/rules_api.h"

#include <map>

#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "baro/rules/rule_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kRules[] = R"yaml(groups:
- name: first
  interval: 10s
  rules:
  - {record: "up:sum", expr: "sum(up)", labels: {kind: sum}}
  - alert: Down
    expr: up == 0
    keep_firing_for: 1m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }}", empty: ""}
- name: second
  limit: 3
  rules:
  - {alert: Fancy, expr: up == 5, for: {of: 5, at_least: 3}, no_data: keep, resolve_expr: up > 7}
)yaml";

class MemoryStorage final : public rules::RuleStorage {
 public:
  absl::Status Write(std::span<const rules::RuleSample> samples) override {
    for (const rules::RuleSample& sample : samples) {
      source.Append(sample.labels, {sample.time_ms, sample.value});
    }
    return absl::OkStatus();
  }
  absl::Status Save(const std::vector<rules::RuleNote>&) override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<rules::RuleNote>> Load(std::string_view) const override {
    return std::vector<rules::RuleNote>();
  }

  model::MemorySource source;
};

class RulesApi : public testing::Test {
 protected:
  RulesApi() {
    rules::RuleEngineOptions options;
    options.source = &storage_.source;
    options.engine = &promql_;
    options.storage = &storage_;
    options.clock = &clock_;
    engine_ = std::make_unique<rules::RuleEngine>(std::move(options));
    rules::RuleSet set;
    set.groups = *rules::ParseRuleFile(kRules, "/r.yml");
    set.interval_ms = 60'000;
    engine_->Update(std::move(set));
    AddRuleRoutes(engine_.get(), &router_);
  }

  void Pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      clock_.AdvanceMs(1'000);
      storage_.source.Append({{"__name__", "up"}, {"instance", "a"}}, {clock_.NowMs(), 0});
      engine_->RunDue();
    }
  }

  // "status body"
  std::string Get(const std::string& path, const std::string& query = "") {
    const auto found = router_.Find("GET", "/api/v1/" + path);
    EXPECT_NE(found.route, nullptr);
    net::ServerRequest request;
    request.method = "GET";
    request.query = query;
    std::string text;
    found.route->handler(std::move(request), net::HttpReply([&text](net::ServerResponse answer) {
                           text = base::StrCat(answer.status, " ");
                           for (const std::string& piece : answer.body) text += piece;
                         }));
    return text;
  }

  MemoryStorage storage_;
  base::FakeClock clock_{1'700'000'000'000};
  promql::Engine promql_{[this] {
    promql::EngineOptions options;
    options.clock = &clock_;
    return options;
  }()};
  std::unique_ptr<rules::RuleEngine> engine_;
  net::HttpRouter router_;
};

TEST_F(RulesApi, RulesThatWereNeverEvaluatedAreUnknown) {
  EXPECT_EQ(
      Get("rules", "rule_group[]=first"),
      R"(200 {"status":"success","data":{"groups":[{"name":"first","file":"/r.yml","rules":[)"
      R"json({"name":"up:sum","query":"sum(up)","labels":{"kind":"sum"},"health":"unknown",)json"
      R"("evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"},)"
      R"({"state":"unknown","name":"Down","query":"up == 0","duration":0,"keepFiringFor":60,)"
      R"("labels":{"severity":"page"},"annotations":{"empty":"","summary":"{{ $labels.instance }}"},)"
      R"("alerts":[],"health":"unknown","evaluationTime":0,)"
      R"("lastEvaluation":"0001-01-01T00:00:00Z","type":"alerting"}],"interval":10,"limit":0,)"
      R"("evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"}]}})");
  EXPECT_EQ(Get("alerts"), R"(200 {"status":"success","data":{"alerts":[]}})");
}

TEST_F(RulesApi, FiringAlertsAreShownWithTimesToTheNanosecond) {
  Pass(25);
  const std::string alerts = Get("alerts");
  EXPECT_THAT(alerts, StartsWith(R"(200 {"status":"success","data":{"alerts":[{"labels":)"
                                 R"({"alertname":"Down","instance":"a","severity":"page"},)"
                                 R"("annotations":{"empty":"","summary":"a"},"state":"firing",)"
                                 R"("activeAt":"2023-11-14T22:13:)"));
  EXPECT_THAT(alerts, HasSubstr(R"(Z","value":"0e+00"}]}})"));
  EXPECT_THAT(Get("rules", "type=alert"), HasSubstr(R"({"state":"firing","name":"Down")"));
  EXPECT_THAT(Get("rules", "exclude_alerts=true&type=alert"), HasSubstr(R"("alerts":null)"));
}

TEST_F(RulesApi, FiltersChooseRulesAndLeaveOutEmptyGroups) {
  const auto names = [this](const std::string& query) {
    const std::string answer = Get("rules", query);
    std::string found;
    for (const char* name : {"up:sum", "Down", "Fancy"}) {
      if (answer.find(base::StrCat("\"name\":\"", name, "\"")) != std::string::npos) {
        found += name[0];
      }
    }
    return found;
  };
  EXPECT_EQ(names(""), "uDF");
  EXPECT_EQ(names("type=record"), "u");
  EXPECT_EQ(names("type=ALERT"), "DF");
  EXPECT_EQ(names("rule_name[]=Down&rule_name[]=Fancy"), "DF");
  EXPECT_EQ(names("rule_group[]=second"), "F");
  EXPECT_EQ(names("file[]=/r.yml"), "uDF");
  EXPECT_EQ(names("file[]=/x.yml"), "");
  EXPECT_EQ(names("match[]={severity=\"page\"}"), "D");
  EXPECT_EQ(names("match[]={severity=\"page\"}&match[]={kind=~\"s.*\"}"), "uD");
}

TEST_F(RulesApi, GrafanaListsRulesWithAllItsFilters) {
  EXPECT_EQ(Get("rules",
                "file=a&file%5B%5D=a&rule_group%5B%5D=b&rule_name%5B%5D=c&exclude_alerts=true"
                "&group_limit=10"),
            R"(200 {"status":"success","data":{"groups":[]}})");
}

TEST_F(RulesApi, PagesHaveTokens) {
  const std::string first = Get("rules", "group_limit=1");
  const size_t at = first.find("\"groupNextToken\":\"");
  ASSERT_NE(at, std::string::npos) << first;
  const std::string token = first.substr(at + 18, 64);
  const std::string second = Get("rules", "group_limit=1&group_next_token=" + token);
  EXPECT_THAT(second, HasSubstr("\"name\":\"second\""));
  EXPECT_EQ(second.find("groupNextToken"), std::string::npos);
  EXPECT_THAT(Get("rules", "group_limit=1&group_next_token=x"),
              StartsWith("400 {\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid "
                         "parameter \\\"group_next_token\\\": invalid group_next_token 'x'"));
  for (const char* query : {"group_limit=0", "group_limit=x", "group_next_token=y", "type=z",
                            "exclude_alerts=perhaps", "match[]={"}) {
    EXPECT_THAT(Get("rules", query), StartsWith("400 ")) << query;
  }
}

TEST_F(RulesApi, AdditionsAreShownOnlyWhereTheyAreUsed) {
  EXPECT_THAT(Get("rules", "rule_name[]=Fancy"),
              HasSubstr(R"("type":"alerting","for":{"of":5,"atLeast":3},"noData":"keep",)"
                        R"("resolveQuery":"up > 7"})"));
}

}  // namespace
}  // namespace baro::collector
