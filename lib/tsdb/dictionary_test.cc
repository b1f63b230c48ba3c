// The dictionary and its index: against the plain rule while label sets come and go, over restarts,
// and the limits.
#include "dictionary.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "keys.h"
#include "selector.h"
#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using testing::MakeLayout;
using testing::Match;

// What is on disk: pending entries written, pending removals deleted.
class Disk {
 public:
  void Write(Dictionary* dictionary) {
    const Dictionary::Unwritten unwritten = dictionary->NotWritten();
    for (const std::string& key : unwritten.removals) entries_.erase(key);
    for (const auto& [key, value] : unwritten.entries) entries_[key] = value;
    dictionary->PendingIsDurable(unwritten.pending);
    dictionary->RemovalsAreDurable(unwritten.removals.size());
  }
  std::unique_ptr<Dictionary> Load(Limits limits = {}) const {
    auto dictionary = std::make_unique<Dictionary>(limits);
    for (const char kind :
         {kNextKey, kColumnKey, kTargetKey, kLayoutKey, kBindingKey, kMetadataKey}) {
      for (const auto& [key, value] : entries_) {
        if (key.front() != kind) continue;
        const absl::Status status = dictionary->Load(key, value);
        EXPECT_TRUE(status.ok()) << status;
      }
    }
    dictionary->LoadingIsDone();
    return dictionary;
  }
  size_t size() const { return entries_.size(); }

 private:
  std::map<std::string, std::string> entries_;
};

uint32_t Seed() {
  const char* text = std::getenv("BARO_SEED");
  return text != nullptr ? static_cast<uint32_t>(std::atoi(text)) : std::random_device()();
}

// Label sets of which either half may carry a name, values may be empty and names may not be UTF-8.
class RandomLabels {
 public:
  explicit RandomLabels(uint32_t seed) : random_(seed) {}
  uint32_t Below(size_t bound) { return static_cast<uint32_t>(random_() % bound); }
  Labels Next() {
    std::vector<model::Label> labels;
    for (const char* name : {"__name__", "a", "b", "job", "pod", "uid"}) {
      if (Below(3) != 0) labels.push_back({name, kValues[Below(kValues.size())]});
    }
    return Labels::FromUnsorted(std::move(labels));
  }
  std::vector<model::Matcher> Selector() {
    std::vector<model::Matcher> matchers;
    for (uint32_t i = 0; i < 1 + Below(3); ++i) {
      matchers.push_back(Match(static_cast<model::MatchType>(Below(4)),
                               kNames[Below(kNames.size())], kPatterns[Below(kPatterns.size())]));
    }
    return matchers;
  }

 private:
  const std::vector<std::string> kValues = {"",  "x",     "xy", "api-1", "api-", "a\nb",
                                            "é", "\xff!", "y",  "api-2", "zzz"};
  const std::vector<std::string> kNames = {"__name__", "a", "b", "job", "pod", "uid", "none"};
  const std::vector<std::string> kPatterns = {"",     "x",   "x|y",    "api-.*",  ".+",     ".*",
                                              "x.*y", ".*y", ".*i-.*", "[xy]+",   "api-.+", "(x)?",
                                              "x.+",  "é.*", ".+y.*",  "x|api-.*"};
  std::mt19937 random_;
};

// The series that a dictionary selects, as whole label sets.
std::multiset<Labels> Selected(const Dictionary& dictionary, const std::set<Labels>& series,
                               const std::map<Labels, SeriesId>& ids,
                               const std::vector<model::Matcher>& matchers) {
  std::multiset<Labels> found;
  dictionary.With([&](const LabelTable& targets, const LabelTable& columns) {
    const auto rectangles = EvaluateSelector(matchers, targets.postings(), columns.postings());
    for (const Labels& labels : series) {
      const SeriesId id = ids.at(labels);
      for (const Rectangle& rectangle : rectangles) {
        const bool inside =
            rectangle.targets.contains(id.target) && rectangle.columns.contains(id.column);
        if (inside) found.insert(labels);
      }
    }
  });
  return found;
}

LiveNumbers LiveOf(const std::set<Labels>& series, const std::map<Labels, SeriesId>& ids) {
  LiveNumbers live;
  for (const Labels& labels : series) {
    live.targets.add(ids.at(labels).target);
    live.columns.add(ids.at(labels).column);
  }
  return live;
}

