// The store gives back what was acknowledged, bit for bit, through both ways in, over rotations and
// restarts.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <set>

#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using model::MatchType;
using testing::AppendAndWait;
using testing::AppendOne;
using testing::Bits;
using testing::Folder;
using testing::MakeLayout;
using testing::Match;
using testing::ReadAll;
using testing::Samples;
using testing::SamplesBySeries;
using testing::TestAgent;

constexpr int64_t kNowMs = 1'700'000'000'000;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest()
      : folder_(std::string("store_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    options_.commit_delay_ms = 0;
  }

  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  Declared Declare(const Labels& target, const model::Layout& layout) {
    EXPECT_TRUE(store_->DeclareLayout(layout).ok());
    const auto declared = store_->DeclareTarget(target, layout.Hash());
    EXPECT_TRUE(declared.ok()) << declared.status();
    return *declared;
  }

  // Reads the same in the head, after a restart, sealed, and sealed after a restart.
  void ExpectEverywhere(const SamplesBySeries& expected) {
    EXPECT_EQ(ReadAll(*store_), expected) << "head";
    Open();
    EXPECT_EQ(ReadAll(*store_), expected) << "replayed";
    ASSERT_TRUE(store_->Maintain(true).ok());
    EXPECT_EQ(ReadAll(*store_), expected) << "sealed";
    Open();
    EXPECT_EQ(ReadAll(*store_), expected) << "sealed, opened again";
  }

  Folder folder_;
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, GivesBackSamplesBitForBit) {
  Open();
  const double odd[] = {-0.0,
                        std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::denorm_min(),
                        model::kStaleNan,
                        std::bit_cast<double>(uint64_t{0x7ff8000000000123}),
                        4.609999999999999};
  SamplesBySeries expected;
  const Labels up{{"__name__", "up"}, {"job", "node"}};
  for (size_t i = 0; i < std::size(odd); ++i) {
    const auto time_ms = kNowMs + static_cast<int64_t>(i) * 15'000;
    EXPECT_EQ(AppendOne(store_.get(), up, time_ms, odd[i]).stored, 1U);
    expected[up][time_ms] = Bits(odd[i]);
  }
  ExpectEverywhere(expected);
}

TEST_F(StoreTest, KeepsFramesOfAgents) {
  Open();
  const std::vector<std::string> metrics = {"a", "b", "c"};
  const Declared declared = Declare({{"job", "node"}, {"instance", "one"}}, MakeLayout(metrics));
  TestAgent agent(7);
  SamplesBySeries expected;
  for (int row = 0; row < 300; ++row) {
    const int64_t time_ms = kNowMs + row * 15'000;
    const std::vector<double> values = {row * 1.0, 5, row % 7 * 0.1};
    agent.AddRow(declared, 3, time_ms, values);
    for (size_t c = 0; c < 3; ++c) {
      const Labels labels{{"__name__", metrics[c]}, {"job", "node"}, {"instance", "one"}};
      expected[labels][time_ms] = Bits(values[c]);
    }
    if (row % 50 != 49) continue;
    const AppendResult result = AppendAndWait(store_.get(), agent.TakeBatch());
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.stored, 150U);
  }
  EXPECT_EQ(store_->StoredSequences(agent.id()), (std::vector<SequenceRange>{{1, 300}}));
  ExpectEverywhere(expected);
  EXPECT_EQ(store_->StoredSequences(agent.id()), (std::vector<SequenceRange>{{1, 300}}));
}

TEST_F(StoreTest, DropsDuplicatesAndLetsTheLastValueWin) {
  Open();
  const Labels up{{"__name__", "up"}, {"job", "node"}};
  AppendOne(store_.get(), up, kNowMs, 1);
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs, 1).duplicate, 1U);
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs, 2).overwritten, 1U);
  AppendOne(store_.get(), up, kNowMs + 1000, 3);
  // Now late, so it goes to higher levels.
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs, 2).duplicate, 1U);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(AppendOne(store_.get(), up, kNowMs, 10 + i).overwritten, 1U) << i;
  }
  const AppendResult late = AppendOne(store_.get(), up, kNowMs - 5000, 9);
  EXPECT_EQ(late.out_of_order, 1U);
  EXPECT_EQ(late.stored, 1U);
  ExpectEverywhere(
      {{up, {{kNowMs - 5000, Bits(9)}, {kNowMs, Bits(17)}, {kNowMs + 1000, Bits(3)}}}});
}

