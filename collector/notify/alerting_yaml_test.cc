// What status/config shows of `alerting` can be read again and holds no secret.
#include "notify/alerting_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baro::collector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Print(std::string_view yaml) {
  const auto node = base::ParseYaml(yaml, "c.yml");
  EXPECT_TRUE(node.ok()) << node.status();
  return node.ok() ? PrintAlerting(*node) : std::string();
}

TEST(AlertingYaml, ShowsWhatWasWritten) {
  EXPECT_EQ(Print("alertmanagers: [{timeout: 5s, static_configs: [{targets: [a:1]}]}]\n"
                  "queue: {alerts_max: 7}\n"),
            "alerting:\n  alertmanagers:\n"
            "    - {\"timeout\": 5s, \"static_configs\": [{\"targets\": [\"a:1\"]}]}\n"
            "  queue: {\"alerts_max\": 7}\n");
  EXPECT_EQ(Print(""), "");
}

TEST(AlertingYaml, ShowsNoSecret) {
  const std::string text = Print(
      "alertmanagers: [{basic_auth: {username: u, password: S1, password_file: f}}]\n"
      "webhooks: [{url: 'http://u:S2@h/x', headers: {A: S3}, authorization: {credentials: S4}, "
      "tls_config: {key: S5}, http_headers: {X: {values: [S6], secrets: [S7]}}}]\n");
  for (const char* secret : {"S1", "S2", "S3", "S4", "S5", "S6", "S7"}) {
    EXPECT_THAT(text, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(text, HasSubstr(R"("password": "<secret>")"));
  EXPECT_THAT(text, HasSubstr(R"("password_file": f)"));
  EXPECT_TRUE(base::ParseYaml(text, "again.yml").ok());
}

}  // namespace
}  // namespace baro::collector
