// Exemplars: the newest are kept, a series' in time order, over restarts and seals.

#include "exemplars.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Exemplar;
using model::Labels;
using Verdict = ExemplarStore::Verdict;

constexpr int64_t kNowMs = 1'700'000'000'000;

ExemplarSample Sample(ColumnId column, int64_t time_ms, double value = 1,
                      const std::string& trace = "t") {
  return {{0, column}, {Labels{{"trace_id", trace}}, time_ms, value}};
}

std::vector<int64_t> Times(const ExemplarStore& store, ColumnId column) {
  std::vector<int64_t> times;
  for (const Exemplar& exemplar : store.Find({0, column}, INT64_MIN, INT64_MAX)) {
    times.push_back(exemplar.time_ms);
  }
  return times;
}

TEST(Exemplars, OfASeriesComeInTimeOrderAndOnce) {
  ExemplarStore store(10);
  EXPECT_EQ(store.Add(Sample(1, 100)), Verdict::kStored);
  EXPECT_EQ(store.Add(Sample(1, 100)), Verdict::kDuplicate);
  EXPECT_EQ(store.Add(Sample(1, 100, 2)), Verdict::kStored);
  EXPECT_EQ(store.Add(Sample(1, 100, 2, "other")), Verdict::kStored);
  EXPECT_EQ(store.Add(Sample(1, 100)), Verdict::kDuplicate);
  EXPECT_EQ(store.Add(Sample(1, 99)), Verdict::kStored);
  EXPECT_EQ(store.Add(Sample(1, 99)), Verdict::kDuplicate);
  EXPECT_EQ(store.Add(Sample(2, 99)), Verdict::kStored);
  EXPECT_EQ(Times(store, 1), (std::vector<int64_t>{99, 100, 100, 100}));
  EXPECT_EQ(store.Find({0, 1}, 101, 200).size(), 0U);
  EXPECT_EQ(store.Find({0, 1}, 100, 100).size(), 3U);
}

TEST(Exemplars, MayComeLateButNotByAnyNumber) {
  ExemplarStore store(2 * kLateStepsMax);
  for (size_t i = 0; i < kLateStepsMax; ++i) store.Add(Sample(1, static_cast<int64_t>(i)));
  EXPECT_EQ(store.Add(Sample(1, -1)), Verdict::kStored);
  EXPECT_EQ(store.Add(Sample(1, -2)), Verdict::kOutOfOrder);
  EXPECT_EQ(store.Add(Sample(1, 0, 2)), Verdict::kStored);
  EXPECT_EQ(Times(store, 1).front(), -1);
}

TEST(Exemplars, MakeRoomForYoungerOnesOfAnySeries) {
  ExemplarStore store(3);
  for (int64_t i = 0; i < 4; ++i) store.Add(Sample(static_cast<ColumnId>(i % 2), i));
  EXPECT_EQ(Times(store, 0), std::vector<int64_t>{2});
  EXPECT_EQ(Times(store, 1), (std::vector<int64_t>{1, 3}));
  store.Add(Sample(1, 5));
  store.Add(Sample(1, 6));
  EXPECT_EQ(Times(store, 0), std::vector<int64_t>{});
  EXPECT_EQ(store.Series().size(), 1U);
  EXPECT_EQ(store.size(), 3U);
  EXPECT_EQ(store.evicted_total(), 3U);
  EXPECT_EQ(ExemplarStore(0).Add(Sample(1, 5)), Verdict::kOutOfOrder);
}

// Against a plain list of what came, newest last.
TEST(Exemplars, AreTheNewestInAnyOrderOfComing) {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "BARO_SEED=" << seed);
  std::mt19937_64 random(seed);
  ExemplarStore store(20);
  std::vector<std::pair<ColumnId, int64_t>> came;
  for (int i = 0; i < 3'000; ++i) {
    const auto column = static_cast<ColumnId>(random() % 5);
    const auto time_ms = static_cast<int64_t>(random() % 1'000'000);
    const uint64_t before = store.version();
    store.Restore(Sample(column, time_ms));
    if (store.version() == before) continue;  // a duplicate
    came.emplace_back(column, time_ms);
    if (came.size() > 20) came.erase(came.begin());
    for (ColumnId c = 0; c < 5; ++c) {
      std::vector<int64_t> expected;
      for (const auto& [of, at] : came) {
        if (of == c) expected.push_back(at);
      }
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(Times(store, c), expected);
    }
  }
  EXPECT_EQ(store.All(INT64_MIN).size(), 20U);
}

TEST(Exemplars, HaveLabelsOf128CharactersAtMost) {
  Exemplar exemplar{Labels{{"trace", std::string(123, 'x')}}, 0, 0};
  EXPECT_TRUE(CheckExemplar(exemplar).ok());
  std::string umlauts;
  for (int i = 0; i < 123; ++i) umlauts += "ü";
  exemplar.labels.Set("trace", umlauts);
  EXPECT_TRUE(CheckExemplar(exemplar).ok());
  exemplar.labels.Set("trace", umlauts + "u");
  EXPECT_EQ(CheckExemplar(exemplar).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Exemplars, RefuseEveryTruncation) {
  std::vector<ExemplarSample> some = {Sample(1, kNowMs, 0.25), Sample(7, -5, -1, "é")};
  std::string bytes;
  PutExemplars(some, &bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string_view rest(bytes.data(), size);
    std::vector<ExemplarSample> read;
    EXPECT_FALSE(TakeExemplars(&rest, &read)) << size;
  }
  std::string_view rest = bytes;
  std::vector<ExemplarSample> read;
  ASSERT_TRUE(TakeExemplars(&rest, &read));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].exemplar, some[0].exemplar);
  EXPECT_EQ(read[1].exemplar, some[1].exemplar);
  EXPECT_EQ(read[1].series.column, 7U);
}

