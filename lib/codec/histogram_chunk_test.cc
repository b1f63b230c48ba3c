// Histogram chunks give back what they were given, end where counters are reset, and nothing
// damaged is believed.

#include "baro/codec/histogram_chunk.h"

#include <absl/strings/escaping.h>

#include <random>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "histogram_layout.h"

namespace baro::codec {
namespace {

using model::Histogram;
using model::ResetHint;

// What comes back has the hint that the chunk can tell.
std::vector<DecodedHistogram> RoundTrip(const std::vector<DecodedHistogram>& samples,
                                        size_t* encoded) {
  std::vector<HistogramAt> at;
  for (const DecodedHistogram& sample : samples) at.push_back({sample.time_ms, &sample.histogram});
  const HistogramChunk chunk = EncodeHistogramChunk(at, 120);
  *encoded = chunk.sample_count;
  std::vector<DecodedHistogram> decoded;
  const absl::Status status = DecodeHistogramChunk(chunk.bytes, chunk.float_counts, &decoded);
  EXPECT_TRUE(status.ok()) << status;
  return decoded;
}

void ExpectRoundTrip(const std::vector<DecodedHistogram>& samples) {
  size_t encoded = 0;
  const auto decoded = RoundTrip(samples, &encoded);
  ASSERT_EQ(encoded, samples.size());
  ASSERT_EQ(decoded.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    Histogram expected = samples[i].histogram;
    expected.reset_hint = decoded[i].histogram.reset_hint;
    EXPECT_EQ(decoded[i].time_ms, samples[i].time_ms) << i;
    EXPECT_EQ(decoded[i].histogram, expected) << i;
  }
}

Histogram Make(double scale, bool float_counts) {
  Histogram histogram;
  histogram.schema = 3;
  histogram.float_counts = float_counts;
  histogram.zero_threshold = 0x1p-128;
  histogram.zero_count = scale;
  histogram.count = 9 * scale;
  histogram.sum = 12.25 * scale;
  histogram.positive = {{-4, scale}, {-3, 2 * scale}, {7, 3 * scale}};
  histogram.negative = {{0, scale}, {2, scale}};
  return histogram;
}

TEST(HistogramChunk, GivesBackIntegersAndFloats) {
  for (const bool floats : {false, true}) {
    std::vector<DecodedHistogram> samples;
    for (int i = 0; i < 120; ++i) {
      samples.push_back({1'700'000'000'000 + i * 15'000 + i % 7, Make(i * i + 1, floats)});
    }
    ExpectRoundTrip(samples);
    ExpectRoundTrip({samples[5]});
  }
}

TEST(HistogramChunk, GivesBackFractionsAsFloats) {
  ExpectRoundTrip({{0, Make(0.5, true)}, {10, Make(1.75, true)}, {11, Make(1e300, true)}});
}

TEST(HistogramChunk, GivesBackOneWithoutBuckets) {
  Histogram empty;
  Histogram more;
  more.count = 3;
  more.zero_count = 3;
  ExpectRoundTrip({{-5, empty}, {5, more}, {6, more}});
}

TEST(HistogramChunk, AddsBucketsAsTheyAppear) {
  Histogram more = Make(2, false);
  more.positive.insert(more.positive.begin() + 1, {-3, 1});
  more.positive.erase(more.positive.begin() + 2);
  more = Make(2, false);
  more.positive = {{-9, 1}, {-4, 2}, {-3, 4}, {-1, 1}, {7, 6}, {8, 1}};
  ExpectRoundTrip({{1, Make(1, false)}, {2, more}, {3, more}});
}

TEST(HistogramChunk, GivesBackCustomBounds) {
  Histogram histogram;
  histogram.schema = model::kCustomBoundsSchema;
  histogram.custom_bounds = {-1.5, 0, 0.005, 0.1, 1.0 / 3, 33554.430, 33554.431, 1e20};
  histogram.count = 7;
  histogram.positive = {{0, 3}, {8, 4}};
  ExpectRoundTrip({{1, histogram}, {2, histogram}});
}

TEST(HistogramChunk, GivesBackThresholdsOfEveryKind) {
  for (const double threshold : {0.0, 0x1p-243, 0x1p-244, 0x1p10, 0x1p11, 0.001, 1.0, 0.75}) {
    Histogram histogram = Make(1, false);
    histogram.zero_threshold = threshold;
    ExpectRoundTrip({{1, histogram}});
  }
}

TEST(HistogramChunk, EndsWhereTheNextDoesNotFit) {
  const auto ends = [](const Histogram& first, const Histogram& second) {
    size_t encoded = 0;
    (void)RoundTrip({{1, first}, {2, second}}, &encoded);
    return encoded == 1;
  };
  const Histogram base = Make(2, false);
  EXPECT_FALSE(ends(base, base));
  EXPECT_TRUE(ends(base, Make(1, false)));  // a reset
  EXPECT_TRUE(ends(base, Make(2, true)));
  Histogram other = base;
  other.reset_hint = ResetHint::kReset;
  EXPECT_TRUE(ends(base, other));
  other = base;
  other.schema = 4;
  EXPECT_TRUE(ends(base, other));
  other = base;
  other.zero_threshold = 1;
  EXPECT_TRUE(ends(base, other));
  other = base;
  other.positive.pop_back();
  other.count += 100;
  EXPECT_TRUE(ends(base, other));  // a bucket has disappeared
  other = base;
  other.reset_hint = ResetHint::kGauge;
  EXPECT_TRUE(ends(base, other));
}

TEST(HistogramChunk, GaugesMayFall) {
  std::vector<DecodedHistogram> samples;
  for (int i = 5; i > 0; --i) {
    samples.push_back({-i, Make(i, false)});
    samples.back().histogram.reset_hint = ResetHint::kGauge;
  }
  ExpectRoundTrip(samples);
  size_t encoded = 0;
  for (const auto& decoded : RoundTrip(samples, &encoded)) {
    EXPECT_EQ(decoded.histogram.reset_hint, ResetHint::kGauge);
  }
}

TEST(HistogramChunk, TellsWhatItKnowsOfResets) {
  size_t encoded = 0;
  Histogram first = Make(1, false);
  const std::vector<DecodedHistogram> unknown = {{1, first}, {2, first}};
  EXPECT_EQ(RoundTrip(unknown, &encoded)[0].histogram.reset_hint, ResetHint::kUnknown);
  EXPECT_EQ(RoundTrip(unknown, &encoded)[1].histogram.reset_hint, ResetHint::kNotReset);
  first.reset_hint = ResetHint::kReset;
  EXPECT_EQ(RoundTrip({{1, first}}, &encoded)[0].histogram.reset_hint, ResetHint::kReset);
}

TEST(HistogramChunk, WritesNumbersAsTheFormatHasThem) {
  const auto hex = [](auto&&... values) {
    BitWriter out;
    (WriteVarbit(values, &out), ...);
    return std::string(absl::BytesToHexString(base::ToAbsl(out.Finish())));
  };
  EXPECT_EQ(hex(0), "00");
  EXPECT_EQ(hex(4), "a0");            // 10 100
  EXPECT_EQ(hex(-3), "a8");           // 10 101
  EXPECT_EQ(hex(5), "c280");          // 110 000101
  EXPECT_EQ(hex(-256), "f78000");     // 11110 111100000000: 9 bits end at -255
  EXPECT_EQ(hex(256), "e800");        // 1110 100000000
  EXPECT_EQ(hex(1 << 17), "fa0000");  // 111110 and 18 bits
}

TEST(HistogramChunk, ReadsBackNumbersOfEveryWidth) {
  for (uint32_t shift = 0; shift < 64; ++shift) {
    for (const int64_t around : {-1, 0, 1}) {
      for (const int64_t sign : {-1, 1}) {
        const auto bits = static_cast<uint64_t>(around) + (uint64_t{1} << shift);
        const auto value = static_cast<int64_t>(sign < 0 ? 0 - bits : bits);
        BitWriter out;
        WriteVarbit(value, &out);
        WriteVarbitUnsigned(bits, &out);
        const std::string bytes = out.Finish();
        BitReader in(bytes);
        int64_t read = 0;
        uint64_t read_unsigned = 0;
        ASSERT_TRUE(ReadVarbit(&in, &read) && ReadVarbitUnsigned(&in, &read_unsigned));
        EXPECT_EQ(read, value);
        EXPECT_EQ(read_unsigned, bits);
      }
    }
  }
}

TEST(HistogramChunk, RefusesEveryTruncation) {
  for (const bool floats : {false, true}) {
    const Histogram histogram = Make(7, floats);
    const std::vector<HistogramAt> at = {
        {1000, &histogram}, {2000, &histogram}, {3001, &histogram}};
    const HistogramChunk chunk = EncodeHistogramChunk(at, 120);
    for (size_t size = 0; size < chunk.bytes.size(); ++size) {
      std::vector<DecodedHistogram> decoded;
      EXPECT_EQ(DecodeHistogramChunk(chunk.bytes.substr(0, size), floats, &decoded).code(),
                absl::StatusCode::kDataLoss)
          << size;
    }
  }
}

}  // namespace
}  // namespace baro::codec
