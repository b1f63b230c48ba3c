// What an operator does: a delete takes away what was stored when it was made, and nothing else.
// Method: a reference in memory beside the store; random writes, deletes, seals and starts.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <random>
#include <set>

#include "baro/tsdb/store_admin.h"
#include "baro/tsdb/testing/fault_file_system.h"
#include "store_test_support.h"

namespace baro::tsdb::testing {
namespace {

using model::MatchType;

StoreOptions Options(const Folder& folder) {
  StoreOptions options;
  options.path = folder.path();
  options.retention_ms = 0;
  options.background = false;
  return options;
}

std::unique_ptr<Store> Open(const StoreOptions& options) {
  auto store = Store::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

model::Labels Series(const std::string& metric, const std::string& instance) {
  return model::Labels{{"__name__", metric}, {"instance", instance}, {"job", "test"}};
}

DeleteRequest DeleteOf(const std::string& name, const std::string& value,
                       int64_t start_ms = model::kTimeMsMin, int64_t end_ms = model::kTimeMsMax) {
  return {{{Match(MatchType::kEqual, name, value)}}, start_ms, end_ms};
}

TEST(Delete, TakesAwayOnlyItsSeriesAndRange) {
  const Folder folder("delete_range");
  auto store = Open(Options(folder));
  for (int64_t t = 0; t < 100; ++t) {
    AppendOne(store.get(), Series("a", "1"), t * 1000, static_cast<double>(t));
    AppendOne(store.get(), Series("b", "1"), t * 1000, static_cast<double>(t));
    if (t == 50) {
      ASSERT_TRUE(store->Maintain(true).ok());
    }
  }
  ASSERT_TRUE(store->admin()->Delete(DeleteOf("__name__", "a", 20'000, 79'999)).ok());
  auto expect = [&] {
    const SamplesBySeries all = ReadAll(*store);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all.at(Series("a", "1")).size(), 40u);
    EXPECT_EQ(all.at(Series("a", "1")).count(19'000), 1u);
    EXPECT_EQ(all.at(Series("a", "1")).count(20'000), 0u);
    EXPECT_EQ(all.at(Series("a", "1")).count(79'000), 0u);
    EXPECT_EQ(all.at(Series("a", "1")).count(80'000), 1u);
    EXPECT_EQ(all.at(Series("b", "1")).size(), 100u);
  };
  expect();
  store.reset();
  store = Open(Options(folder));
  expect();
  ASSERT_TRUE(store->Maintain(true).ok());
  expect();
}

TEST(Delete, LeavesNothingToListOfASeriesWithoutSamples) {
  const Folder folder("delete_list");
  auto store = Open(Options(folder));
  for (const bool sealed : {true, false}) {
    AppendOne(store.get(), Series("gone", "1"), 1'000, 1);
    AppendOne(store.get(), Series("stays", "1"), 1'000, 1);
    AppendOne(store.get(), Series("gone", "2"), 1'000, 1);
    if (sealed) {
      ASSERT_TRUE(store->Maintain(true).ok());
    }
  }
  ASSERT_TRUE(store->admin()->Delete(DeleteOf("__name__", "gone")).ok());
  const model::LabelRequest everything;
  EXPECT_EQ(*store->LabelValues("__name__", everything), std::vector<std::string>{"stays"});
  EXPECT_EQ(*store->LabelValues("instance", everything), std::vector<std::string>{"1"});
  EXPECT_EQ(ReadAll(*store).size(), 1u);
  // One that is deleted in a part of the range only is listed for the rest.
  ASSERT_TRUE(store->admin()->Delete(DeleteOf("__name__", "stays", 2'000, 3'000)).ok());
  EXPECT_EQ(ReadAll(*store).size(), 1u);
  ASSERT_TRUE(store->admin()->Delete(DeleteOf("job", "test", 0, 1'000)).ok());
  EXPECT_TRUE(store->LabelNames(everything)->empty());
}

TEST(Delete, DoesNotHideWhatIsWrittenLater) {
  const Folder folder("delete_later");
  auto store = Open(Options(folder));
  AppendOne(store.get(), Series("a", "1"), 1'000, 1);
  AppendOne(store.get(), Series("a", "1"), 2'000, 2);
  ASSERT_TRUE(store->admin()->Delete(DeleteOf("__name__", "a")).ok());
  EXPECT_TRUE(ReadAll(*store).empty());
  // The same time with the same value, and with another.
  EXPECT_EQ(AppendOne(store.get(), Series("a", "1"), 1'000, 1).stored, 1u);
  for (int round = 0; round < 3; ++round) {
    const SamplesBySeries all = ReadAll(*store);
    ASSERT_EQ(all.size(), 1u) << "round " << round;
    EXPECT_EQ(all.at(Series("a", "1")), (Samples{{1'000, Bits(1)}})) << "round " << round;
    if (round == 0) {
      ASSERT_TRUE(store->Maintain(true).ok());
    }
    if (round == 1) {
      store.reset();
      store = Open(Options(folder));
    }
  }
}

TEST(Delete, CountsWhatWouldGo) {
  const Folder folder("delete_count");
  auto store = Open(Options(folder));
  for (int64_t t = 0; t < 10; ++t) {
    AppendOne(store.get(), Series("a", "1"), t, 1);
    AppendOne(store.get(), Series("a", "2"), t, 1);
  }
  DeleteRequest request = DeleteOf("__name__", "a", 5, 100);
  request.selectors.push_back({Match(MatchType::kEqual, "instance", "1")});
  const auto count = store->admin()->CountDelete(request);
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(count->series, 2u);
  EXPECT_EQ(count->samples, 10u);
  EXPECT_EQ(ReadAll(*store).size(), 2u);
}

TEST(Delete, GivesTheSpaceBackAndEnds) {
  const Folder folder("delete_space");
  auto store = Open(Options(folder));
  for (int series = 0; series < 20; ++series) {
    SampleBatch batch;
    for (int64_t t = 0; t < 2'000; ++t) {
      Add(store.get(), Series(series % 2 == 0 ? "gone" : "stays", std::to_string(series)),
          t * 15'000, std::sin(static_cast<double>(t * series)), &batch);
    }
    ASSERT_TRUE(AppendAndWait(store.get(), std::move(batch)).status.ok());
  }
  ASSERT_TRUE(store->Maintain(true).ok());
  const uint64_t before = store->GetStats().slot_bytes;
  AppendOne(store.get(), Series("gone", "0"), 77, 1);  // in the head
  ASSERT_TRUE(store->admin()->Delete(DeleteOf("__name__", "gone")).ok());
  EXPECT_EQ(store->GetStats().tombstones, 1u);
  ASSERT_TRUE(store->admin()->CleanTombstones().ok());
  EXPECT_EQ(store->GetStats().tombstones, 0u);
  EXPECT_LT(store->GetStats().slot_bytes, before * 6 / 10);
  SamplesBySeries all = ReadAll(*store);
  ASSERT_EQ(all.size(), 10u);
  // Gone for good, whatever a later delete's number is.
  store.reset();
  store = Open(Options(folder));
  EXPECT_TRUE(ReadAll(*store) == all);
  ASSERT_TRUE(store->admin()->Delete(DeleteOf("instance", "1")).ok());
  EXPECT_EQ(ReadAll(*store).size(), 9u);
  ASSERT_TRUE(store->admin()->CleanTombstones().ok());
  EXPECT_EQ(ReadAll(*store).size(), 9u);
  EXPECT_EQ(store->GetStats().tombstones, 0u);
}

// The store beside a map: random writes, deletes, seals, cleaning and starts.
class DeleteModel {
 public:
  explicit DeleteModel(uint64_t seed) : random_(seed), folder_("delete_model") {
    options_ = Options(folder_);
    options_.slot_ms = 60'000;
    store_ = Open(options_);
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      switch (random_() % 12) {
        case 0:
          ASSERT_TRUE(store_->Maintain(true).ok());
          break;
        case 1:
          ASSERT_TRUE(store_->Maintain(false).ok());
          break;
        case 2:
          ASSERT_TRUE(store_->admin()->CleanTombstones().ok());
          break;
        case 3:
          store_.reset();
          store_ = Open(options_);
          break;
        case 4:
        case 5:
          Delete();
          break;
        default:
          Write();
      }
      Compare(i);
    }
  }

 private:
  model::Labels Pick() {
    return Series("m" + std::to_string(random_() % 4), std::to_string(random_() % 3));
  }
  int64_t PickTime() { return static_cast<int64_t>(random_() % 400) * 1'000; }

  void Write() {
    SampleBatch batch;
    for (uint64_t i = random_() % 40; i > 0; --i) {
      const model::Labels labels = Pick();
      const int64_t time_ms = PickTime();
      const double value = static_cast<double>(random_() % 5);
      Add(store_.get(), labels, time_ms, value, &batch);
      expected_[labels][time_ms] = Bits(value);
    }
    ASSERT_TRUE(AppendAndWait(store_.get(), std::move(batch)).status.ok());
  }

  void Delete() {
    const int64_t start_ms = PickTime();
    const int64_t end_ms = start_ms + static_cast<int64_t>(random_() % 200) * 1'000;
    const bool by_metric = random_() % 2 == 0;
    const std::string name = by_metric ? "__name__" : "instance";
    const model::Labels some = Pick();
    const std::string value(some.Get(name));
    const DeleteRequest request = DeleteOf(name, value, start_ms, end_ms);
    DeleteCount would;
    for (auto& [labels, samples] : expected_) {
      if (labels.Get(name) != value) continue;
      const auto first = samples.lower_bound(start_ms);
      const auto last = samples.upper_bound(end_ms);
      would.series += first == last ? 0 : 1;
      would.samples += static_cast<uint64_t>(std::distance(first, last));
      samples.erase(first, last);
    }
    const auto count = store_->admin()->CountDelete(request);
    ASSERT_TRUE(count.ok());
    EXPECT_EQ(count->series, would.series);
    EXPECT_EQ(count->samples, would.samples);
    ASSERT_TRUE(store_->admin()->Delete(request).ok());
  }

  void Compare(int step) {
    SCOPED_TRACE("step " + std::to_string(step));
    std::erase_if(expected_, [](const auto& one) { return one.second.empty(); });
    const SamplesBySeries actual = ReadAll(*store_);
    EXPECT_TRUE(actual == expected_);
    std::set<std::string> metrics;
    for (const auto& [labels, samples] : expected_) metrics.emplace(labels.Get("__name__"));
    EXPECT_EQ(*store_->LabelValues("__name__", {}),
              std::vector<std::string>(metrics.begin(), metrics.end()));
  }

  std::mt19937_64 random_;
  const Folder folder_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  SamplesBySeries expected_;
};

TEST(Delete, AgreesWithAMapUnderRandomOperations) {
  const char* text = std::getenv("BARO_SEED");
  const uint64_t first = text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
  const char* rounds = std::getenv("BARO_ROUNDS");
  const uint64_t count = rounds != nullptr ? std::strtoull(rounds, nullptr, 10) : 3;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
    std::cout << "BARO_SEED=" << seed << "\n";
    DeleteModel(seed).Run(80);
    if (::testing::Test::HasFailure()) return;
  }
}

// The power goes at every step of a delete and its cleaning. Afterwards it has happened or not, as
// a whole; when it was reported as done it has.
TEST(Delete, SurvivesAPowerCutAtEveryStep) {
  uint64_t cuts = 0;
  for (uint64_t step = 1;; step += 2) {
    SCOPED_TRACE("step " + std::to_string(step));
    const Folder folder("delete_cut");
    const auto disk = FaultFileSystem::Create(step);
    const auto env = disk->NewEnv();
    StoreOptions options = Options(folder);
    options.env = env.get();
    auto store = Open(options);
    for (int64_t t = 0; t < 50; ++t) {
      AppendOne(store.get(), Series("a", "1"), t, 1);
      AppendOne(store.get(), Series("b", "1"), t, 1);
      if (t == 20) {
        ASSERT_TRUE(store->Maintain(true).ok());
      }
    }
    disk->CutPowerAfter(step);
    const absl::Status deleted = store->admin()->Delete(DeleteOf("__name__", "a", 10, 39));
    const absl::Status cleaned = store->admin()->CleanTombstones();
    const bool down = disk->down();
    disk->CutPowerAfter(0);
    store.reset();
    disk->RestorePower();
    store = Open(options);
    ASSERT_NE(store, nullptr);
    const SamplesBySeries all = ReadAll(*store);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all.at(Series("b", "1")).size(), 50u);
    const size_t left = all.at(Series("a", "1")).size();
    EXPECT_TRUE(left == 20 || (!deleted.ok() && left == 50)) << left << " " << deleted;
    ASSERT_TRUE(store->admin()->Delete(DeleteOf("__name__", "a", 10, 39)).ok());
    ASSERT_TRUE(store->Maintain(true).ok());
    EXPECT_EQ(ReadAll(*store).at(Series("a", "1")).size(), 20u);
    EXPECT_EQ(store->GetStats().tombstones, 0u);
    if (!down) break;
    ++cuts;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(cuts, 5u);
}

}  // namespace
}  // namespace baro::tsdb::testing
