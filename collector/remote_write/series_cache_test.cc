// The cache remembers what is asked for and never outgrows its capacity.

#include "remote_write/series_cache.h"

#include <string>
#include <vector>

#include "baro/base/task_group.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

TEST(SeriesCache, FindsWhatWasInserted) {
  SeriesCache cache(1'000, 7);
  const LabelHash hash = cache.Hash("labels");
  EXPECT_FALSE(cache.Find(hash));
  cache.Insert(hash, {3, 4});
  ASSERT_TRUE(cache.Find(hash));
  EXPECT_EQ(cache.Find(hash)->target, 3u);
  EXPECT_EQ(cache.Find(hash)->column, 4u);
}

TEST(SeriesCache, HashesDifferentlyInEachProcess) {
  EXPECT_FALSE(SeriesCache(10, 1).Hash("labels") == SeriesCache(10, 2).Hash("labels"));
}

TEST(SeriesCache, StaysWithinItsCapacityAndKeepsWhatIsUsed) {
  SeriesCache cache(3'200, 7);
  const LabelHash used = cache.Hash("used");
  cache.Insert(used, {1, 1});
  for (uint32_t i = 0; i < 50'000; ++i) {
    cache.Insert(cache.Hash("series " + std::to_string(i)), {i, 0});
    ASSERT_TRUE(cache.Find(used)) << i;
    if (i % 1'000 == 0) {
      ASSERT_LE(cache.size(), 3'200u);
    }
  }
  EXPECT_FALSE(cache.Find(cache.Hash("series 0")));
}

// Series of a scrape, as one request or cut into several.
class Fleet {
 public:
  explicit Fleet(SeriesCache* cache) : cache_(cache) {}
  void Send(const std::vector<uint32_t>& series) {
    SeriesCache::Walk walk(cache_);
    for (const uint32_t one : series) {
      const LabelHash hash = cache_->Hash("series " + std::to_string(one));
      if (const auto found = walk.Find(hash)) {
        ASSERT_EQ(found->column, one);
      } else {
        walk.Insert(hash, {0, one});
        ++inserted_;
      }
    }
  }
  size_t inserted() const { return inserted_; }

 private:
  SeriesCache* const cache_;
  size_t inserted_ = 0;
};

TEST(SeriesCache, AWalkFindsSeriesInAnyOrderAndCut) {
  SeriesCache cache(10'000, 7);
  Fleet fleet(&cache);
  fleet.Send({1, 2, 3, 4, 5, 6});
  fleet.Send({1, 2, 3});
  fleet.Send({4, 5, 6});
  fleet.Send({6, 5, 4, 3, 2, 1});  // learned anew
  fleet.Send({6, 5, 4, 3, 2, 1});
  fleet.Send({1, 1, 3, 3, 9, 2, 6});
  fleet.Send({9, 2, 6, 1});
  EXPECT_EQ(fleet.inserted(), 7U);
}

TEST(SeriesCache, AWalkGoesOnOverTheEndOfAGeneration) {
  SeriesCache cache(100, 7);
  std::vector<uint32_t> series(40);
  for (uint32_t round = 0; round < 20; ++round) {
    for (uint32_t i = 0; i < series.size(); ++i) series[i] = round * 10 + i;
    Fleet(&cache).Send(series);
    Fleet again(&cache);
    again.Send(series);
    EXPECT_EQ(again.inserted(), 0U) << round;
    ASSERT_LE(cache.size(), 100U);
  }
}

TEST(SeriesCache, TakesASixteenthOfTheMemoryLimit) {
  EXPECT_EQ(SeriesCache::CapacityWithin(0, 1'000), 1'000U);
  EXPECT_EQ(SeriesCache::CapacityWithin(uint64_t{64} << 30, 1'000), 1'000U);
  EXPECT_EQ(SeriesCache::CapacityWithin(uint64_t{16} * 48 * 300, 1'000), 300U);
}

// For the thread sanitizer: two senders of the same and of other series.
TEST(SeriesCache, WalksRunBesideEachOther) {
  SeriesCache cache(2'000, 7);
  base::TaskGroup senders;
  for (uint32_t sender = 0; sender < 3; ++sender) {
    senders.Start("sender", [&cache, sender] {
      for (uint32_t round = 0; round < 50; ++round) {
        std::vector<uint32_t> series;
        for (uint32_t i = 0; i < 200; ++i) series.push_back(i * (sender + 1) + round);
        Fleet(&cache).Send(series);
      }
    });
  }
  senders.Stop();
  EXPECT_LE(cache.size(), 2'000U);
}

}  // namespace
}  // namespace baro::collector