TEST(Dictionary, SelectsByThePlainRuleWhileSeriesComeAndGoAndStartsFollowEachOther) {
  const uint32_t seed = Seed();
  SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
  RandomLabels random(seed);
  Disk disk;
  auto dictionary = std::make_unique<Dictionary>(Limits{});
  std::set<Labels> series;
  std::map<Labels, SeriesId> ids;
  uint32_t targets_seen = 0;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 30; ++i) {
      const Labels labels = random.Next();
      const auto id = dictionary->DeclareSeries(labels);
      ASSERT_TRUE(id.ok()) << id.status();
      const bool is_new = series.insert(labels).second;
      if (!is_new) {
        EXPECT_EQ(ids[labels].target, id->target);
        EXPECT_EQ(ids[labels].column, id->column);
      }
      ids[labels] = *id;
    }
    for (auto it = series.begin(); it != series.end();) {
      it = random.Below(2) == 0 ? series.erase(it) : std::next(it);
    }
    dictionary->RemoveUnused(LiveOf(series, ids));
    disk.Write(dictionary.get());
    if (random.Below(3) == 0) dictionary = disk.Load();
    const uint32_t targets =
        dictionary->With([](const LabelTable& table, const LabelTable&) { return table.size(); });
    EXPECT_GE(targets, targets_seen) << "a number would be given out again";
    targets_seen = targets;
    for (const Labels& labels : series) {
      ASSERT_TRUE(dictionary->HasSeries(ids.at(labels))) << labels.ToString();
      ASSERT_EQ(dictionary->Labels()->Target(ids.at(labels).target)->size() +
                    dictionary->Labels()->Column(ids.at(labels).column)->size(),
                labels.size());
    }
    for (int i = 0; i < 20; ++i) {
      const auto matchers = random.Selector();
      std::multiset<Labels> expected;
      for (const Labels& labels : series) {
        const bool matches = std::all_of(matchers.begin(), matchers.end(), [&](const auto& one) {
          return one.Matches(labels.Get(one.name()));
        });
        if (matches) expected.insert(labels);
      }
      ASSERT_EQ(Selected(*dictionary, series, ids, matchers), expected) << matchers[0].ToString();
    }
  }
}

TEST(Dictionary, RemovesWhatNothingRefersToAtTwoLooksAndNothingElse) {
  Disk disk;
  Dictionary dictionary{Limits{}};
  const model::Layout layout = MakeLayout({"kept", "gone"});
  const model::Layout other = MakeLayout({"gone", "elsewhere"});
  ASSERT_TRUE(dictionary.DeclareLayout(layout).ok());
  ASSERT_TRUE(dictionary.DeclareLayout(other).ok());
  const Declared first = *dictionary.DeclareTarget({{"job", "a"}}, layout.Hash());
  const Declared second = *dictionary.DeclareTarget({{"job", "b"}}, other.Hash());
  const SeriesId single = *dictionary.DeclareSeries({{"__name__", "one"}, {"job", "c"}});
  disk.Write(&dictionary);  // as every rotation does between two looks
  LiveNumbers live;
  live.targets.add(first.target);
  live.layouts.add(first.layout);
  for (int look = 0; look < 2; ++look) {
    const Dictionary::Removed none = dictionary.RemoveUnused(live);
    EXPECT_EQ(none.targets + none.columns + none.layouts + none.families, 0u) << look;
  }
  const Dictionary::Removed removed = dictionary.RemoveUnused(live);
  EXPECT_EQ(removed.targets, 2u);
  EXPECT_EQ(removed.columns, 2u) << "elsewhere and one";
  EXPECT_EQ(removed.layouts, 1u);
  EXPECT_EQ(removed.families, 1u);
  EXPECT_FALSE(dictionary.HasSeries(single));
  EXPECT_EQ(dictionary.FindLayout(second.layout), nullptr);
  EXPECT_FALSE(dictionary.KnowsLayout(other.Hash()));
  EXPECT_TRUE(dictionary.MetricMetadata("elsewhere", 0).empty());
  EXPECT_EQ(dictionary.MetricMetadata("gone", 0).size(), 1u);
  disk.Write(&dictionary);
  const auto restarted = disk.Load();
  EXPECT_EQ(restarted->target_count(), 1u);
  EXPECT_EQ(restarted->column_count(), 2u);
  EXPECT_EQ(restarted->layout_count(), 1u);
  // What comes again gets another number.
  EXPECT_GT(restarted->DeclareSeries({{"__name__", "one"}, {"job", "c"}})->target, single.target);
  ASSERT_TRUE(restarted->DeclareLayout(other).ok());
  EXPECT_GT(restarted->DeclareTarget({{"job", "b"}}, other.Hash())->layout, second.layout);
}

