// What is saved comes back; damage is found.
#include <gtest/gtest.h>

#include "state_codec.h"

namespace baro::rules {
namespace {

std::map<model::Labels, ActiveAlert> TwoAlerts() {
  ActiveAlert alert;
  alert.state = AlertState::kFiring;
  alert.labels = model::Labels{{"alertname", "A"}, {"instance", "x"}};
  alert.annotations = {{"summary", "text"}, {"empty", ""}};
  alert.source = model::Labels{{"instance", "x"}};
  alert.value = -1.5;
  alert.active_at_ns = -5;
  alert.fired_at_ns = 7;
  alert.keep_firing_since_ns = 1'700'000'000'123'456'789;
  alert.found = 0xf0;
  ActiveAlert second = alert;
  second.state = AlertState::kInactive;
  second.resolved_at_ns = 9;
  second.without_data = true;
  second.labels.Set("instance", "y");
  return {{alert.labels, alert}, {second.labels, second}};
}

TEST(StateCodec, GivesBackWhatWasSaved) {
  const auto alerts = TwoAlerts();
  const auto decoded = DecodeAlerts(EncodeAlerts(alerts));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->size(), 2u);
  std::map<model::Labels, ActiveAlert> again;
  for (const ActiveAlert& alert : *decoded) again.emplace(alert.labels, alert);
  EXPECT_EQ(EncodeAlerts(again), EncodeAlerts(alerts));
  EXPECT_EQ((*decoded)[0].keep_firing_since_ns, 1'700'000'000'123'456'789);
  const auto mark = DecodeGroupMark(EncodeGroupMark({123, 456}));
  ASSERT_TRUE(mark.ok());
  EXPECT_EQ(mark->last_evaluation_ns, 123);
}

TEST(StateCodec, RefusesEveryTruncation) {
  const std::string good = EncodeAlerts(TwoAlerts());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(DecodeAlerts(std::string_view(good).substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_FALSE(DecodeAlerts(good + "x").ok());
  EXPECT_FALSE(DecodeGroupMark("").ok());
}

}  // namespace
}  // namespace baro::rules