TEST_F(StoreTest, MergesPartsOfARowAndAnyAge) {
  Open();
  SamplesBySeries expected;
  const auto labels = [](int i) {
    return Labels{{"__name__", "m"}, {"i", std::to_string(i)}, {"job", "x"}};
  };
  const int64_t times[] = {
      -86'400'000,      0, kNowMs, kNowMs + 15'000, 4'102'444'800'000, model::kTimeMsMin,
      model::kTimeMsMax};
  for (const int64_t time_ms : times) {
    for (int half = 0; half < 2; ++half) {
      SampleBatch batch;
      for (int i = half * 50; i < half * 50 + 50; ++i) {
        testing::Add(store_.get(), labels(i), time_ms, i, &batch);
        expected[labels(i)][time_ms] = Bits(i);
      }
      EXPECT_EQ(AppendAndWait(store_.get(), std::move(batch)).stored, 50U);
    }
  }
  ExpectEverywhere(expected);
}

TEST_F(StoreTest, SelectsByEitherHalfAndByAMissingLabel) {
  Open();
  const Labels one{{"__name__", "m"}, {"job", "x"}, {"mode", "user"}};
  const Labels two{{"__name__", "m"}, {"job", "y"}};
  AppendOne(store_.get(), one, kNowMs, 1);
  AppendOne(store_.get(), two, kNowMs, 1);
  const auto find = [&](MatchType type, const std::string& name, const std::string& value) {
    return ReadAll(*store_, {Match(type, name, value)}).size();
  };
  EXPECT_EQ(find(MatchType::kEqual, "__name__", "m"), 2U);
  EXPECT_EQ(find(MatchType::kEqual, "mode", ""), 1U);
  EXPECT_EQ(find(MatchType::kNotEqual, "mode", ""), 1U);
  EXPECT_EQ(find(MatchType::kRegex, "job", "x|z"), 1U);
  EXPECT_EQ(find(MatchType::kRegex, "job", "[xy]"), 2U);
  EXPECT_EQ(find(MatchType::kNotRegex, "job", "[x]"), 1U);
  EXPECT_EQ(find(MatchType::kRegex, "missing", ".*"), 2U);
  EXPECT_EQ(find(MatchType::kRegex, "missing", ".+"), 0U);
}

TEST_F(StoreTest, JoinsALabelSetThatWasCutInTwoPlaces) {
  Open();
  // The agent's target has only the job; the instance is in the column.
  model::Layout layout;
  layout.columns.push_back({Labels{{"__name__", "up"}, {"instance", "i"}}, {}});
  const Declared declared = Declare({{"job", "node"}}, layout);
  TestAgent agent(1);
  agent.AddRow(declared, 1, kNowMs, {1});
  AppendAndWait(store_.get(), agent.TakeBatch());
  const Labels up{{"__name__", "up"}, {"instance", "i"}, {"job", "node"}};
  AppendOne(store_.get(), up, kNowMs + 1000, 2);
  ExpectEverywhere({{up, {{kNowMs, Bits(1)}, {kNowMs + 1000, Bits(2)}}}});
}

