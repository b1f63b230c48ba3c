// A chain of frames gives back exactly the rows that went in, can go on in another decoder, and
// refuses damaged bytes.
// Method: series of every shape under random absence and key frames, held bit for bit against the
// rows; then every truncation and random damage of good frames.

#include "baro/codec/frame.h"

#include <string>
#include <vector>

#include "bitmap.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "random_values.h"

namespace baro::codec {
namespace {

using ::testing::HasSubstr;

struct TimedRow {
  int64_t time_ms = 0;
  std::vector<double> values;
};

// Rows whose columns each keep a shape, with columns that come and go.
std::vector<TimedRow> RandomRows(size_t column_count, size_t row_count, Random* random) {
  std::vector<std::vector<double>> columns;
  for (size_t c = 0; c < column_count; ++c) {
    columns.push_back(RandomSeries(static_cast<Shape>(Below(random, kShapes)), row_count, random));
    if (Below(random, 4) != 0) continue;
    bool absent = Below(random, 2) == 0;
    for (double& value : columns.back()) {
      if (Below(random, 5) == 0) absent = !absent;
      if (absent) value = model::kStaleNan;
    }
  }
  std::vector<TimedRow> rows(row_count);
  int64_t time_ms = Below(random, 10) == 0 ? static_cast<int64_t>((*random)()) : 1'700'000'000'000;
  for (size_t r = 0; r < row_count; ++r) {
    rows[r].time_ms = time_ms;
    for (const auto& column : columns) rows[r].values.push_back(column[r]);
    const uint64_t step = Below(random, 50) == 0 ? (*random)() : 15'000 + Below(random, 3);
    time_ms = static_cast<int64_t>(static_cast<uint64_t>(time_ms) + step);
  }
  return rows;
}

std::string EncodeAll(const std::vector<TimedRow>& rows) {
  FrameEncoder encoder(rows.front().values.size());
  std::string bytes;
  for (const TimedRow& row : rows) encoder.Encode({row.time_ms, row.values}, false, &bytes);
  return bytes;
}

// Bits of the columns that differ between two rows.
std::vector<uint64_t> Differing(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<uint64_t> words(WordsOf(a.size()));
  for (size_t c = 0; c < a.size(); ++c) {
    words[c / 64] |= uint64_t{BitsOf(a[c]) != BitsOf(b[c])} << (c % 64);
  }
  return words;
}

void ExpectRow(const TimedRow& row, const Row& decoded) {
  EXPECT_EQ(decoded.time_ms, row.time_ms);
  ASSERT_TRUE(SameBits({decoded.values.begin(), decoded.values.end()}, row.values));
}

TEST(Frame, GivesBackEveryRowAndSaysWhatChanged) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  for (int chain = 0; chain < 60; ++chain) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " chain " << chain);
    const auto rows = RandomRows(Below(&random, 300), 60, &random);
    FrameEncoder encoder(rows.front().values.size());
    FrameDecoder decoder(rows.front().values.size());
    for (size_t r = 0; r < rows.size(); ++r) {
      std::string bytes;
      if (Below(&random, 30) == 0) encoder.StartChain();
      encoder.Encode({rows[r].time_ms, rows[r].values}, Below(&random, 20) == 0, &bytes);
      std::string_view left = bytes;
      Row decoded;
      std::vector<uint64_t> changed;
      const absl::Status status = decoder.Decode(&left, &decoded, &changed);
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_TRUE(left.empty());
      ExpectRow(rows[r], decoded);
      if (r == 0) continue;
      EXPECT_EQ(changed, Differing(rows[r].values, rows[r - 1].values)) << "row " << r;
    }
  }
}

TEST(Frame, TheStateLetsAnotherDecoderGoOn) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  for (int chain = 0; chain < 30; ++chain) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " chain " << chain);
    const auto rows = RandomRows(1 + Below(&random, 200), 40, &random);
    const std::string bytes = EncodeAll(rows);
    std::string_view left = bytes;
    FrameDecoder decoder(rows.front().values.size());
    for (const TimedRow& row : rows) {
      Row decoded;
      ASSERT_TRUE(decoder.Decode(&left, &decoded).ok());
      ExpectRow(row, decoded);
      if (Below(&random, 4) != 0) continue;
      std::string state;
      decoder.EncodeState(&state);
      decoder = FrameDecoder(row.values.size());
      std::string_view state_left = state;
      ASSERT_TRUE(decoder.Decode(&state_left, &decoded).ok());
      EXPECT_TRUE(state_left.empty());
      ExpectRow(row, decoded);
    }
  }
}

TEST(Frame, ADecoderWithoutARowHasNoState) {
  std::string state;
  FrameDecoder(3).EncodeState(&state);
  EXPECT_EQ(state, "");
}

TEST(Frame, SaysAllColumnsChangedInItsFirstRow) {
  const std::string bytes = EncodeAll({{1, std::vector<double>(70)}});
  std::string_view left = bytes;
  Row row;
  std::vector<uint64_t> changed;
  FrameDecoder decoder(70);
  ASSERT_TRUE(decoder.Decode(&left, &row, &changed).ok());
  EXPECT_EQ(changed, (std::vector<uint64_t>{~uint64_t{0}, 0x3f}));
}

