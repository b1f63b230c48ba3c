// What people who were woken up see: whole screens, from a collector's and an Alertmanager's
// answers.

#include <gtest/gtest.h>

#include "api/alertmanager.h"
#include "test_support.h"

namespace baro::cli {
namespace {

using testing::FakeTransport;
using testing::VerbRun;

// now is 1795414780
constexpr char kAlerts[] = R"({"status":"success","data":{"alerts":[
{"id":"5a3e0c9d11f2b480","alertname":"NodeDiskFull","state":"pending",
"labels":{"alertname":"NodeDiskFull","instance":"n2","mountpoint":"/data","severity":"page"},
"source":{"instance":"n2","mountpoint":"/data"},"annotations":{"summary":"n2 /data has 1% left"},
"value":"0.0123","activeAt":1795414720,"group":"node","file":"n.yml","where":"n.yml:4:5",
"query":"a / b < 0.02","forSeconds":300,"health":"ok"},
{"id":"00ff12ab34cd56ef","alertname":"CheckoutFails","state":"firing",
"labels":{"alertname":"CheckoutFails","severity":"page","service":"checkout","region":"eu"},
"source":{"service":"checkout","region":"eu"},
"annotations":{"summary":"half of the answers are errors",
"runbook_url":"docs/runbooks/checkout.md"},"value":"0.5","activeAt":1795413880,
"firedAt":1795414000,"group":"shop","file":"s.yml","where":"s.yml:9:5",
"query":"sum by (service, region) (rate(errors_total[5m])) / sum by (service, region) (rate(requests_total[5m])) > 0.1",
"forSeconds":120,"health":"ok","ack":{"author":"ana","comment":"rolling back","at":1795414100,"silence":"s1"}},
{"id":"77ff12ab34cd56ef","alertname":"NodeOomKill","state":"firing",
"labels":{"alertname":"NodeOomKill","severity":"ticket","instance":"n2\u001b[31m"},
"source":{"instance":"n2\u001b[31m"},"annotations":{},"value":"1","activeAt":1795400000,
"firedAt":1795400000,"keepFiringSince":1795414000,"group":"node","file":"n.yml",
"where":"n.yml:20:5","query":"x > 0","forSeconds":0,"health":"err","lastError":"many-to-many"}]}})";
constexpr char kManagers[] =
    R"({"status":"success","data":{"activeAlertmanagers":[{"url":"http://am:9093/api/v2/alerts"}],
"droppedAlertmanagers":[]}})";
constexpr char kManagerAlerts[] =
    R"([{"labels":{"alertname":"NodeOomKill"},"fingerprint":"77ff12ab34cd56ef",
"status":{"state":"suppressed","silencedBy":["abc"],"inhibitedBy":[]}},
{"labels":{"alertname":"CheckoutFails"},"fingerprint":"00ff12ab34cd56ef",
"status":{"state":"active","silencedBy":[],"inhibitedBy":[]}}])";
constexpr char kSilences[] =
    R"([{"id":"abc-1","status":{"state":"active"},"matchers":[{"name":"alertname",
"value":"NodeOom.*","isRegex":true,"isEqual":true}],"startsAt":"2026-11-23T05:00:00Z",
"endsAt":"2026-11-23T07:00:00Z","createdBy":"ben","comment":"known leak"},
{"id":"old-2","status":{"state":"expired"},"matchers":[{"name":"a","value":"b","isRegex":false}],
"startsAt":"2026-11-22T05:00:00Z","endsAt":"2026-11-22T07:00:00Z","createdBy":"ben",
"comment":"old"}])";

// The words stand in the text one after the other.
void ExpectInOrder(const std::string& text, const std::vector<std::string>& words) {
  size_t at = 0;
  for (const std::string& word : words) {
    const size_t found = text.find(word, at);
    ASSERT_NE(found, std::string::npos) << "\"" << word << "\" is missing in\n" << text;
    at = found + word.size();
  }
}

