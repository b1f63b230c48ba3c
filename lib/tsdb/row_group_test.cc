// A row group gives back what was put in, and its blocks end where a sealer wants to cut.
#include "row_group.h"

#include <gtest/gtest.h>
#include <roaring/roaring.hh>

#include <bit>
#include <string>
#include <string_view>
#include <vector>

#include "baro/codec/column.h"
#include "baro/model/sample.h"
#include "target_head.h"

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

std::vector<uint64_t> AllBits(const RowGroup& group, size_t position) {
  std::vector<double> values(group.times_ms().size());
  EXPECT_TRUE(group.Read(position, 0, values.size(), values.data()).ok());
  std::vector<uint64_t> bits;
  for (const double value : values) bits.push_back(std::bit_cast<uint64_t>(value));
  return bits;
}

TEST(RowGroup, FrozenRowsReadAsBeforeAndTakeLessMemory) {
  RowGroup group(nullptr, &kRule);
  for (int i = 0; i < 3; ++i) group.AddColumn(static_cast<ColumnId>(7 + i));
  constexpr size_t kRows = kSlotRows + 40;
  for (size_t row = 0; row < kRows; ++row) {
    group.Open(static_cast<int64_t>(row) * kStepMs);
    for (size_t i = 0; i < 3; ++i) {
      if ((row + i) % 5 != 0) group.SetCell(i, ValueAt(i, row));  // the open row has a gap, too
    }
  }
  std::vector<std::vector<uint64_t>> before;
  for (size_t i = 0; i < 3; ++i) before.push_back(AllBits(group, i));
  const size_t bytes = group.bytes();
  group.Freeze();
  EXPECT_LT(group.bytes(), bytes);
  EXPECT_FALSE(group.open());
  const std::vector<uint32_t> positions = {0, 1, 2};
  for (size_t row = 0; row < kRows; ++row) {
    std::vector<double> cells(3);
    ASSERT_TRUE(group.ReadRow(positions, row, cells.data()).ok());
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(std::bit_cast<uint64_t>(cells[i]), before[i][row]) << "row " << row;
    }
  }
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(AllBits(group, i), before[i]) << "column " << i;
    EXPECT_TRUE(group.EncodedColumn(i, kSlotRows, kRows).has_value()) << "the tail is a block now";
  }
}

TEST(TargetHead, WhatAReaderHoldsOutlastsTheFreeze) {
  TargetHead head(&kRule);
  head.Lock();
  Applied applied;
  for (size_t row = 0; row < 50; ++row) {
    SeriesHint hint;
    for (ColumnId column = 0; column < 40; ++column) {
      if (row == 49 && column >= 20) break;  // the last row stays open, half of it empty
      head.AppendSample(column, static_cast<int64_t>(row) * kStepMs, ValueAt(column, row), &hint,
                        &applied);
    }
  }
  head.Unlock();
  EXPECT_EQ(applied.stored, 49U * 40 + 20);
  Roaring few;
  few.add(3U);
  few.add(35U);
  const auto places = head.Places(few);
  const TargetSnapshot snapshot = head.Snapshot();
  ASSERT_EQ(snapshot.groups.size(), 1U);
  std::vector<std::string_view> encoded;
  const std::vector<uint32_t> positions = {3, 35};
  EXPECT_FALSE(head.FindEncoded(snapshot.groups[0], positions, 0, 50, &encoded));
  head.Lock();
  head.Freeze();
  head.Unlock();
  EXPECT_TRUE(head.FindEncoded(snapshot.groups[0], positions, 0, 50, &encoded));
  EXPECT_EQ(encoded.size(), 2U);
  std::vector<double> values(2 * 50);
  ASSERT_TRUE(head.Read(snapshot.groups[0], positions, 0, 50, values.data()).ok());
  for (size_t row = 0; row < 50; ++row) {
    EXPECT_EQ(values[row], ValueAt(3, row));
  }
  for (size_t row = 0; row < 49; ++row) EXPECT_EQ(values[50 + row], ValueAt(35, row));
  EXPECT_TRUE(model::IsNoSample(values[99]));
  const auto again = head.Places(few);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(*again[0].columns, *places[0].columns);
}

}  // namespace
}  // namespace baro::tsdb
