// The store's parts alone: sequence sets, keys, values, postings, row groups, the dictionary.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "baro/model/sample.h"
#include "dictionary.h"
#include "journal_record.h"
#include "keys.h"
#include "part.h"
#include "row_group.h"
#include "selector.h"
#include "sequence_set.h"
#include "slot_value.h"
#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using model::MatchType;
using testing::Bits;
using testing::Match;

TEST(SequenceSet, JoinsNeighboursAndSurvivesTheTopOfTheRange) {
  SequenceSet set;
  set.Add(5, 6);
  set.Add(1, 2);
  EXPECT_EQ(set.Ranges(), (std::vector<SequenceRange>{{1, 2}, {5, 6}}));
  set.Add(3, 4);
  EXPECT_EQ(set.Ranges(), (std::vector<SequenceRange>{{1, 6}}));
  set.Add(UINT64_MAX, UINT64_MAX);
  set.Add(UINT64_MAX - 1, UINT64_MAX - 1);
  EXPECT_TRUE(set.HasAll(UINT64_MAX - 1, UINT64_MAX));
  EXPECT_FALSE(set.HasAll(6, 7));
  std::string bytes;
  set.Encode(&bytes);
  SequenceSet again;
  std::string_view rest = bytes;
  ASSERT_TRUE(SequenceSet::Decode(&rest, &again));
  EXPECT_EQ(again, set);
}

TEST(SequenceSet, AgreesWithAPlainSet) {
  std::mt19937 random(1);
  SequenceSet set;
  std::set<uint64_t> plain;
  for (int i = 0; i < 300; ++i) {
    const uint64_t first = 1 + random() % 200;
    const uint64_t last = first + random() % 5;
    set.Add(first, last);
    for (uint64_t s = first; s <= last; ++s) plain.insert(s);
    for (uint64_t s = 1; s < 210; ++s) ASSERT_EQ(set.Has(s), plain.contains(s)) << s;
  }
}

TEST(Keys, SlotsSortAsTimesDoBeforeAndAfter1970) {
  constexpr int64_t kSlotMs = 1'800'000;
  const int64_t times[] = {INT64_MIN, -kSlotMs - 1, -kSlotMs, -1, 0, 1, kSlotMs, INT64_MAX};
  for (size_t i = 1; i < std::size(times); ++i) {
    EXPECT_LE(SlotOf(times[i - 1], kSlotMs), SlotOf(times[i], kSlotMs)) << times[i];
  }
  EXPECT_NE(SlotOf(-1, kSlotMs), SlotOf(0, kSlotMs));
  EXPECT_EQ(SlotOf(0, kSlotMs), SlotOf(kSlotMs - 1, kSlotMs));
  const SlotKey key{kRawClass, 7, 8, 9, kTimesBlock, 10};
  SlotKey again;
  ASSERT_TRUE(DecodeSlotKey(EncodeSlotKey(key), &again));
  EXPECT_EQ(again, key);
  EXPECT_FALSE(DecodeSlotKey("short", &again));
}

TEST(SlotValue, RefusesEveryTruncation) {
  const std::vector<double> values = {1, 2, 3, 0.5, -0.0, 9};
  const std::string good = EncodeSlotValues(3, values);
  const auto parsed = SlotValues::Parse(good);
  ASSERT_TRUE(parsed.ok());
  std::vector<double> column(3);
  ASSERT_TRUE(parsed->Decode(1, column).ok());
  EXPECT_EQ(Bits(column[1]), Bits(-0.0));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(SlotValues::Parse(std::string_view(good).substr(0, size)).ok()) << size;
  }
}

