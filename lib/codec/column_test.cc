// A column gives back every bit of every double and refuses damaged bytes.
// Method: series of every shape in every length, special values between them, then each truncation
// and random damage of good bytes.

#include "baro/codec/column.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "random_values.h"

namespace baro::codec {
namespace {

using ::testing::HasSubstr;
using ::testing::Le;

std::string Encoded(const std::vector<double>& values) {
  std::string bytes;
  EncodeColumn(values, &bytes);
  return bytes;
}

size_t ExpectRoundTrip(const std::vector<double>& values) {
  const std::string bytes = Encoded(values) + "rest";
  std::string_view left = bytes;
  std::vector<double> decoded(values.size());
  const absl::Status status = DecodeColumn(&left, decoded);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(left, "rest");
  EXPECT_TRUE(SameBits(decoded, values));
  return bytes.size() - 4;
}

TEST(Column, GivesBackEachSpecialValueAloneAndRepeated) {
  for (const double value : SpecialValues()) {
    SCOPED_TRACE(testing::Message() << value << " " << std::hex << BitsOf(value));
    EXPECT_THAT(ExpectRoundTrip({value}), Le(10u));
    EXPECT_THAT(ExpectRoundTrip(std::vector<double>(128, value)), Le(10u));
    ExpectRoundTrip({value, 1, value, value, 2.5, value});
    ExpectRoundTrip({3, value});
    for (const double other : SpecialValues()) ExpectRoundTrip({value, other, value});
  }
  ExpectRoundTrip(SpecialValues());
  ExpectRoundTrip({});
}

TEST(Column, GivesBackSeriesOfEveryShape) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  for (int i = 0; i < 4000; ++i) {
    const auto shape = static_cast<Shape>(Below(&random, kShapes));
    auto values = RandomSeries(shape, Below(&random, 600), &random);
    SCOPED_TRACE(testing::Message() << "seed " << seed << " series " << i);
    if (Below(&random, 4) == 0) {
      for (double& value : values) {
        if (Below(&random, 3) == 0) value = model::kNoSample;
      }
    }
    ExpectRoundTrip(values);
    if (HasFailure()) return;
  }
}

TEST(Column, GivesBackTheLongestRun) {
  Random random(5);
  for (size_t shape = 0; shape < kShapes; ++shape) {
    ExpectRoundTrip(RandomSeries(static_cast<Shape>(shape), kColumnValuesMax, &random));
  }
}

// What common series may cost at most, for 128 rows. A smaller figure is welcome here.
TEST(Column, CommonSeriesAreSmall) {
  std::vector<double> steady, sectors, cpu_seconds, load, float_sum, rare;
  double sum = 0;
  for (int i = 0; i < 128; ++i) {
    steady.push_back(1000 + 15 * i);
    sectors.push_back(4096.0 * (250'000 + (i * 7919) % 100));
    cpu_seconds.push_back((1'000'000 + 1500 * i + (i * 7) % 13) / 100.0);
    load.push_back(((i * 31) % 200) / 100.0);
    float_sum.push_back(sum += 0.01 * (1 + i % 3));
    rare.push_back(i < 60 ? 7 : 8);
  }
  EXPECT_THAT(ExpectRoundTrip(steady), Le(7u));
  EXPECT_THAT(ExpectRoundTrip(sectors), Le(128u * 8 / 8 + 12));
  EXPECT_THAT(ExpectRoundTrip(cpu_seconds), Le(128u * 5 / 8 + 12));
  EXPECT_THAT(ExpectRoundTrip(load), Le(128u * 8 / 8 + 8));
  EXPECT_THAT(ExpectRoundTrip(float_sum), Le(128u));
  EXPECT_THAT(ExpectRoundTrip(rare), Le(8u));
}

TEST(Column, NoiseCostsLittleMoreThanItsBits) {
  Random random(11);
  std::vector<double> values(1024);
  for (double& value : values) value = DoubleOf(random());
  EXPECT_THAT(ExpectRoundTrip(values), Le(1024u * 8 + 1024 / 64 * 12 + 8));
}

TEST(Column, RefusesEveryTruncation) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  for (size_t i = 0; i < 200; ++i) {
    const auto values =
        RandomSeries(static_cast<Shape>(i % kShapes), 1 + Below(&random, 200), &random);
    const std::string good = Encoded(values);
    for (size_t size = 0; size < good.size(); ++size) {
      // A copy of its own, so that a sanitizer sees each byte read beyond the end.
      const std::vector<char> cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
      std::string_view left(cut.data(), cut.size());
      std::vector<double> decoded(values.size());
      ASSERT_EQ(DecodeColumn(&left, decoded).code(), absl::StatusCode::kDataLoss)
          << "seed " << seed << " series " << i << " size " << size;
    }
  }
}

TEST(Column, DamageNeverCrashes) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  size_t refused = 0;
  for (size_t i = 0; i < 20'000; ++i) {
    const auto values =
        RandomSeries(static_cast<Shape>(i % kShapes), 1 + Below(&random, 200), &random);
    std::string bytes = Encoded(values);
    for (uint64_t hits = 1 + Below(&random, 4); hits != 0; --hits) {
      bytes[Below(&random, bytes.size())] = static_cast<char>(random());
    }
    std::string_view left = bytes;
    std::vector<double> decoded(values.size());
    refused += !DecodeColumn(&left, decoded).ok();
  }
  EXPECT_GT(refused, 0u);
}

TEST(Column, NamesTheDamage) {
  std::string_view bytes("\xff", 1);
  std::vector<double> values(3);
  const absl::Status status = DecodeColumn(&bytes, values);
  EXPECT_THAT(std::string(status.message()), HasSubstr("form is unknown at byte 1"));
}

void ExpectTimesRoundTrip(const std::vector<int64_t>& times_ms, size_t size_max) {
  std::string bytes;
  EncodeTimes(times_ms, &bytes);
  EXPECT_THAT(bytes.size(), Le(size_max));
  std::string_view left = bytes;
  std::vector<int64_t> decoded(times_ms.size());
  const absl::Status status = DecodeTimes(&left, decoded);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(decoded, times_ms);
}

TEST(Times, EvenlySpacedOnesAreNearlyFree) {
  std::vector<int64_t> even, jittered;
  for (int64_t i = 0; i < 120; ++i) {
    even.push_back(1'700'000'000'000 + 15'000 * i);
    jittered.push_back(even.back() + i * 7 % 3);
  }
  ExpectTimesRoundTrip(even, 12);
  ExpectTimesRoundTrip(jittered, 120 * 3 / 8 + 16);
  ExpectTimesRoundTrip({}, 0);
  ExpectTimesRoundTrip({-5}, 1);
  ExpectTimesRoundTrip({model::kTimeMsMin, model::kTimeMsMax, 0, model::kTimeMsMin}, 50);
}

TEST(Times, AnyOrderComesBackAndTruncationIsRefused) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  for (int i = 0; i < 300; ++i) {
    std::vector<int64_t> times_ms(1 + Below(&random, 200));
    for (int64_t& time_ms : times_ms)
      time_ms = static_cast<int64_t>(random() >> Below(&random, 64));
    ExpectTimesRoundTrip(times_ms, times_ms.size() * 9 + 50);
    std::string bytes;
    EncodeTimes(times_ms, &bytes);
    std::string_view left = std::string_view(bytes).substr(0, bytes.size() - 1);
    EXPECT_EQ(DecodeTimes(&left, times_ms).code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace baro::codec
