// The dictionary: numbers, limits, components, what a restart brings back.
#include "dictionary.h"

#include <gtest/gtest.h>

#include "component.h"
#include "selector.h"

namespace baro::tsdb {
namespace {

using model::Labels;

const std::string kComponent = std::string(1, kComponentPrefix) + "b";

// A dictionary that has read all that another one has pending, as after a restart.
std::unique_ptr<Dictionary> Restarted(const Dictionary& before, Limits limits = {}) {
  std::vector<Dictionary::Entry> entries = before.Pending();
  std::map<std::string, std::string> on_disk(entries.begin(), entries.end());
  auto after = std::make_unique<Dictionary>(limits);
  for (const char kind : std::string_view("ctlbm")) {
    for (const auto& [key, value] : on_disk) {
      if (key.front() != kind) continue;
      const absl::Status status = after->Load(key, value);
      EXPECT_TRUE(status.ok()) << status;
    }
  }
  return after;
}

TEST(Dictionary, KeepsComponentsOutOfSelectionButFindsThemByTheirBase) {
  Dictionary dictionary{Limits{}};
  const Labels series{{"__name__", "latency"}, {"path", "/"}, {"job", "app"}};
  Labels first = series;
  first.Set(kComponent, "1");
  Labels second = series;
  second.Set(kComponent, "2");
  const SeriesId one = *dictionary.DeclareSeries(first);
  const SeriesId base = *dictionary.DeclareSeries(series);
  const SeriesId two = *dictionary.DeclareSeries(second);
  EXPECT_LT(base.column, one.column);
  EXPECT_EQ(dictionary.DeclareSeries(first)->column, one.column);
  const auto restarted = Restarted(dictionary);
  for (const Dictionary* each : {&dictionary, restarted.get()}) {
    EXPECT_EQ(each->ComponentsOf(base.column), (std::vector<ColumnId>{one.column, two.column}));
    EXPECT_TRUE(each->ComponentsOf(one.column).empty());
    each->With([&](const LabelTable& targets, const LabelTable& columns) {
      const auto all = EvaluateSelector({}, targets.postings(), columns.postings());
      ASSERT_EQ(all.size(), 1u);
      EXPECT_EQ(all[0].columns, Roaring::bitmapOf(1, base.column));
      EXPECT_EQ(columns.postings().Carriers(kComponent), nullptr);
    });
  }
}

}  // namespace
}  // namespace baro::tsdb