TEST(JournalRecord, GivesBackABatchAndRefusesEveryTruncation) {
  SampleBatch batch;
  batch.series = {{1, 2}, {UINT32_MAX, 0}, {0, UINT32_MAX}};
  batch.times_ms = {INT64_MIN, INT64_MAX, 0};
  batch.values = {-0.0, 5, model::kStaleNan};
  const std::string good = EncodeJournalRecord(batch);
  const auto record = DecodeJournalRecord(good);
  ASSERT_TRUE(record.ok()) << record.status();
  const auto& again = std::get<SampleBatch>(*record);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(again.series[i].target, batch.series[i].target);
    EXPECT_EQ(again.series[i].column, batch.series[i].column);
    EXPECT_EQ(again.times_ms[i], batch.times_ms[i]);
    EXPECT_EQ(Bits(again.values[i]), Bits(batch.values[i]));
  }
  for (size_t size = 0; size < good.size(); ++size) {
    const auto cut = DecodeJournalRecord(std::string_view(good).substr(0, size));
    EXPECT_EQ(cut.status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

// Rows of random change, columns that come later, cells set in any order, read in random windows.
TEST(RowGroup, GivesBackEveryCellAcrossBlocks) {
  std::mt19937 random(2);
  RowGroup group(nullptr);
  std::vector<std::vector<double>> rows;
  for (int row = 0; row < 700; ++row) {
    if (row == 0 || (row % 90 == 0 && group.column_count() < 100)) {
      for (uint32_t i = 0; i < 9; ++i) group.AddColumn(static_cast<ColumnId>(group.column_count()));
    }
    group.Open(row * 1000);
    rows.emplace_back(group.column_count(), model::kNoSample);
    for (uint32_t c = 0; c < group.column_count(); ++c) {
      if (random() % 5 == 0) continue;
      rows.back()[c] = static_cast<double>(random() % 3);
      group.SetCell(c, rows.back()[c]);
    }
  }
  for (int i = 0; i < 2000; ++i) {
    const size_t column = random() % group.column_count();
    const size_t begin = random() % rows.size();
    const size_t end = begin + 1 + random() % (rows.size() - begin);
    std::vector<double> values(end - begin);
    ASSERT_TRUE(group.Read(column, begin, end, values.data()).ok());
    for (size_t row = begin; row < end; ++row) {
      const double expected = column < rows[row].size() ? rows[row][column] : model::kNoSample;
      ASSERT_EQ(Bits(values[row - begin]), Bits(expected)) << column << " row " << row;
    }
  }
}

TEST(Dictionary, NamesTheLimitThatRefuses) {
  Limits limits;
  limits.series_per_target_max = 2;
  limits.label_value_bytes_max = 8;
  Dictionary dictionary(limits);
  const model::Layout layout = testing::MakeLayout({"a", "far_too_long", "b", "c"});
  EXPECT_EQ(dictionary.DeclareTarget({{"job", "x"}}, layout.Hash()).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(dictionary.DeclareLayout(layout).ok());
  const auto declared = dictionary.DeclareTarget({{"job", "x"}}, layout.Hash());
  ASSERT_TRUE(declared.ok());
  ASSERT_EQ(declared->rejected.size(), 2U);
  EXPECT_EQ(declared->rejected[0].reason, "label_value_bytes_max");
  EXPECT_EQ(declared->rejected[0].column, 1U);
  EXPECT_EQ(declared->rejected[1].reason, "series_per_target_max");
  const auto binding = dictionary.FindBinding(declared->target, declared->layout);
  EXPECT_EQ(binding->kept, (std::vector<uint32_t>{0, 2}));
  EXPECT_FALSE(dictionary.DeclareSeries({{"__name__", "far_too_long"}}).ok());
  EXPECT_TRUE(dictionary.DeclareSeries({{"__name__", "a"}, {"job", "y"}}).ok());
  const model::Layout twice = testing::MakeLayout({"a", "a"});
  EXPECT_EQ(dictionary.DeclareLayout(twice).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Dictionary, KeepsNothingOfWhatItRefuses) {
  Limits limits;
  limits.series_max = 2;
  limits.series_per_target_max = 1;
  limits.label_value_bytes_max = 8;
  Dictionary dictionary(limits);
  ASSERT_TRUE(dictionary.DeclareSeries({{"__name__", "a"}, {"job", "x"}}).ok());
  const model::Layout layout = testing::MakeLayout({"a", "far_too_long"});
  ASSERT_TRUE(dictionary.DeclareLayout(layout).ok());
  ASSERT_TRUE(dictionary.DeclareSeries({{"__name__", "a"}, {"job", "y"}}).ok());
  const size_t pending = dictionary.Pending().size();
  const size_t targets = dictionary.target_count();
  const size_t columns = dictionary.column_count();
  for (int i = 0; i < 10; ++i) {
    const std::string text = std::to_string(i);
    EXPECT_FALSE(dictionary.DeclareSeries({{"__name__", "a"}, {"job", text}}).ok());
    EXPECT_FALSE(dictionary.DeclareSeries({{"__name__", "b" + text}, {"job", "x"}}).ok());
    EXPECT_EQ(dictionary.DeclareTarget({{"job", text}}, layout.Hash()).status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_FALSE(dictionary.DeclareLayout(testing::MakeLayout({text, text})).ok());
  }
  EXPECT_EQ(dictionary.Pending().size(), pending);
  EXPECT_EQ(dictionary.target_count(), targets);
  EXPECT_EQ(dictionary.column_count(), columns);
  EXPECT_TRUE(dictionary.DeclareSeries({{"__name__", "a"}, {"job", "x"}}).ok()) << "known";
  for (const auto& [key, value] : dictionary.Pending()) {
    EXPECT_TRUE(key.front() == kMetadataKey || value.find("far_too_long") == std::string::npos);
  }
}

TEST(JournalRecord, KeepsTheLatestTimeAccepted) {
  FrameBatch frames;
  frames.body = "x";
  frames.targets = {{1, 2}};
  frames.time_ms_max = -5;
  SampleBatch samples;
  samples.time_ms_max = 7;
  const auto frames_again = DecodeJournalRecord(EncodeJournalRecord(frames));
  const auto samples_again = DecodeJournalRecord(EncodeJournalRecord(samples));
  ASSERT_TRUE(frames_again.ok() && samples_again.ok());
  EXPECT_EQ(std::get<FrameBatch>(*frames_again).time_ms_max, -5);
  EXPECT_EQ(std::get<FrameBatch>(*frames_again).body, "x");
  EXPECT_EQ(std::get<SampleBatch>(*samples_again).time_ms_max, 7);
  const std::string good = EncodeJournalRecord(frames);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(DecodeJournalRecord(std::string_view(good).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeJournalRecord(good.substr(0, 2) + good).ok()) << "nested";
}

TEST(Dictionary, LoadsWhatItLeftPending) {
  Dictionary before{Limits()};
  const model::Layout layout = testing::MakeLayout({"a", "b"});
  ASSERT_TRUE(before.DeclareLayout(layout).ok());
  const auto declared = before.DeclareTarget({{"job", "x"}}, layout.Hash());
  ASSERT_TRUE(declared.ok());
  Dictionary after{Limits()};
  for (const char kind : {kColumnKey, kTargetKey, kLayoutKey, kBindingKey, kMetadataKey}) {
    for (const auto& [key, value] : before.Pending()) {
      if (key.front() != kind) continue;
      ASSERT_TRUE(after.Load(key, value).ok());
    }
  }
  EXPECT_TRUE(after.KnowsLayout(layout.Hash()));
  EXPECT_EQ(after.DeclareTarget({{"job", "x"}}, layout.Hash())->target, declared->target);
  EXPECT_TRUE(after.Pending().empty());
  EXPECT_EQ(after.MetricMetadata("a", 0).size(), 1U);
}

// Every selector of a few matchers against the plain rule on the merged labels.
TEST(Selector, AgreesWithThePlainRuleOnWholeLabelSets) {
  LabelTable targets;
  LabelTable columns;
  std::mt19937 random(3);
  const auto pick = [&](const char* name, std::vector<model::Label>* labels) {
    if (random() % 2 == 0) labels->push_back({name, std::string(1, "xyz"[random() % 3])});
  };
  const auto fill = [&](LabelTable* table, std::initializer_list<const char*> names) {
    for (int i = 0; i < 40; ++i) {
      std::vector<model::Label> labels;
      for (const char* name : names) pick(name, &labels);
      const Labels set = Labels::FromUnsorted(labels);
      static_cast<void>(table->TryInsert(table->size(), ViewsOf(set)));
    }
  };
  fill(&targets, {"a", "b", "c"});
  fill(&columns, {"b", "c", "d"});
  const std::vector<std::string> values = {"x", "", "x|y", ".*", ".+", "[yz]", "(x)?"};
  for (int i = 0; i < 500; ++i) {
    std::vector<model::Matcher> matchers;
    for (uint64_t m = 0; m < 1 + random() % 3; ++m) {
      matchers.push_back(Match(static_cast<MatchType>(random() % 4),
                               std::string(1, "abcde"[random() % 5]),
                               values[random() % values.size()]));
    }
    const auto rectangles = EvaluateSelector(matchers, targets.postings(), columns.postings());
    for (uint32_t t = 0; t < targets.size(); ++t) {
      for (uint32_t c = 0; c < columns.size(); ++c) {
        const model::Labels of_target = targets.Materialise(t);
        const model::Labels of_column = columns.Materialise(c);
        const model::LabelsRef series{&of_target, &of_column};
        const bool expected =
            std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
              return matcher.Matches(series.Get(matcher.name()));
            });
        const auto found =
            std::count_if(rectangles.begin(), rectangles.end(), [&](const Rectangle& rectangle) {
              return rectangle.targets.contains(t) && rectangle.columns.contains(c);
            });
        ASSERT_EQ(found, expected ? 1 : 0) << matchers[0].ToString();
      }
    }
  }
}

}  // namespace
}  // namespace baro::tsdb
