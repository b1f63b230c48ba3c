// Alertmanager's webhooks are read, and nothing else is.
#include "baro/notify/alertmanager_webhook.h"

#include <gtest/gtest.h>

#include "alert_json.h"
#include "baro/base/strings.h"
#include "baro/notify/fingerprint.h"
#include "testing_alerts.h"

namespace baro::notify {
namespace {

void ExpectRefused(std::string_view body, std::string_view words) {
  const auto notice = ParseWebhookNotice(body);
  ASSERT_FALSE(notice.ok()) << body;
  EXPECT_NE(notice.status().message().find(base::ToAbsl(words)), absl::string_view::npos)
      << notice.status();
}

TEST(AlertmanagerWebhook, ReadsWhatOurOwnWebhooksSay) {
  ParcelItem item;
  item.alert = Firing("a", kNow);
  item.fingerprint = Fingerprint(item.alert.labels);
  const model::Labels group = {{"alertname", "a"}};
  const auto notice =
      ParseWebhookNotice(WebhookBody({"pager", "http://b:1", "{}:{}", &group, 0}, {item}));
  ASSERT_TRUE(notice.ok()) << notice.status();
  EXPECT_EQ(notice->receiver, "pager");
  EXPECT_TRUE(notice->firing);
  EXPECT_EQ(notice->external_url, "http://b:1");
  ASSERT_EQ(notice->alerts.size(), 1U);
  EXPECT_EQ(notice->alerts[0].labels, item.alert.labels);
  EXPECT_EQ(notice->alerts[0].fingerprint, item.fingerprint);
}

TEST(AlertmanagerWebhook, FindsTheFingerprintThatOldVersionsDoNotGive) {
  const auto notice =
      ParseWebhookNotice(R"({"version":"4","status":"resolved","alerts":[{"status":"resolved",)"
                         R"("labels":{"alertname":"a","job":"api"}}]})");
  ASSERT_TRUE(notice.ok()) << notice.status();
  EXPECT_EQ(notice->alerts[0].fingerprint, Fingerprint({{"alertname", "a"}, {"job", "api"}}));
}

TEST(AlertmanagerWebhook, NamesWhatIsWrong) {
  ExpectRefused("", "is not JSON");
  ExpectRefused("[]", "body is no object");
  ExpectRefused(R"({"status":"firing","alerts":[]})", "version is not \"4\"");
  ExpectRefused(R"({"version":4,"status":"firing","alerts":[]})", "version is no string");
  ExpectRefused(R"({"version":"4","status":"sad","alerts":[]})", "status is neither");
  ExpectRefused(R"({"version":"4","status":"firing"})", "alerts is no list");
  ExpectRefused(R"({"version":"4","status":"firing","alerts":[1]})", "hold what is no object");
  ExpectRefused(R"({"version":"4","status":"firing","alerts":[{"status":"firing"}]})",
                "labels is no object");
  ExpectRefused(
      R"({"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"a":1}}]})",
      "labels hold what is no string");
  ExpectRefused(R"({"version":"4","status":"firing","alerts":[{"status":"firing","labels":{},)"
                R"("fingerprint":"xyz"}]})",
                "fingerprint is not 16");
  ExpectRefused(R"({"version":"4","status":"firing","alerts":[],"truncatedAlerts":-1})",
                "truncatedAlerts is no count");
}

TEST(AlertmanagerWebhook, BoundsTheNumberOfAlerts) {
  std::string body = R"({"version":"4","status":"firing","alerts":[)";
  for (size_t i = 0; i <= kWebhookAlertsMax; ++i) {
    base::StrAppend(&body, i == 0 ? "" : ",", R"({"status":"firing","labels":{}})");
  }
  EXPECT_EQ(ParseWebhookNotice(body + "]}").status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace baro::notify