TEST_F(StoreTest, DecodesAChainAcrossARotationAndARestart) {
  Open();
  const Declared declared = Declare({{"job", "node"}}, MakeLayout({"a"}));
  TestAgent agent(1);
  const Labels a{{"__name__", "a"}, {"job", "node"}};
  SamplesBySeries expected;
  for (int i = 0; i < 5; ++i) {
    agent.AddRow(declared, 1, kNowMs + i * 1000, {i + 0.5});
    expected[a][kNowMs + i * 1000] = Bits(i + 0.5);
    const AppendResult result = AppendAndWait(store_.get(), agent.TakeBatch());
    ASSERT_TRUE(result.status.ok()) << i << result.status;
    if (i % 2 == 1) {
      Open();
    } else {
      ASSERT_TRUE(store_->Maintain(true).ok());
    }
  }
  ExpectEverywhere(expected);
}

TEST_F(StoreTest, TellsTheSenderWhatItCannotDecode) {
  Open();
  const Declared declared = Declare({{"job", "node"}}, MakeLayout({"a"}));
  TestAgent agent(1);
  agent.AddRow(declared, 1, kNowMs, {1});
  const FrameBatch first = agent.TakeBatch();
  agent.AddRow(declared, 1, kNowMs + 1, {2});
  const FrameBatch second = agent.TakeBatch();
  agent.AddRow(declared, 1, kNowMs + 2, {3});
  const FrameBatch third = agent.TakeBatch();
  // A delta frame of an unknown chain, a gap in a known one, garbage.
  EXPECT_EQ(AppendAndWait(store_.get(), second).status.code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(AppendAndWait(store_.get(), first).status.ok());
  EXPECT_EQ(AppendAndWait(store_.get(), third).status.code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(AppendAndWait(store_.get(), second).status.ok());
  FrameBatch garbage = third;
  garbage.zstd = true;
  EXPECT_EQ(AppendAndWait(store_.get(), garbage).status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->StoredSequences(agent.id()), (std::vector<SequenceRange>{{1, 2}}));
  // Sent again from its start: what is stored is skipped, the rest goes on.
  EXPECT_TRUE(AppendAndWait(store_.get(), first).status.ok());
  EXPECT_TRUE(AppendAndWait(store_.get(), second).status.ok());
  EXPECT_EQ(AppendAndWait(store_.get(), third).stored, 1U);
  EXPECT_EQ(AppendAndWait(store_.get(), first).duplicate, 1U);
  const Labels a{{"__name__", "a"}, {"job", "node"}};
  ExpectEverywhere({{a, {{kNowMs, Bits(1)}, {kNowMs + 1, Bits(2)}, {kNowMs + 2, Bits(3)}}}});
}

std::set<std::string> SortedFiles(const std::string& path) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".sst") files.insert(entry.path().string());
  }
  return files;
}

TEST_F(StoreTest, NamesADamagedPartAndServesTheRest) {
  Open();
  const Labels up{{"__name__", "up"}, {"job", "node"}};
  AppendOne(store_.get(), up, kNowMs, 1);
  ASSERT_TRUE(store_->Maintain(true).ok());
  const std::set<std::string> before = SortedFiles(folder_.path());
  AppendOne(store_.get(), up, kNowMs + 86'400'000, 2);
  ASSERT_TRUE(store_->Maintain(true).ok());
  std::set<std::string> added = SortedFiles(folder_.path());
  for (const std::string& file : before) added.erase(file);
  ASSERT_EQ(added.size(), 1U);
  store_.reset();
  {
    std::fstream file(*added.begin(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4);
    file.put('\x55').put('\x55').put('\x55');
  }
  Open();
  EXPECT_EQ(ReadAll(*store_, {}, kNowMs, kNowMs).size(), 1U);
  const auto set = store_->Select({model::kTimeMsMin, model::kTimeMsMax, {}, 0});
  ASSERT_TRUE(set.ok());
  const auto reader = (*set)->Read(0, (*set)->size());
  model::SeriesView view;
  const auto more = reader->Next(&view);
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_TRUE(*more && view.times_ms.size() == 1 && view.times_ms[0] == kNowMs);
  const std::vector<std::string> warnings = (*set)->FoundWhileReading();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("part 4 is damaged"), std::string::npos) << warnings[0];
  EXPECT_EQ(store_->GetStats().quarantined_parts, 1U);
  EXPECT_GT(store_->GetStats().damaged_reads_total, 0U);
  const auto before_it = store_->Select({kNowMs, kNowMs, {}, 0});
  EXPECT_TRUE((*before_it)->FoundWhileReading().empty());
}

