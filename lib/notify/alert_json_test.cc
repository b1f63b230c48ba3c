// What goes on the wire is what Prometheus and Alertmanager put there.
#include "alert_json.h"

#include <gtest/gtest.h>

#include "baro/notify/fingerprint.h"
#include "testing_alerts.h"

namespace baro::notify {
namespace {

ParcelItem Item(model::Alert alert, bool resolved) {
  ParcelItem item;
  item.fingerprint = Fingerprint(alert.labels);
  item.resolved = resolved;
  item.alert = std::move(alert);
  return item;
}

TEST(AlertJson, WritesTimesAsPrometheusAndAsGo) {
  EXPECT_EQ(ApiTime(1'700'000'000'000), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(ApiTime(1'700'000'000'120), "2023-11-14T22:13:20.120Z");
  EXPECT_EQ(GoTime(1'700'000'000'000), "2023-11-14T22:13:20Z");
  EXPECT_EQ(GoTime(1'700'000'000'120), "2023-11-14T22:13:20.12Z");
}

TEST(AlertJson, WritesAlertmanagersApi) {
  EXPECT_EQ(AlertmanagerBody({Item(Firing("a", kNow), false)}),
            R"([{"annotations":{"summary":"it is slow"},"endsAt":"2023-11-14T22:17:20.000Z",)"
            R"("startsAt":"2023-11-14T22:13:20.000Z",)"
            R"("generatorURL":"http://localhost:9490/graph?g0.expr=up",)"
            R"("labels":{"alertname":"a","job":"api"}}])");
}

TEST(AlertJson, LeavesOutAUrlThatWouldCostTheBatch) {
  model::Alert alert = Firing("a", kNow);
  for (const char* bad : {"not a url", "graph?x", "http://h/%zz", "://h", "1http://h"}) {
    EXPECT_FALSE(IsRequestUri(bad)) << bad;
    alert.generator_url = bad;
    EXPECT_EQ(AlertmanagerBody({Item(alert, false)}).find("generatorURL"), std::string::npos);
  }
  for (const char* good : {"http://h:1/g?x=%20", "/graph", "https://[::1]/"}) {
    EXPECT_TRUE(IsRequestUri(good)) << good;
  }
}

TEST(AlertJson, EscapesWhatJsonCannotHold) {
  std::string json;
  AppendJsonText("a\"b\\c\nd\x01\xff\xc3\xa4\xed\xa0\x80", &json);
  EXPECT_EQ(json,
            "\"a\\\"b\\\\c\\nd\\u0001\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd"
            "\xef\xbf\xbd\"");
}

TEST(AlertJson, WritesAlertmanagersWebhook) {
  const model::Labels group = {{"alertname", "a"}};
  model::Alert other = Resolved("a", kNow + 5);
  other.labels.Set("job", "db");
  const std::string body = WebhookBody({"on.call", "http://b:1", "{}:{alertname=\"a\"}", &group, 0},
                                       {Item(Firing("a", kNow), false), Item(other, true)});
  EXPECT_EQ(body, R"({"receiver":"on\\.call","status":"firing","alerts":[)"
                  R"({"status":"firing","labels":{"alertname":"a","job":"api"},)"
                  R"("annotations":{"summary":"it is slow"},"startsAt":"2023-11-14T22:13:20Z",)"
                  R"("endsAt":"0001-01-01T00:00:00Z",)"
                  R"("generatorURL":"http://localhost:9490/graph?g0.expr=up","fingerprint":")" +
                      FingerprintText(Fingerprint({{"alertname", "a"}, {"job", "api"}})) +
                      R"("},{"status":"resolved","labels":{"alertname":"a","job":"db"},)"
                      R"("annotations":{"summary":"it is slow"},"startsAt":"2023-11-14T22:13:20Z",)"
                      R"("endsAt":"2023-11-14T22:13:20.005Z",)"
                      R"("generatorURL":"http://localhost:9490/graph?g0.expr=up","fingerprint":")" +
                      FingerprintText(Fingerprint({{"alertname", "a"}, {"job", "db"}})) +
                      R"("}],"groupLabels":{"alertname":"a"},"commonLabels":{"alertname":"a"},)"
                      R"("commonAnnotations":{"summary":"it is slow"},"externalURL":"http://b:1",)"
                      R"("version":"4","groupKey":"{}:{alertname=\"a\"}","truncatedAlerts":0})"
                      "\n");
}

TEST(AlertJson, CutsAMessageThatWouldBeTooLong) {
  const model::Labels group;
  const std::string body =
      WebhookBody({"r", "", "{}:{}", &group, 1},
                  {Item(Resolved("a", kNow), true), Item(Firing("b", kNow), false)});
  EXPECT_NE(body.find(R"("truncatedAlerts":1)"), std::string::npos);
  EXPECT_EQ(body.find(R"("alertname":"b")"), std::string::npos);
}

// Alertmanager's own, of an alert that went through it (tests/e2e/notifications.py compares more).
TEST(Fingerprint, IsAlertmanagers) {
  EXPECT_EQ(FingerprintText(Fingerprint({})), "cbf29ce484222325");
}

}  // namespace
}  // namespace baro::notify
