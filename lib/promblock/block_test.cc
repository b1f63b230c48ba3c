// Blocks come back as they were written, and damage is named.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include "baro/base/strings.h"
#include "baro/promblock/block_reader.h"
#include "baro/promblock/block_writer.h"
#include "block_files.h"
#include "gtest/gtest.h"

namespace baro::promblock {
namespace {

using Content = std::map<model::Labels, std::vector<Chunk>>;

uint64_t Seed() {
  const char* const text = std::getenv("BARO_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  testing::Test::RecordProperty("seed", std::to_string(seed));
  std::printf("BARO_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

class BlockTest : public testing::Test {
 protected:
  BlockTest()
      : folder_(base::StrCat(testing::TempDir(), "/blocks-",
                             testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
  }
  ~BlockTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<BlockWriter> NewWriter(int64_t start_ms, int64_t end_ms) {
    return *BlockWriter::Create({folder_, start_ms, end_ms, 1, 2, 1'700'000'000'000});
  }
  std::string Write(const Content& content) {
    auto writer = NewWriter(-1'000'000, 10'000'000);
    for (const auto& [labels, chunks] : content) {
      const absl::Status status = writer->Add(labels, chunks);
      EXPECT_TRUE(status.ok()) << status;
    }
    auto block = writer->Finish();
    EXPECT_TRUE(block.ok()) << block.status();
    return block.ok() ? *block : "";
  }
  static absl::StatusOr<Content> Read(const std::string& block) {
    auto reader = BlockReader::Open(block);
    if (!reader.ok()) return reader.status();
    Content content;
    BlockSeries series;
    for (;;) {
      const auto there = (*reader)->Next(&series);
      if (!there.ok()) return there.status();
      if (!*there) return content;
      content[series.labels] = series.chunks;
    }
  }

  const std::string folder_;
};

Content RandomContent(std::mt19937_64* random, size_t series_count) {
  Content content;
  const auto below = [random](uint64_t limit) { return (*random)() % limit; };
  for (size_t i = 0; i < series_count; ++i) {
    std::vector<Chunk> chunks;
    int64_t time_ms = static_cast<int64_t>(below(1'000'000)) - 900'000;
    for (uint64_t count = 1 + below(5); count > 0; --count) {
      Chunk& chunk = chunks.emplace_back();
      chunk.time_ms_min = time_ms;
      chunk.time_ms_max = time_ms + static_cast<int64_t>(below(100'000));
      chunk.encoding = static_cast<ChunkEncoding>(1 + below(3));
      chunk.data.resize(1 + below(400), static_cast<char>(below(256)));
      time_ms = chunk.time_ms_max + 1 + static_cast<int64_t>(below(1000));
    }
    content[model::Labels{{"__name__", base::StrCat("metric_", below(7))},
                          {"instance", base::StrCat("näme-", below(1000))},
                          {"n", base::StrCat(i)}}] = std::move(chunks);
  }
  return content;
}

bool Same(const Content& a, const Content& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && std::equal(x.second.begin(), x.second.end(), y.second.begin(),
                                            y.second.end(), [](const Chunk& c, const Chunk& d) {
                                              return c.time_ms_min == d.time_ms_min &&
                                                     c.time_ms_max == d.time_ms_max &&
                                                     c.encoding == d.encoding && c.data == d.data;
                                            });
  });
}

TEST_F(BlockTest, ComesBackAsItWasWritten) {
  std::mt19937_64 random(Seed());
  for (const size_t series_count : {1u, 3u, 500u}) {
    const Content content = RandomContent(&random, series_count);
    const auto read = Read(Write(content));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(Same(*read, content));
    std::filesystem::remove_all(folder_);
  }
}

TEST_F(BlockTest, LeavesNothingWhenItIsNotFinished) {
  {
    auto writer = NewWriter(0, 1000);
    ASSERT_TRUE(writer->Add({{"__name__", "a"}}, {{1, 2, ChunkEncoding::kXor, "x", 2}}).ok());
    EXPECT_EQ(ListBlocks(folder_)->size(), 0);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_EQ(*NewWriter(0, 1000)->Finish(), "") << "an empty block is none";
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(BlockTest, RefusesWhatABlockCannotHold) {
  auto writer = NewWriter(0, 1000);
  const model::Labels labels{{"__name__", "a"}};
  EXPECT_FALSE(writer->Add(labels, {}).ok());
  EXPECT_FALSE(writer->Add(labels, {{-1, 2, ChunkEncoding::kXor, "x", 2}}).ok());
  EXPECT_FALSE(writer->Add(labels, {{1, 1000, ChunkEncoding::kXor, "x", 2}}).ok());
  EXPECT_FALSE(
      writer
          ->Add(labels, {{5, 9, ChunkEncoding::kXor, "x", 2}, {9, 12, ChunkEncoding::kXor, "x", 2}})
          .ok());
  ASSERT_TRUE(writer->Add(labels, {{1, 2, ChunkEncoding::kXor, "x", 2}}).ok());
  ASSERT_TRUE(writer->Add(labels, {{1, 2, ChunkEncoding::kXor, "x", 2}}).ok());
  EXPECT_EQ(writer->Finish().status().code(), absl::StatusCode::kAlreadyExists);
}

// Flips each byte of a small block's files, one at a time: everything is covered by a checksum, so
// each flip is told, or harmless (padding, JSON's blanks), never another content.
TEST_F(BlockTest, NamesDamageWhereverItIs) {
  std::mt19937_64 random(Seed());
  const Content content = RandomContent(&random, 5);
  const std::string block = Write(content);
  for (const char* name : {"index", "chunks/000001", "tombstones"}) {
    const std::string path = base::StrCat(block, "/", name);
    const auto size = std::filesystem::file_size(path);
    size_t told = 0;
    for (size_t offset = 0; offset < size; ++offset) {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(offset));
      const char byte = static_cast<char>(file.get());
      const auto put = [&](char value) {
        file.seekp(static_cast<std::streamoff>(offset));
        file.put(value);
        file.flush();
      };
      put(static_cast<char>(byte ^ 0x40));
      const auto read = Read(block);
      told += read.ok() ? 0 : 1;
      EXPECT_TRUE(!read.ok() || Same(*read, content)) << name << " at " << offset;
      put(byte);
    }
    EXPECT_GT(told, size / 4) << name;
  }
}

TEST_F(BlockTest, NamesAreSortableByTime) {
  EXPECT_EQ(BlockName(0, 0, 0), "00000000000000000000000000");
  EXPECT_EQ(BlockName(281474976710655, UINT64_MAX, UINT64_MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  EXPECT_EQ(BlockName(1469918176385, 0, 0).substr(0, 10), "01ARYZ6S41");
  EXPECT_LT(BlockName(1'700'000'000'000, 9, 9), BlockName(1'700'000'000'001, 0, 0));
}

TEST_F(BlockTest, TombstonesAreRead) {
  EXPECT_TRUE(DecodeTombstones(EncodeNoTombstones())->empty());
  EXPECT_FALSE(DecodeTombstones("").ok());
}

}  // namespace
}  // namespace baro::promblock
