// A section changes its columns when, and only when, the series put into it change.

#include "section.h"

#include "node_testing.h"

namespace baro::agent {
namespace {

constexpr Family kPlain{"plain", "Help."};
constexpr Family kByDevice{"by_device", "Help.", model::MetricType::kCounter, {"device"}};

std::vector<double> ValuesOf(const Section& section) {
  std::vector<double> row;
  section.AppendValues(&row);
  return row;
}

void PutDevices(Section* section, std::initializer_list<std::string_view> devices) {
  section->Begin();
  section->Put(kPlain, 1);
  double value = 10;
  for (const std::string_view device : devices) section->Put(kByDevice, {device}, value++);
  section->End();
}

TEST(Section, KeepsItsColumnsWhileTheSeriesStay) {
  Section section;
  PutDevices(&section, {"a", "b"});
  EXPECT_TRUE(section.TakeChanged());
  PutDevices(&section, {"a", "b"});
  EXPECT_FALSE(section.TakeChanged());
  ASSERT_EQ(section.columns().size(), 3u);
  EXPECT_EQ(section.columns()[2].labels.ToString(), "by_device{device=\"b\"}");
  EXPECT_EQ(section.columns()[2].metadata.type, model::MetricType::kCounter);
  EXPECT_EQ(ValuesOf(section), (std::vector<double>{1, 10, 11}));
}

TEST(Section, FollowsDevicesThatComeAndGo) {
  Section section;
  for (const auto& devices : std::vector<std::vector<std::string>>{
           {"a", "b"}, {"b"}, {"b", "c", "d"}, {}, {"d"}, {"c", "d"}}) {
    section.Begin();
    section.Put(kPlain, 1);
    for (const std::string& device : devices) section.Put(kByDevice, {device}, 2);
    section.End();
    EXPECT_TRUE(section.TakeChanged());
    ASSERT_EQ(section.columns().size(), devices.size() + 1);
    for (size_t i = 0; i < devices.size(); ++i) {
      EXPECT_EQ(section.columns()[i + 1].labels.Get("device"), devices[i]);
    }
    EXPECT_EQ(ValuesOf(section).size(), devices.size() + 1);
  }
}

TEST(Section, KeepsItsColumnsOverAFailureAndAPause) {
  Section section;
  PutDevices(&section, {"a"});
  EXPECT_TRUE(section.TakeChanged());
  section.Begin();
  section.Put(kPlain, 5);
  section.Fail();
  EXPECT_FALSE(section.TakeChanged());
  for (const double value : ValuesOf(section)) EXPECT_TRUE(model::IsStaleNan(value));
  section.Skip();
  for (const double value : ValuesOf(section)) EXPECT_TRUE(model::IsNoSample(value));
  PutDevices(&section, {"a"});
  EXPECT_FALSE(section.TakeChanged());
  EXPECT_EQ(ValuesOf(section), (std::vector<double>{1, 10}));
}

TEST(Section, TellsASeriesThatIsPutTwiceOnce) {
  Section section;
  PutDevices(&section, {"a", "a", "b"});
  EXPECT_EQ(section.columns().size(), 3u);
  EXPECT_EQ(ValuesOf(section), (std::vector<double>{1, 10, 12}));
}

TEST(Section, DropsAndCountsWhatIsTooMuch) {
  Section section;
  for (int pass = 1; pass <= 2; ++pass) {
    section.Begin();
    for (size_t i = 0; i < kSectionValuesMax + 7; ++i) section.Put(kPlain, 1);
    section.End();
    EXPECT_EQ(section.values_dropped(), 7u * static_cast<unsigned>(pass));
  }
}

TEST(Section, MakesEveryLabelValidUtf8) {
  Section section;
  PutDevices(&section, {"a\xFF"
                        "b",
                        "\xE2\x82\xAC", "\xED\xA0\x80", "\xF5"});
  EXPECT_EQ(section.columns()[1].labels.Get("device"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(section.columns()[2].labels.Get("device"), "\xE2\x82\xAC");
  EXPECT_EQ(section.columns()[3].labels.Get("device"),
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  PutDevices(&section, {"a\xFF"
                        "b",
                        "\xE2\x82\xAC", "\xED\xA0\x80", "\xF5"});
  section.TakeChanged();
  PutDevices(&section, {"a\xFF"
                        "b",
                        "\xE2\x82\xAC", "\xED\xA0\x80", "\xF5"});
  EXPECT_FALSE(section.TakeChanged());
}

}  // namespace
}  // namespace baro::agent