class StoreExemplars : public ::testing::Test {
 protected:
  StoreExemplars() {
    options_.path = folder_.path();
    options_.clock = &clock_;
    options_.background = false;
    Open();
  }
  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  AppendResult Append(const std::string& path, int64_t time_ms, const std::string& trace) {
    SampleBatch batch;
    testing::Add(store_.get(), Series(path), time_ms, 1, &batch);
    batch.exemplars.push_back({batch.series[0], {Labels{{"trace_id", trace}}, time_ms, 0.5}});
    return testing::AppendAndWait(store_.get(), std::move(batch));
  }
  static Labels Series(const std::string& path) {
    return {{"__name__", "requests"}, {"job", "app"}, {"path", path}};
  }
  // As "path time:trace …" for each series.
  std::vector<std::string> Read(const std::string& path_expression, int64_t start_ms = 0) {
    model::LabelRequest request;
    request.start_ms = start_ms;
    request.selectors = {{testing::Match(model::MatchType::kEqual, "__name__", "requests"),
                          testing::Match(model::MatchType::kRegex, "path", path_expression)}};
    const auto found = store_->Exemplars(request);
    EXPECT_TRUE(found.ok());
    std::vector<std::string> texts;
    for (const model::ExemplarSeries& series : *found) {
      std::string& text = texts.emplace_back(series.series.Get("path"));
      for (const Exemplar& exemplar : series.exemplars) {
        text += " " + std::to_string(exemplar.time_ms - kNowMs) + ":" +
                std::string(exemplar.labels.Get("trace_id"));
      }
    }
    return texts;
  }

  testing::Folder folder_{"store_exemplars"};
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreExemplars, SurviveRestartsAndSeals) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(Append("/b", kNowMs, "t1").exemplars_stored, 1U);
  EXPECT_EQ(Append("/a", kNowMs, "t2").exemplars_stored, 1U);
  const Texts first = {"/a 0:t2", "/b 0:t1"};
  EXPECT_EQ(Read(".*"), first);
  Open();
  EXPECT_EQ(Read(".*"), first);
  ASSERT_TRUE(store_->Maintain(true).ok());
  Open();
  EXPECT_EQ(Read(".*"), first);
  EXPECT_EQ(Append("/a", kNowMs + 5, "t3").exemplars_stored, 1U);
  const Texts second = {"/a 0:t2 5:t3", "/b 0:t1"};
  Open();
  EXPECT_EQ(Read(".*"), second);
  ASSERT_TRUE(store_->Maintain(true).ok());
  Open();
  EXPECT_EQ(Read(".*"), second);
  EXPECT_EQ(Read("/a", kNowMs + 1), Texts{"/a 5:t3"});
  EXPECT_EQ(Read("/c"), Texts{});
}

TEST_F(StoreExemplars, AreCountedWhateverBecomesOfThem) {
  Append("/a", kNowMs, "t1");
  EXPECT_EQ(Append("/a", kNowMs, "t1").exemplars_duplicate, 1U);
  EXPECT_EQ(Append("/a", kNowMs - 1, "t1").exemplars_stored, 1U);
  EXPECT_EQ(Append("/a", kNowMs + 1, std::string(200, 'x')).exemplars_refused, 1U);
  EXPECT_EQ(Append("/a", 0, "old").exemplars_refused, 1U);
  EXPECT_EQ(Append("/a", kNowMs * 2, "new").exemplars_refused, 1U);
  const Stats stats = store_->GetStats();
  EXPECT_EQ(stats.exemplars, 2U);
  EXPECT_EQ(stats.exemplars_stored_total, 2U);
  EXPECT_EQ(stats.exemplars_duplicate_total, 1U);
  EXPECT_EQ(stats.exemplars_out_of_order_total, 0U);
  EXPECT_EQ(stats.exemplars_refused_total, 3U);
}

TEST_F(StoreExemplars, MayComeWithoutSamples) {
  SampleBatch batch;
  batch.exemplars.push_back(
      {*store_->DeclareSeries(Series("/a")), {Labels{{"trace_id", "t"}}, kNowMs, 1}});
  EXPECT_EQ(testing::AppendAndWait(store_.get(), std::move(batch)).exemplars_stored, 1U);
  Open();
  EXPECT_EQ(Read(".*"), std::vector<std::string>{"/a 0:t"});
}

TEST_F(StoreExemplars, GoWithTheRetention) {
  Append("/a", kNowMs, "t1");
  clock_.AdvanceMs(options_.retention_ms + 1);
  Append("/a", clock_.NowMs(), "t2");
  ASSERT_TRUE(store_->Maintain(true).ok());
  Open();
  EXPECT_EQ(Read(".*").size(), 1U);
  EXPECT_EQ(store_->GetStats().exemplars, 1U);
}

}  // namespace
}  // namespace baro::tsdb
