// Random histograms and floats against a plain map: every schema, in order and late, over one
// another, through seals and restarts.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "baro/model/random_histogram.h"
#include "histogram_test_support.h"

namespace baro::tsdb {
namespace {

using model::Histogram;
using model::Labels;
using testing::Either;

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kStepMs = 15'000;

uint64_t Seed() {
  const char* given = std::getenv("BARO_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed) {
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    options_.slot_ms = 20 * kStepMs;
    Open();
  }
  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Step() {
    const uint64_t kind = random_() % 100;
    if (kind < 4) {
      Open();
    } else if (kind < 10) {
      EXPECT_TRUE(store_->Maintain(true).ok());
    } else {
      AppendBatch();
    }
  }
  void Check() {
    const auto read = testing::ReadEither(*store_);
    EXPECT_EQ(read, expected_);
    const auto start_ms = kNowMs + static_cast<int64_t>(random_() % 100) * kStepMs;
    const auto end_ms = start_ms + static_cast<int64_t>(random_() % 50) * kStepMs;
    testing::EithersBySeries within;
    for (const auto& [labels, samples] : expected_) {
      const testing::Eithers some(samples.lower_bound(start_ms), samples.upper_bound(end_ms));
      if (!some.empty()) within[labels] = some;
    }
    EXPECT_EQ(testing::ReadEither(*store_, {}, start_ms, end_ms), within);
  }

 private:
  Labels SomeSeries() {
    return {{"__name__", "m" + std::to_string(random_() % 5)},
            {"job", "app"},
            {"instance", std::to_string(random_() % 3)}};
  }
  // Mostly the next step; now and then an old one.
  int64_t SomeTime() {
    if (random_() % 4 != 0) return kNowMs + now_ * kStepMs;
    return kNowMs + static_cast<int64_t>(random_() % static_cast<uint64_t>(now_ + 1)) * kStepMs;
  }
  void AppendBatch() {
    SampleBatch batch;
    std::map<Labels, testing::Eithers> histograms;
    ++now_;
    for (uint64_t i = 1 + random_() % 8; i > 0; --i) {
      const Labels labels = SomeSeries();
      const int64_t time_ms = SomeTime();
      if (random_() % 5 == 0) {
        const double value = static_cast<double>(random_() % 100);
        testing::Add(store_.get(), labels, time_ms, value, &batch);
        expected_[labels][time_ms] = {testing::Bits(value), {}};
        continue;
      }
      Histogram& last = last_[labels];
      if (random_() % 8 == 0) {
        last = model::RandomHistogram(&random_);
      } else {
        model::GrowHistogram(&random_, &last);
      }
      testing::AddHistogram(store_.get(), labels, time_ms, last, &batch);
      histograms[labels][time_ms] = {0, last};
    }
    // Of one batch histograms come after floats.
    for (const auto& [labels, samples] : histograms) {
      for (const auto& [time_ms, sample] : samples) expected_[labels][time_ms] = sample;
    }
    const AppendResult result = testing::AppendAndWait(store_.get(), std::move(batch));
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.histograms_refused, 0U) << result.histogram_refusal;
  }

  testing::Folder folder_{"store_histogram_model"};
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  std::mt19937_64 random_;
  int64_t now_ = 0;
  std::map<Labels, Histogram> last_;
  testing::EithersBySeries expected_;
};

TEST(StoreHistogramModel, GivesBackEveryHistogramToTheBit) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(::testing::Message() << "BARO_SEED=" << seed);
  for (uint64_t round = 0; round < 3 && !::testing::Test::HasFailure(); ++round) {
    Model model(seed + round);
    for (int step = 0; step < 120; ++step) {
      model.Step();
      if (step % 20 == 19) model.Check();
      if (::testing::Test::HasFailure()) break;
    }
  }
}

}  // namespace
}  // namespace baro::tsdb