struct OnCall : VerbRun {
  OnCall() {
    transport.Answer("/api/v1/baro/alerts", ApiResponse{200, kAlerts});
    transport.Answer("/api/v1/alertmanagers", ApiResponse{200, kManagers});
    manager.Answer("/-/healthy", ApiResponse{200, "OK"});
    manager.Answer("/api/v2/alerts", ApiResponse{200, kManagerAlerts});
    manager.Answer("/api/v2/silences", ApiResponse{200, kSilences});
    connect = [this](const std::string& url) {
      urls.push_back(url);
      return &manager;
    };
  }
  FakeTransport manager;
  std::vector<std::string> urls;
};

TEST(OnCallVerbs, AlertsComeWithTheWorstFirst) {
  for (const int columns : {80, 200}) {
    OnCall run;
    run.screen.columns = columns;
    ASSERT_TRUE(run.Run(AlertsArguments{}).ok());
    ExpectInOrder(run.out, {"STATE", "firing", "page", "CheckoutFails", "13m", "ack ana",
                            "00ff12ab", "ending", "ticket", "NodeOomKill", "silenced", "77ff12ab",
                            "pending", "NodeDiskFull", "2 firing, 1 pending"});
    ExpectInOrder(run.out, {"region=eu service=checkout", "mountpoint=/data"});
    EXPECT_EQ(run.urls, std::vector<std::string>{"http://am:9093"});
    EXPECT_EQ(run.out.find('\x1b'), std::string::npos) << "nothing foreign reaches the terminal";
  }
}

TEST(OnCallVerbs, AlertsAreGroupedFilteredAndCounted) {
  OnCall run;
  AlertsArguments arguments;
  arguments.group_by = "instance";
  ASSERT_TRUE(run.Run(arguments).ok());
  ExpectInOrder(run.out, {"instance", "WORST", "(none)", "page", "1", "CheckoutFails", "3 alerts"});
  OnCall pages;
  arguments.group_by.clear();
  arguments.matchers = {"severity=page"};
  arguments.state = "firing";
  pages.options.format = Format::kCsv;
  ASSERT_TRUE(pages.Run(arguments).ok());
  ExpectInOrder(pages.out, {"id,state,alertname", "\n00ff12ab34cd56ef,firing,CheckoutFails,"});
  EXPECT_TRUE(pages.is_firing);
  EXPECT_EQ(pages.out.find("NodeDiskFull"), std::string::npos) << "it is pending";
  OnCall none;
  arguments.matchers = {"severity=nothing"};
  ASSERT_TRUE(none.Run(arguments).ok());
  EXPECT_TRUE(none.is_empty);
  EXPECT_FALSE(none.is_firing);
}

TEST(OnCallVerbs, ExplainShowsTheTreeWithValues) {
  OnCall run;
  run.screen.columns = 120;
  run.transport.Answer("/api/v1/query",
                       ApiResponse{200,
                                   R"({"status":"success","data":{"resultType":"vector",
"result":[{"metric":{"service":"checkout","region":"eu","pod":"pay-1"},"value":[1795414780,
"0.5"]},{"metric":{"service":"other"},"value":[1795414780,"7"]}]}})"});
  run.transport.Answer("/api/v1/baro/alerts/history",
                       ApiResponse{200, R"({"status":"success","data":[]})"});
  AlertExplainArguments arguments;
  arguments.id = "00ff";
  ASSERT_TRUE(run.Run(arguments).ok());
  ExpectInOrder(run.out, {"CheckoutFails firing", "labels", "fires since", "for", "2m", "runbook",
                          "docs/runbooks/checkout.md", "acknowledged", "by ana: rolling back",
                          "EXPRESSION", "VALUE", "0.5", "pay-1", "├─", "└─"});
  EXPECT_EQ(run.out.find("other"), std::string::npos) << "series of other alerts are left out";
}

