// A row group gives back what was put in, and its blocks end where a sealer wants to cut.
#include "row_group.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "baro/codec/column.h"
#include "baro/model/sample.h"

namespace baro::tsdb {
namespace {

constexpr int64_t kSlotMs = 30 * 60'000;
constexpr int64_t kStepMs = 15'000;
constexpr size_t kSlotRows = kSlotMs / kStepMs;
constexpr BlockRule kRule{kSlotMs, 1'024};

double ValueAt(size_t column, size_t row) {
  return column == 0 ? static_cast<double>(row) : static_cast<double>(row / 7) * 0.5;
}

RowGroup Filled(const StoredLayout* layout, size_t rows) {
  RowGroup group(layout, &kRule);
  for (size_t row = 0; row < rows; ++row) {
    const std::vector<double> values = {ValueAt(0, row), ValueAt(1, row)};
    group.Append(static_cast<int64_t>(row) * kStepMs, values);
  }
  return group;
}

TEST(RowGroup, ABlockEndsWithItsSlotAndCanBeTakenAsItIs) {
  const StoredLayout layout{1, {10, 11}};
  const RowGroup group = Filled(&layout, 2 * kSlotRows + 1);
  for (size_t slot = 0; slot < 2; ++slot) {
    const size_t begin = slot * kSlotRows;
    for (size_t column = 0; column < 2; ++column) {
      std::vector<double> values(kSlotRows);
      ASSERT_TRUE(group.Read(column, begin, begin + kSlotRows, values.data()).ok());
      std::string encoded;
      codec::EncodeColumn(values, &encoded);
      EXPECT_EQ(group.EncodedColumn(column, begin, begin + kSlotRows), encoded);
      for (size_t row = 0; row < kSlotRows; ++row) {
        ASSERT_EQ(values[row], ValueAt(column, begin + row)) << column << " " << row;
      }
    }
  }
}

TEST(RowGroup, OnlyAWholeBlockCanBeTakenAsItIs) {
  const StoredLayout layout{1, {10, 11}};
  const RowGroup group = Filled(&layout, kSlotRows + 1);
  EXPECT_TRUE(group.EncodedColumn(0, 0, kSlotRows).has_value());
  EXPECT_FALSE(group.EncodedColumn(0, 1, kSlotRows).has_value());
  EXPECT_FALSE(group.EncodedColumn(0, 0, kSlotRows - 1).has_value());
  EXPECT_FALSE(group.EncodedColumn(0, 0, kSlotRows + 1).has_value());
  EXPECT_FALSE(group.EncodedColumn(0, kSlotRows, kSlotRows + 1).has_value());  // of the tail
}

TEST(RowGroup, AColumnThatJoinsLaterIsInTheBlocksFromThenOn) {
  RowGroup group(nullptr, &kRule);
  group.AddColumn(7);
  for (size_t row = 0; row < 2 * kSlotRows + 1; ++row) {
    group.Open(static_cast<int64_t>(row) * kStepMs);
    if (row == kSlotRows + 3) group.AddColumn(8);
    for (size_t i = 0; i < group.column_count(); ++i) group.SetCell(i, ValueAt(i, row));
  }
  EXPECT_TRUE(group.EncodedColumn(0, 0, kSlotRows).has_value());
  EXPECT_FALSE(group.EncodedColumn(1, 0, kSlotRows).has_value());
  EXPECT_TRUE(group.EncodedColumn(1, kSlotRows, 2 * kSlotRows).has_value());
  std::vector<double> values(2 * kSlotRows + 1);
  ASSERT_TRUE(group.Read(1, 0, values.size(), values.data()).ok());
  for (size_t row = 0; row < values.size(); ++row) {
    const bool there = row >= kSlotRows + 3;
    EXPECT_EQ(model::IsNoSample(values[row]), !there) << row;
    if (there) {
      EXPECT_EQ(values[row], ValueAt(1, row)) << row;
    }
  }
}

}  // namespace
}  // namespace baro::tsdb