TEST_F(StoreTest, DropsWhatIsPastRetentionAndItsFiles) {
  options_.retention_ms = 3'600'000;
  Open();
  const Labels up{{"__name__", "up"}, {"job", "node"}};
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs - 3'600'001, 1).too_old, 1U);
  EXPECT_EQ(AppendOne(store_.get(), up, kNowMs - 3'599'999, 2).stored, 1U);
  ASSERT_TRUE(store_->Maintain(true).ok());
  const size_t files = SortedFiles(folder_.path()).size();
  // A reader that came before goes on reading.
  auto set = store_->Select({model::kTimeMsMin, model::kTimeMsMax, {}, 0});
  clock_.AdvanceMs(10);
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_TRUE(ReadAll(*store_).empty());
  {
    const auto reader = (*set)->Read(0, (*set)->size());
    model::SeriesView view;
    EXPECT_TRUE(*reader->Next(&view));
  }
  EXPECT_EQ(SortedFiles(folder_.path()).size(), files);
  EXPECT_EQ(store_->GetStats().slots, 0U);
  set->reset();
  ASSERT_TRUE(store_->Maintain(false).ok());
  EXPECT_LT(SortedFiles(folder_.path()).size(), files);
}

TEST_F(StoreTest, SharesTimesAmongSeriesOfATarget) {
  Open();
  for (int row = 0; row < 200; ++row) {
    SampleBatch batch;
    for (int i = 0; i < 40; ++i) {
      testing::Add(store_.get(), {{"__name__", "m" + std::to_string(i)}, {"job", "x"}},
                   kNowMs + row * 1000, i, &batch);
    }
    AppendAndWait(store_.get(), std::move(batch));
    if (row != 100) continue;
    ASSERT_TRUE(store_->Maintain(true).ok());
  }
  const auto set = store_->Select({kNowMs, kNowMs + 150'000, {}, 0});
  ASSERT_EQ((*set)->size(), 40U);
  const auto reader = (*set)->Read(0, 40);
  model::SeriesView view;
  const int64_t* times = nullptr;
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(*reader->Next(&view));
    EXPECT_EQ(view.times_ms.size(), 151U);
    EXPECT_TRUE(i == 0 || view.times_ms.data() == times) << i;
    times = view.times_ms.data();
  }
}

TEST_F(StoreTest, ListsLabelsAndMetadataAndCardinality) {
  Open();
  AppendOne(store_.get(), {{"__name__", "m"}, {"job", "x"}, {"mode", "user"}}, kNowMs, 1);
  AppendOne(store_.get(), {{"__name__", "n"}, {"job", "y"}}, kNowMs, 1);
  store_->Describe({{"m", model::MetricType::kCounter, "help", "s"}});
  using Texts = std::vector<std::string>;
  EXPECT_EQ(*store_->LabelNames({}), (Texts{"__name__", "job", "mode"}));
  EXPECT_EQ(*store_->LabelValues("job", {}), (Texts{"x", "y"}));
  model::LabelRequest request;
  request.selectors = {{Match(MatchType::kEqual, "__name__", "n")}};
  EXPECT_EQ(*store_->LabelValues("job", request), (Texts{"y"}));
  request.selectors.clear();
  request.start_ms = kNowMs + 1;
  EXPECT_TRUE(store_->LabelValues("job", request)->empty());
  ASSERT_EQ(store_->MetricMetadata("m", 0).size(), 1U);
  EXPECT_EQ(store_->GetCardinality(10).series_by_metric.size(), 2U);
  const auto limited = store_->Select({model::kTimeMsMin, model::kTimeMsMax, {}, 1});
  EXPECT_EQ(limited.status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace baro::tsdb