TEST(Frame, AnUnchangedRowCostsFewBytes) {
  std::vector<TimedRow> rows(3, {0, std::vector<double>(1000, 12345.67)});
  for (size_t r = 0; r < 3; ++r)
    rows[r].time_ms = 1'700'000'000'000 + 15'000 * static_cast<int64_t>(r);
  const size_t two = EncodeAll({rows[0], rows[1]}).size();
  // Size, flags, time; and once the bitmap that says that all is quiet now.
  EXPECT_EQ(EncodeAll(rows).size() - two, 3u);
}

TEST(Frame, NextFrameCutsWithoutReading) {
  Random random(1);
  const auto rows = RandomRows(20, 10, &random);
  const std::string bytes = EncodeAll(rows);
  std::string_view left = bytes;
  FrameDecoder decoder(20);
  for (const TimedRow& row : rows) {
    std::string_view frame;
    ASSERT_TRUE(NextFrame(&left, &frame).ok());
    Row decoded;
    ASSERT_TRUE(decoder.Decode(&frame, &decoded).ok());
    EXPECT_TRUE(frame.empty());
    ExpectRow(row, decoded);
  }
  std::string_view frame;
  EXPECT_EQ(NextFrame(&left, &frame).code(), absl::StatusCode::kDataLoss);
}

TEST(Frame, ADeltaFrameNeedsAKeyFrameBefore) {
  const std::string bytes = EncodeAll({{1, {1, 2}}, {2, {1, 3}}});
  std::string_view left = bytes;
  std::string_view key_frame;
  ASSERT_TRUE(NextFrame(&left, &key_frame).ok());
  Row row;
  FrameDecoder decoder(2);
  std::string_view delta_frame = left;
  EXPECT_EQ(decoder.Decode(&delta_frame, &row).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(delta_frame.empty());
  ASSERT_TRUE(decoder.Decode(&key_frame, &row).ok());
  ASSERT_TRUE(decoder.Decode(&left, &row).ok());
}

TEST(Frame, AfterADamagedFrameTheChainNeedsAKeyFrame) {
  FrameEncoder encoder(1);
  std::string first, second;
  encoder.Encode({1, std::vector<double>{1}}, true, &first);
  encoder.Encode({2, std::vector<double>{2}}, false, &second);
  const std::string damaged("\x02\x80\x00", 3);
  FrameDecoder decoder(1);
  Row row;
  std::string_view left = first;
  ASSERT_TRUE(decoder.Decode(&left, &row).ok());
  left = damaged;
  const absl::Status status = decoder.Decode(&left, &row);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("flags are unknown at byte 2"));
  left = second;
  EXPECT_EQ(decoder.Decode(&left, &row).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Frame, RefusesEveryTruncation) {
  Random random(7);
  const auto rows = RandomRows(80, 4, &random);
  FrameEncoder encoder(80);
  for (const TimedRow& row : rows) {
    std::string frame;
    encoder.Encode({row.time_ms, row.values}, true, &frame);
    for (size_t size = 0; size < frame.size(); ++size) {
      std::string_view left = std::string_view(frame).substr(0, size);
      Row decoded;
      FrameDecoder decoder(80);
      EXPECT_EQ(decoder.Decode(&left, &decoded).code(), absl::StatusCode::kDataLoss) << size;
      EXPECT_TRUE(left.empty());
    }
  }
}

TEST(Frame, DamageNeverCrashes) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  const auto rows = RandomRows(100, 20, &random);
  const std::string good = EncodeAll(rows);
  size_t refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string bad = good;
    for (uint64_t hits = 1 + Below(&random, 4); hits != 0; --hits) {
      bad[Below(&random, bad.size())] = static_cast<char>(random());
    }
    std::string_view left = bad;
    FrameDecoder decoder(100);
    Row row;
    for (size_t r = 0; r < rows.size() && !left.empty(); ++r) {
      refused += !decoder.Decode(&left, &row).ok();
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(Bitmap, GivesBackEveryBitAndRefusesBitsBeyond) {
  Random random(3);
  for (size_t bits = 1; bits < 700; ++bits) {
    std::vector<uint64_t> words(WordsOf(bits));
    for (uint64_t set = Below(&random, bits + 1); set != 0; --set) {
      const size_t bit = Below(&random, bits);
      words[bit / 64] |= uint64_t{1} << (bit % 64);
    }
    ByteSink sink;
    AppendBitmap(words, bits, &sink);
    ByteSource source(sink.bytes());
    std::vector<uint64_t> read(words.size());
    ASSERT_TRUE(ReadBitmap(&source, bits, read)) << bits;
    EXPECT_EQ(read, words);
    EXPECT_EQ(source.left(), 0u);
    if (bits > 1 && (words[(bits - 1) / 64] >> ((bits - 1) % 64) & 1) != 0) {
      ByteSource again(sink.bytes());
      read.resize(WordsOf(bits - 1));
      EXPECT_FALSE(ReadBitmap(&again, bits - 1, read) && again.left() == 0) << bits;
    }
  }
}

}  // namespace
}  // namespace baro::codec
