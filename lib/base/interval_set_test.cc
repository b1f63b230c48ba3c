// An interval set answers like the plain set of its numbers.

#include "baro/base/interval_set.h"

#include <random>
#include <set>

#include "gtest/gtest.h"

namespace baro::base {
namespace {

TEST(IntervalSet, MeltsNeighboursAndOverlaps) {
  IntervalSet set;
  EXPECT_EQ(set.floor(), 0u);
  set.Add({5, 6});
  set.Add({1, 2});
  set.Add({9, 9});
  EXPECT_EQ(set.intervals(), (std::vector<Interval>{{1, 2}, {5, 6}, {9, 9}}));
  EXPECT_EQ(set.floor(), 2u);
  set.Add({3, 4});
  EXPECT_EQ(set.intervals(), (std::vector<Interval>{{1, 6}, {9, 9}}));
  set.Add({2, UINT64_MAX});
  EXPECT_EQ(set.intervals(), (std::vector<Interval>{{1, UINT64_MAX}}));
  EXPECT_EQ(set.max(), UINT64_MAX);
}

TEST(IntervalSet, AnswersLikeAPlainSet) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    IntervalSet set;
    std::set<uint64_t> numbers;
    for (int i = 0; i < 20; ++i) {
      const uint64_t first = 1 + random() % 60;
      const uint64_t last = first + random() % 6;
      set.Add({first, last});
      for (uint64_t n = first; n <= last; ++n) numbers.insert(n);
    }
    uint64_t floor = 0;
    while (numbers.contains(floor + 1)) ++floor;
    ASSERT_EQ(set.floor(), floor);
    ASSERT_EQ(set.max(), *numbers.rbegin());
    for (uint64_t first = 1; first < 70; ++first) {
      bool covered = true;
      for (uint64_t last = first; last < 70; ++last) {
        covered = covered && numbers.contains(last);
        ASSERT_EQ(set.Covers({first, last}), covered) << first << "-" << last;
      }
    }
    for (size_t i = 1; i < set.intervals().size(); ++i)
      ASSERT_GT(set.intervals()[i].first, set.intervals()[i - 1].last + 1);
  }
}

}  // namespace
}  // namespace baro::base
