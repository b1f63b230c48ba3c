#include "baro/base/memory_budget.h"

#include <atomic>
#include <vector>

#include "gtest/gtest.h"

namespace baro::base {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

class MemoryBudgetTest : public testing::Test {
 protected:
  MemoryBudget NewBudget(uint64_t limit_bytes) {
    return MemoryBudget({limit_bytes, [this] { return resident_.load(); }, &clock_});
  }
  void Use(uint64_t bytes) {
    resident_ = bytes;
    clock_.AdvanceMs(1000);
  }

  std::atomic<uint64_t> resident_{0};
  FakeClock clock_{0};
};

TEST_F(MemoryBudgetTest, ResidentMemoryOfThisProcessIsKnown) {
  const uint64_t before = ResidentBytes();
  EXPECT_GT(before, 0);
  const std::vector<char> block(64 * kMiB, 1);
  EXPECT_GT(ResidentBytes(), before + 48 * kMiB) << block.size();
  EXPECT_GT(DefaultMemoryLimit(), kMiB);
  EXPECT_LT(DefaultMemoryLimit(), MachineMemoryBytes());
}

TEST_F(MemoryBudgetTest, PressureRisesWithWhatIsResident) {
  const MemoryBudget budget = NewBudget(100 * kMiB);
  Use(60 * kMiB);
  EXPECT_EQ(budget.pressure(), Pressure::kNone);
  Use(75 * kMiB);
  EXPECT_EQ(budget.pressure(), Pressure::kSeal);
  Use(90 * kMiB);
  EXPECT_EQ(budget.pressure(), Pressure::kRefuse);
  Use(96 * kMiB);
  EXPECT_EQ(budget.pressure(), Pressure::kStop);
  Use(10 * kMiB);
  EXPECT_EQ(budget.pressure(), Pressure::kNone);
}

TEST_F(MemoryBudgetTest, QueriesGetAThirdAndGiveItBack) {
  MemoryBudget budget = NewBudget(90 * kMiB);
  Use(10 * kMiB);
  {
    MemoryShare first(&budget);
    EXPECT_TRUE(first.Grow(20 * kMiB));
    MemoryShare second(&budget);
    EXPECT_FALSE(second.Grow(20 * kMiB));
    EXPECT_TRUE(second.Grow(8 * kMiB));
    EXPECT_EQ(budget.refused_total(), 1);
    first.Shrink(kMiB);
    EXPECT_TRUE(second.Grow(20 * kMiB));
  }
  EXPECT_EQ(budget.reserved_bytes(), 0);
}

TEST_F(MemoryBudgetTest, AFullProcessReservesNothing) {
  MemoryBudget budget = NewBudget(100 * kMiB);
  Use(94 * kMiB);
  EXPECT_FALSE(budget.Reserve(2 * kMiB));
  Use(20 * kMiB);
  EXPECT_TRUE(budget.Reserve(2 * kMiB));
  budget.Release(2 * kMiB);
}

TEST_F(MemoryBudgetTest, WithoutALimitThereIsNoPressure) {
  MemoryBudget budget = NewBudget(0);
  Use(UINT64_MAX);
  EXPECT_EQ(budget.pressure(), Pressure::kNone);
  EXPECT_TRUE(budget.Reserve(1000 * kMiB));
  budget.Release(1000 * kMiB);
}

}  // namespace
}  // namespace baro::base
