// What an operator does: a delete takes away what was stored when it was made, and nothing else.
// Method: a reference in memory beside the store; random writes, deletes, seals and starts.
#include <gtest/gtest.h>

#include "baro/tsdb/store_admin.h"
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

}  // namespace
}  // namespace baro::tsdb::testing
