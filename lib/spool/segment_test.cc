// The bytes of a segment give back what was put in, and refuse everything else.

#include "baro/spool/segment.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace baro::spool {
namespace {

std::string GoodSegment() {
  std::string bytes;
  AppendSegmentHeader(
      {.number = 7, .created_ms = -5, .first_sequence = 41, .next_declaration_id = 3}, &bytes);
  AppendRecord({.kind = RecordKind::kDeclaration, .declaration_id = 3, .bytes = "layout"}, &bytes);
  AppendRecord(
      {.first_sequence = 41, .frame_count = 2, .sample_count = 9, .priority = 1, .bytes = "frames"},
      &bytes);
  return bytes;
}

TEST(Segment, GivesBackHeaderAndRecords) {
  const std::string bytes = GoodSegment();
  const auto header = DecodeSegmentHeader(bytes);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->number, 7u);
  EXPECT_EQ(header->created_ms, -5);
  EXPECT_EQ(header->first_sequence, 41u);
  EXPECT_EQ(header->next_declaration_id, 3u);

  std::string_view rest = std::string_view(bytes).substr(kSegmentHeaderBytes);
  const auto declaration = DecodeRecord(&rest);
  ASSERT_TRUE(declaration.ok()) << declaration.status();
  EXPECT_EQ(declaration->kind, RecordKind::kDeclaration);
  EXPECT_EQ(declaration->declaration_id, 3u);
  EXPECT_EQ(declaration->bytes, "layout");
  const auto batch = DecodeRecord(&rest);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->kind, RecordKind::kBatch);
  EXPECT_EQ(batch->first_sequence, 41u);
  EXPECT_EQ(batch->last_sequence(), 42u);
  EXPECT_EQ(batch->sample_count, 9u);
  EXPECT_EQ(batch->priority, 1);
  EXPECT_EQ(batch->bytes, "frames");
  EXPECT_TRUE(rest.empty());
}

// The bytes of version 1 never change.
TEST(Segment, WritesTheBytesOfVersionOne) {
  const std::string path = std::string(BARO_TESTDATA_DIR) + "/segment_v1.seg";
  if (getenv("BARO_UPDATE_GOLDEN") != nullptr)
    std::ofstream(path, std::ios::binary) << GoodSegment();
  std::ifstream file(path, std::ios::binary);
  const std::string golden((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  EXPECT_EQ(GoodSegment(), golden);
}

TEST(Segment, AsksForMoreAtEveryTruncation) {
  const std::string bytes = GoodSegment().substr(kSegmentHeaderBytes);
  std::string_view whole = bytes;
  ASSERT_TRUE(DecodeRecord(&whole).ok());
  const size_t first_size = bytes.size() - whole.size();
  for (size_t size = 0; size < first_size; ++size) {
    std::string_view cut = std::string_view(bytes).substr(0, size);
    EXPECT_EQ(DecodeRecord(&cut).status().code(), absl::StatusCode::kOutOfRange) << size;
    EXPECT_EQ(cut.size(), size);
  }
}

TEST(Segment, RefusesEveryFlippedBit) {
  const std::string good = GoodSegment();
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    std::string_view rest = std::string_view(bad).substr(kSegmentHeaderBytes);
    const bool read =
        DecodeSegmentHeader(bad).ok() && DecodeRecord(&rest).ok() && DecodeRecord(&rest).ok();
    EXPECT_FALSE(read) << "bit " << bit;
  }
}

TEST(Segment, RefusesSizesAndBatchesThatCannotBe) {
  std::string huge("\xff\xff\xff\xff....", 8);
  std::string_view rest = huge;
  EXPECT_EQ(DecodeRecord(&rest).status().code(), absl::StatusCode::kDataLoss);
  std::string bytes;
  AppendRecord({.first_sequence = UINT64_MAX, .frame_count = 2, .bytes = ""}, &bytes);
  rest = bytes;
  EXPECT_EQ(DecodeRecord(&rest).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace baro::spool
