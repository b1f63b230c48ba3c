// A chain of samples gives back every bit, across records, and refuses what is damaged.
#include "sample_chain.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "baro/model/sample.h"
#include "journal_record.h"

namespace baro::tsdb {
namespace {

uint64_t Seed() {
  const char* text = std::getenv("BARO_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
  std::printf("BARO_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

void ExpectSame(const SampleBatch& a, const SampleBatch& b) {
  ASSERT_EQ(a.series.size(), b.series.size());
  for (size_t i = 0; i < a.series.size(); ++i) {
    ASSERT_EQ(a.series[i].target, b.series[i].target) << i;
    ASSERT_EQ(a.series[i].column, b.series[i].column) << i;
    ASSERT_EQ(a.times_ms[i], b.times_ms[i]) << i;
    ASSERT_EQ(std::bit_cast<uint64_t>(a.values[i]), std::bit_cast<uint64_t>(b.values[i])) << i;
  }
}

class Chain {
 public:
  size_t RoundTrip(const SampleBatch& batch) {
    const std::string bytes = EncodeJournalRecord(batch, &encoder_);
    const auto record = DecodeJournalRecord(bytes, &decoder_);
    EXPECT_TRUE(record.ok()) << record.status();
    if (record.ok()) ExpectSame(batch, std::get<SampleBatch>(*record));
    return bytes.size();
  }
  SampleEncoder* encoder() { return &encoder_; }

 private:
  SampleEncoder encoder_;
  SampleDecoder decoder_;
};

SampleBatch Scrape(uint32_t targets, uint32_t columns, int64_t time_ms, double value) {
  SampleBatch batch;
  for (uint32_t t = 0; t < targets; ++t) {
    for (uint32_t c = 0; c < columns; ++c) {
      batch.series.push_back({t, c});
      batch.times_ms.push_back(time_ms);
      batch.values.push_back(c % 4 == 0 ? value : 7.5);
    }
  }
  return batch;
}

TEST(SampleChain, ARepeatedScrapeCostsLittleMoreThanWhatChanged) {
  Chain chain;
  chain.RoundTrip(Scrape(10, 100, 1'000'000, 1));
  for (int row = 1; row < 5; ++row) {
    // 250 changed values of a byte, 1,000 bits, and a few bytes.
    EXPECT_LT(chain.RoundTrip(Scrape(10, 100, 1'000'000 + row * 15'000, 1 + row)),
              250u + 125u + 20u);
  }
}

TEST(SampleChain, AnEmptyBatchIsARecord) { Chain().RoundTrip({}); }

TEST(SampleChain, EveryBitOfEveryValueComesBack) {
  const double kInf = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {0.0,
                                      -0.0,
                                      1,
                                      -1,
                                      0.01,
                                      0.005,
                                      12345.67,
                                      12345.678,
                                      1e15,
                                      1e16,
                                      9007199254740993.0,
                                      1e300,
                                      -1e300,
                                      kInf,
                                      -kInf,
                                      std::numeric_limits<double>::denorm_min(),
                                      model::kStaleNan,
                                      model::kNormalNan,
                                      std::numeric_limits<double>::quiet_NaN(),
                                      0.1 + 0.2,
                                      4503599627370496.0,
                                      4503599627370495.0,
                                      45035996273704.96,
                                      std::bit_cast<double>(~uint64_t{0}),
                                      std::bit_cast<double>(uint64_t{1} << 63 | 1)};
  for (const double from : values) {
    for (const double to : values) {
      Chain chain;
      chain.RoundTrip({{{1, 1}}, {5}, {from}, {}, {}});
      chain.RoundTrip({{{1, 1}}, {6}, {to}, {}, {}});
    }
  }
}

TEST(SampleChain, RandomRequestsComeBack) {
  std::mt19937_64 random(Seed());
  Chain chain;
  std::vector<double> values(400, 0);
  for (int record = 0; record < 300; ++record) {
    SampleBatch batch;
    uint64_t at = random() % values.size();
    for (uint64_t left = random() % 300; left > 0; --left) {
      at = random() % 16 == 0 ? random() % values.size() : (at + 1) % values.size();
      double& value = values[at];
      switch (random() % 6) {
        case 0:
          value += static_cast<double>(random() % 100);
          break;
        case 1:
          value += static_cast<double>(random() % 100) / 100;
          break;
        case 2:
          value = std::bit_cast<double>(random());
          break;
        default:
          break;
      }
      batch.series.push_back({static_cast<uint32_t>(at / 20), static_cast<uint32_t>(at % 20 * 3)});
      batch.times_ms.push_back(random() % 8 == 0 ? static_cast<int64_t>(random()) : record * 1000);
      batch.values.push_back(value);
    }
    if (random() % 20 == 0) chain.encoder()->Reset();
    chain.RoundTrip(batch);
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
}

TEST(SampleChain, ARecordNeedsTheOnesBeforeItUnlessItStartsTheChain) {
  SampleEncoder encoder;
  const std::string first = EncodeJournalRecord(Scrape(1, 3, 1, 1), &encoder);
  const std::string second = EncodeJournalRecord(Scrape(1, 3, 2, 1), &encoder);
  EXPECT_TRUE(DecodeJournalRecord(first).ok());
  EXPECT_EQ(DecodeJournalRecord(second).status().code(), absl::StatusCode::kDataLoss);
  encoder.Reset();
  EXPECT_TRUE(DecodeJournalRecord(EncodeJournalRecord(Scrape(1, 3, 3, 1), &encoder)).ok());
}

TEST(SampleChain, EveryTruncationIsRefused) {
  SampleEncoder encoder;
  const std::string good = EncodeJournalRecord(Scrape(2, 9, 1'000, 123.25), &encoder);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(DecodeJournalRecord(good.substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
}

}  // namespace
}  // namespace baro::tsdb
