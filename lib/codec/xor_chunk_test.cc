// A chunk gives back every bit it was given, has the bytes Prometheus gives it, and nothing damaged
// is believed.

#include "baro/codec/xor_chunk.h"

#include <absl/strings/escaping.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "baro/base/strings.h"
#include "gtest/gtest.h"

namespace baro::codec {
namespace {

using Samples = std::vector<model::Sample>;

std::string Encode(const Samples& samples) {
  XorChunkWriter writer;
  for (const model::Sample& sample : samples) writer.Append(sample);
  EXPECT_EQ(writer.sample_count(), samples.size());
  return writer.Finish();
}

void ExpectRoundTrip(const Samples& samples) {
  const std::string chunk = Encode(samples);
  Samples decoded;
  const absl::Status status = DecodeXorChunk(chunk, &decoded);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(decoded.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(decoded[i].time_ms, samples[i].time_ms) << i;
    EXPECT_EQ(std::bit_cast<uint64_t>(decoded[i].value), std::bit_cast<uint64_t>(samples[i].value))
        << i;
  }
}

std::string Hex(const std::string& bytes) {
  return std::string(absl::BytesToHexString(base::ToAbsl(bytes)));
}

// Worked out by hand from the format's page.
TEST(XorChunk, HasTheBytesOfTheFormat) {
  EXPECT_EQ(Hex(Encode({})), "0000");
  // Zigzag varint of 1000, the 64 bits of 1.
  EXPECT_EQ(Hex(Encode({{1000, 1}})), "0001d00f3ff0000000000000");
  // Distance 15 as varint, then the bit 0: the same value.
  EXPECT_EQ(Hex(Encode({{1000, 1}, {1015, 1}})), "0002d00f3ff00000000000000f00");
  // The same distance and the same value again: two zero bits.
  EXPECT_EQ(Hex(Encode({{1000, 1}, {1015, 1}, {1030, 1}})), "0003d00f3ff00000000000000f00");
  // 1 → 2 differs in bits 52 … 62: 1, 1, leading 1 (00001), 11 bits (001011), 11111111111.
  EXPECT_EQ(Hex(Encode({{1000, 1}, {1015, 2}})), "0002d00f3ff00000000000000fc25fff");
}

TEST(XorChunk, GivesBackTheSameSamples) {
  const double inf = std::numeric_limits<double>::infinity();
  ExpectRoundTrip({});
  ExpectRoundTrip({{0, 0}});
  ExpectRoundTrip({{-30'000, 1}, {0, -0.0}, {30'000, 0.0}});
  ExpectRoundTrip({{1, model::kStaleNan}, {2, model::kNormalNan}, {3, inf}, {4, -inf}});
  ExpectRoundTrip({{5, 1}, {4, 2}, {4, 3}, {-100'000'000, 4}});  // backwards
  ExpectRoundTrip({{model::kTimeMsMin, 1}, {model::kTimeMsMax, 2}, {model::kTimeMsMin, 3}});
  ExpectRoundTrip({{0, 5e-324}, {1, std::numeric_limits<double>::max()}, {2, 9007199254740993.0}});
}

// Both sides of each width a step between times may need.
TEST(XorChunk, TellsStepsOfEveryWidth) {
  for (const int bits : {14, 17, 20}) {
    const int64_t half = int64_t{1} << (bits - 1);
    for (int64_t step : {half - 1, half, half + 1, -half + 1, -half, -half - 1}) {
      SCOPED_TRACE(step);
      ExpectRoundTrip({{0, 1}, {1'000'000, 1}, {2'000'000 + step, 1}, {3'000'000, 1}});
    }
  }
}

TEST(XorChunk, GivesBackRandomSamples) {
  const char* const given = std::getenv("BARO_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20260801;
  SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    Samples samples;
    int64_t time_ms = static_cast<int64_t>(random() >> (random() % 64));
    for (size_t i = random() % 300; i > 0; --i) {
      time_ms = static_cast<int64_t>(static_cast<uint64_t>(time_ms) + (random() >> random() % 64));
      const uint64_t bits = random() << (random() % 64) >> (random() % 64);
      samples.push_back({time_ms, std::bit_cast<double>(bits)});
    }
    ExpectRoundTrip(samples);
  }
}

TEST(XorChunk, FillsAChunkToItsLastSample) {
  Samples samples;
  for (size_t i = 0; i < kXorChunkSamplesMax; ++i) {
    samples.push_back({static_cast<int64_t>(i) * 15'000, static_cast<double>(i % 7)});
  }
  ExpectRoundTrip(samples);
}

TEST(XorChunk, AWriterStartsAfreshAfterItsChunk) {
  XorChunkWriter writer;
  writer.Append({1, 2});
  writer.Append({3, 4});
  const std::string first = writer.Finish();
  EXPECT_EQ(writer.sample_count(), 0u);
  writer.Append({1, 2});
  writer.Append({3, 4});
  EXPECT_EQ(writer.Finish(), first);
}

TEST(XorChunk, RefusesEveryTruncation) {
  const std::string good = Encode({{1'700'000'000'000, 0.1}, {1'700'000'015'001, 0.7}, {7, 1e300}});
  for (size_t size = 0; size < good.size(); ++size) {
    Samples samples;
    const absl::Status status = DecodeXorChunk(std::string_view(good).substr(0, size), &samples);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(XorChunk, RefusesAWindowWiderThanADouble) {
  // After 1000, 1 and 1015: value differs, new window, 31 leading bits and 63 that differ.
  std::string chunk("\x00\x02\xd0\x0f\x3f\xf0\x00\x00\x00\x00\x00\x00\x0f\xff\xff", 15);
  chunk += std::string(16, '\xff');
  Samples samples;
  EXPECT_EQ(DecodeXorChunk(chunk, &samples).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace baro::codec