TEST(OnCallVerbs, AnIdThatIsAmbiguousIsRefusedWithTheCandidates) {
  OnCall run;
  AlertExplainArguments arguments;
  arguments.id = "ffff";
  EXPECT_EQ(run.Run(arguments).code(), absl::StatusCode::kInvalidArgument);
}

TEST(OnCallVerbs, AckSilencesExactlyTheAlertAndTellsTheCollector) {
  OnCall run;
  run.manager.Answer("/api/v2/silences", ApiResponse{200, R"({"silenceID":"s-9"})"});
  run.transport.Answer("/api/v1/baro/alerts/ack",
                       ApiResponse{200, R"({"status":"success","data":null})"});
  AckArguments arguments;
  arguments.id = "CheckoutFails";
  arguments.author = "ana";
  arguments.comment = "looking";
  ASSERT_TRUE(run.Run(arguments).ok());
  const ApiRequest& silence = run.manager.requests.back();
  EXPECT_EQ(
      silence.body,
      R"({"matchers":[{"name":"alertname","value":"CheckoutFails","isRegex":false,)"
      R"("isEqual":true},{"name":"region","value":"eu","isRegex":false,"isEqual":true},{"name":"service",)"
      R"("value":"checkout","isRegex":false,"isEqual":true},{"name":"severity","value":"page",)"
      R"("isRegex":false,"isEqual":true}],"startsAt":"2026-11-23T06:19:40.000Z",)"
      R"("endsAt":"2026-11-23T10:19:40.000Z","createdBy":"ana","comment":"ACK looking"})");
  EXPECT_NE(run.transport.requests.back().form.find("id=00ff12ab34cd56ef"), std::string::npos);
  EXPECT_NE(run.transport.requests.back().form.find("silence=s-9"), std::string::npos);
  EXPECT_NE(run.out.find("acknowledged"), std::string::npos);
}

TEST(OnCallVerbs, ADryRunSaysWhatWouldMatchAndChangesNothing) {
  OnCall run;
  SilenceAddArguments arguments;
  arguments.matchers = {"alertname=~Node.*"};
  arguments.dry_run = true;
  ASSERT_TRUE(run.Run(arguments).ok());
  ExpectInOrder(run.out, {"matches 2 of 3 alerts now", "NodeOomKill", "NodeDiskFull", "--dry-run"});
  EXPECT_TRUE(run.manager.requests.empty());
}

TEST(OnCallVerbs, SilencesAreListedAndEnded) {
  OnCall run;
  ASSERT_TRUE(run.Run(SilenceListArguments{}).ok());
  ExpectInOrder(run.out, {"active", "40m 20s left", "ben", "abc-1", "alertname=~", "known leak"});
  EXPECT_EQ(run.out.find("old-2"), std::string::npos) << "it is over";
  run.manager.Answer("/api/v2/silence/abc-1", ApiResponse{200, ""});
  SilenceExpireArguments expire;
  expire.ids = {"abc"};
  ASSERT_TRUE(run.Run(expire).ok());
  EXPECT_EQ(run.manager.requests.back().method, "DELETE");
  expire.ids = {"zzz"};
  EXPECT_EQ(run.Run(expire).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Matchers, AreReadAsAlertmanagerWritesThem) {
  EXPECT_EQ(MatcherText(*ParseMatcher("Down")), "alertname=\"Down\"");
  EXPECT_EQ(MatcherText(*ParseMatcher("a!~\"b.*\"")), "a!~\"b.*\"");
  EXPECT_EQ(MatcherText(*ParseMatcher("a=")), "a=\"\"");
  for (const char* bad : {"", "=b", "a~b", "a=~(", "{a=b}", "a b"}) {
    EXPECT_FALSE(ParseMatcher(bad).ok()) << bad;
  }
  const LabelSet labels = {{"a", "bc"}};
  EXPECT_FALSE(*MatchesAll({{"a", "b", true, true}}, labels)) << "a regex is anchored";
  EXPECT_TRUE(*MatchesAll({{"missing", "", false, true}}, labels));
}

}  // namespace
}  // namespace baro::cli
