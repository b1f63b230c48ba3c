// The cache remembers what is asked for and never outgrows its capacity.

#include "remote_write/series_cache.h"

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

}  // namespace
}  // namespace baro::collector
