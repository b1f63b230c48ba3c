// Folders that older programs wrote open and give every sample; one of a younger program is refused
// with its version named. Method: a store of today, its merged values and its state written back as
// the older program had them.
#include <gtest/gtest.h>
#include <rocksdb/write_batch.h>

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "baro/base/strings.h"
#include "baro/codec/column.h"
#include "bucket_stats.h"
#include "bytes.h"
#include "database.h"
#include "keys.h"
#include "slot_value.h"
#include "store_test_support.h"

namespace baro::tsdb::testing {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kRows = 600;  // two and a half hours: one merged part, and more than one chunk

StoreOptions Options(const std::string& path) {
  StoreOptions options;
  options.path = path;
  options.retention_ms = 0;
  options.background = false;
  return options;
}

void AppendRows(Store* store, int64_t first_ms, int64_t rows) {
  SampleBatch batch;
  for (int series = 0; series < 40; ++series) {
    const model::Labels labels{{"__name__", "bucket" + std::to_string(series)},
                               {"instance", "one"}};
    for (int64_t row = 0; row < rows; ++row) {
      // Columns that follow one another, as those of a histogram do.
      const double value = std::floor(static_cast<double>(row * (series + 3)) / 7);
      Add(store, labels, first_ms + row * 15'000, value, &batch);
    }
  }
  ASSERT_TRUE(AppendAndWait(store, std::move(batch)).status.ok());
}

// As version 2 wrote a merged value: every chunk of a column packed and on its own.
std::string Packed(const SlotValues& values) {
  ChunkedValues packed(values.chunk_rows());
  for (size_t column = 0; column < values.column_count(); ++column) {
    std::vector<double> rows(values.row_count());
    EXPECT_TRUE(values.Decode(column, rows).ok());
    std::vector<std::string> pieces(values.chunk_rows().size());
    size_t row = 0;
    for (size_t i = 0; i < pieces.size(); row += values.chunk_rows()[i++]) {
      codec::EncodeColumn(std::span(rows).subspan(row, values.chunk_rows()[i]), &pieces[i]);
    }
    packed.Add(std::vector<std::string_view>(pieces.begin(), pieces.end()));
  }
  return std::move(packed).Finish();
}

std::string StatisticsOf(const SlotValues& values) {
  Buckets buckets;
  buckets.numbers = {0};
  buckets.end_row = {static_cast<uint32_t>(values.row_count())};
  BucketStatsWriter statistics(buckets);
  for (size_t column = 0; column < values.column_count(); ++column) {
    std::vector<double> rows(values.row_count());
    EXPECT_TRUE(values.Decode(column, rows).ok());
    statistics.Add(rows);
  }
  return std::move(statistics).Finish();
}

class StoreVersionTest : public ::testing::Test {
 protected:
  // The state record with another version, what is behind it as it was.
  void SetVersion(uint64_t version) {
    auto database = Database::Open(folder_.path(), nullptr);
    ASSERT_TRUE(database.ok()) << database.status();
    const std::string key = IdKey(kStateKey, 0);
    std::string state;
    ASSERT_TRUE(
        (*database)->db()->Get(rocksdb::ReadOptions(), (*database)->index(), key, &state).ok());
    std::string_view rest = state;
    uint64_t before = 0;
    ASSERT_TRUE(TakeVarint(&rest, &before));
    version_ = before;
    std::string changed;
    PutVarint(version, &changed);
    changed += rest;
    ASSERT_TRUE(
        (*database)->db()->Put(rocksdb::WriteOptions(), (*database)->index(), key, changed).ok());
  }

  // Merged values as version 2 wrote them. Returns how many.
  size_t PackMergedValues() {
    auto database = Database::Open(folder_.path(), nullptr);
    EXPECT_TRUE(database.ok()) << database.status();
    rocksdb::WriteBatch batch;
    size_t packed = 0;
    rocksdb::ColumnFamilyHandle* const slots = (*database)->slots();
    const std::unique_ptr<rocksdb::Iterator> it(
        (*database)->db()->NewIterator(rocksdb::ReadOptions(), slots));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      SlotKey key;
      EXPECT_TRUE(DecodeSlotKey(FromSlice(it->key()), &key));
      const auto values = SlotValues::Parse(FromSlice(it->value()));
      if (key.block == kTimesBlock || !values.ok()) continue;
      EXPECT_TRUE(batch.Put(slots, it->key(), Packed(*values)).ok());
      ++key.block;
      EXPECT_TRUE(batch.Put(slots, EncodeSlotKey(key), StatisticsOf(*values)).ok());
      ++packed;
    }
    EXPECT_TRUE((*database)->db()->Write(rocksdb::WriteOptions(), &batch).ok());
    return packed;
  }

  const Folder folder_{"version"};
  uint64_t version_ = 0;  // that was there
};

TEST_F(StoreVersionTest, AFolderOfVersion2OpensAndGivesEverySample) {
  SamplesBySeries expected;
  {
    auto store = *Store::Open(Options(folder_.path()));
    AppendRows(store.get(), 0, kRows);
    ASSERT_TRUE(store->Maintain(true).ok());
    expected = ReadAll(*store);
  }
  ASSERT_EQ(expected.size(), 40U);
  ASSERT_GT(PackMergedValues(), 1U);
  SetVersion(2);
  {
    auto opened = Store::Open(Options(folder_.path()));
    ASSERT_TRUE(opened.ok()) << opened.status();
    auto store = *std::move(opened);
    EXPECT_EQ(ReadAll(*store), expected);
    // Old and new values are merged with one another.
    AppendRows(store.get(), 3 * kHourMs, kRows);
    ASSERT_TRUE(store->Maintain(true).ok());
    const SamplesBySeries all = ReadAll(*store);
    for (const auto& [labels, samples] : expected) {
      ASSERT_TRUE(all.contains(labels)) << labels.ToString();
      EXPECT_EQ(all.at(labels).size(), 2 * samples.size());
      for (const auto& [time_ms, bits] : samples) {
        ASSERT_EQ(all.at(labels).at(time_ms), bits) << labels.ToString() << " " << time_ms;
      }
    }
  }
  SetVersion(2);
  EXPECT_GT(version_, 2U) << "the first write had made it a folder of today";
}

TEST_F(StoreVersionTest, AFolderOfAYoungerProgramIsRefused) {
  {
    auto store = *Store::Open(Options(folder_.path()));
    AppendRows(store.get(), 0, 3);
    ASSERT_TRUE(store->Maintain(true).ok());
  }
  SetVersion(99);
  const auto opened = Store::Open(Options(folder_.path()));
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string text(base::FromAbsl(opened.status().message()));
  EXPECT_NE(text.find("format version 99"), std::string::npos) << text;
  EXPECT_NE(text.find(folder_.path()), std::string::npos) << text;
  SetVersion(version_);
  EXPECT_EQ(version_, 99U) << "refusing has changed nothing";
}

}  // namespace
}  // namespace baro::tsdb::testing