TEST(Dictionary, WhatIsRemovedBeforeItWasWrittenDoesNotComeBack) {
  Disk disk;
  Dictionary dictionary{Limits{}};
  ASSERT_TRUE(dictionary.DeclareSeries({{"__name__", "old"}, {"job", "a"}}).ok());
  disk.Write(&dictionary);
  // A layout of a column that is on disk; nothing of it is written before all of it is removed.
  const model::Layout layout = MakeLayout({"old"});
  ASSERT_TRUE(dictionary.DeclareLayout(layout).ok());
  ASSERT_TRUE(dictionary.DeclareTarget({{"job", "b"}}, layout.Hash()).ok());
  for (int look = 0; look < 4; ++look) dictionary.RemoveUnused(LiveNumbers{});
  disk.Write(&dictionary);
  EXPECT_EQ(disk.Load()->layout_count(), 0u);
}

TEST(Dictionary, LoadsTheFirstLayoutAfterRemovedOnes) {
  Disk disk;
  const model::Layout other = MakeLayout({"b"});
  {
    Dictionary dictionary{Limits{}};
    ASSERT_TRUE(dictionary.DeclareLayout(MakeLayout({"a"})).ok());
    ASSERT_TRUE(dictionary.DeclareTarget({{"job", "a"}}, MakeLayout({"a"}).Hash()).ok());
    disk.Write(&dictionary);
    for (int look = 0; look < 4; ++look) dictionary.RemoveUnused(LiveNumbers{});
    disk.Write(&dictionary);
  }
  {
    const auto dictionary = disk.Load();
    EXPECT_EQ(dictionary->layout_count(), 0u);
    ASSERT_TRUE(dictionary->DeclareLayout(other).ok());
    ASSERT_TRUE(dictionary->DeclareTarget({{"job", "b"}}, other.Hash()).ok());
    disk.Write(dictionary.get());
  }
  EXPECT_EQ(disk.Load()->layout_count(), 1u);
}

TEST(Dictionary, CountsWhatLimitsRefuseAndNamesTheFirst) {
  Limits limits;
  limits.series_per_metric_max = 2;
  limits.series_per_job_max = 3;
  limits.targets_max = 4;
  Dictionary dictionary(limits);
  const auto declare = [&](const char* metric, const char* job, const char* pod) {
    return dictionary.DeclareSeries({{"__name__", metric}, {"job", job}, {"pod", pod}}).status();
  };
  EXPECT_TRUE(declare("m", "a", "1").ok());
  EXPECT_TRUE(declare("m", "a", "2").ok());
  EXPECT_TRUE(declare("m", "a", "2").ok()) << "known";
  EXPECT_FALSE(declare("m", "b", "1").ok()) << "third series of m";
  EXPECT_TRUE(declare("n", "a", "1").ok());
  EXPECT_FALSE(declare("o", "a", "1").ok()) << "fourth series of job a";
  EXPECT_TRUE(declare("o", "b", "1").ok());
  EXPECT_TRUE(declare("o", "c", "1").ok());
  EXPECT_FALSE(declare("p", "d", "1").ok()) << "fifth target";
  std::map<std::string, uint64_t> totals;
  for (const Stats::Refused& refused : dictionary.RefusedByLimit()) {
    totals[refused.limit] = refused.total;
    EXPECT_FALSE(refused.first.empty());
  }
  EXPECT_EQ(totals,
            (std::map<std::string, uint64_t>{
                {"series_per_job_max", 1}, {"series_per_metric_max", 1}, {"targets_max", 1}}));
  // A layout keeps what there is room for.
  const model::Layout layout = MakeLayout({"m", "q"});
  ASSERT_TRUE(dictionary.DeclareLayout(layout).ok());
  const auto declared = dictionary.DeclareTarget({{"job", "c"}, {"pod", "1"}}, layout.Hash());
  ASSERT_TRUE(declared.ok()) << declared.status();
  ASSERT_EQ(declared->rejected.size(), 1u);
  EXPECT_EQ(declared->rejected[0].reason, "series_per_metric_max");
}

}  // namespace
}  // namespace baro::tsdb
