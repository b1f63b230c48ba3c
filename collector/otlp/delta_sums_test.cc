// Deltas add up to exact totals: across restarts, retries, failures of the store, and series that
// come and go.
// Method: the receiver over a store of maps; a restart is a new receiver over the same store.

#include "otlp/delta_sums.h"

#include <cmath>
#include <cstdlib>
#include <map>
#include <random>

#include "baro/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "otlp/otlp_receiver.h"
#include "otlp/testing/map_store.h"
#include "otlp/testing/requests.h"

namespace baro::collector {
namespace {

using otlp_testing::Builder;
using otlp_testing::kDelta;
using otlp_testing::kNowMs;
using testing::HasSubstr;

constexpr char kRequests[] = R"(requests_total{instance="i-1", job="shop"})";

class DeltaSumsTest : public testing::Test {
 protected:
  DeltaSumsTest() { Restart(); }

  void Restart(DeltaOptions deltas = {}) {
    OtlpOptions options;
    options.clock = &clock_;
    options.deltas = deltas;
    options.deltas.clock = &clock_;
    receiver_ = std::make_unique<OtlpReceiver>(&store_, OtlpConfig(), options);
  }
  OtlpOutcome Send(const Builder& builder) {
    outcomes_.clear();
    receiver_->Receive(builder.Bytes(),
                       [this](const OtlpOutcome& outcome) { outcomes_.push_back(outcome); });
    return outcomes_.empty() ? OtlpOutcome{absl::CancelledError("not answered"), 0, {}}
                             : outcomes_.back();
  }
  OtlpOutcome Delta(int64_t start_ms, int64_t time_ms, double value) {
    return Send(Builder().Delta("requests", start_ms, time_ms, value));
  }
  DeltaStats Stats() const { return receiver_->GetStats().deltas; }

  MapStore store_;
  base::FakeClock clock_{kNowMs};
  std::unique_ptr<OtlpReceiver> receiver_;
  std::vector<OtlpOutcome> outcomes_;
};

TEST_F(DeltaSumsTest, AddUp) {
  EXPECT_TRUE(Delta(0, 10, 5).message.empty());
  Delta(10, 20, 2.5);
  Delta(20, 30, 0);
  const auto points = store_.Of(kRequests);
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points.at(kNowMs + 10).value, 5);
  EXPECT_EQ(points.at(kNowMs + 20).value, 7.5);
  EXPECT_EQ(points.at(kNowMs + 30).value, 7.5);
}

TEST_F(DeltaSumsTest, AddUpWithinOneRequest) {
  Builder builder;
  builder.Delta("requests", 0, 10, 1).Delta("requests", 10, 20, 2).Delta("requests", 20, 30, 4);
  Send(builder);
  EXPECT_EQ(store_.Of(kRequests).at(kNowMs + 20).value, 3);
  EXPECT_EQ(store_.Last(kRequests), 7);
}

TEST_F(DeltaSumsTest, GoOnAfterARestart) {
  Delta(0, 10, 5);
  Restart();
  Delta(10, 20, 2);
  EXPECT_EQ(store_.Last(kRequests), 7);
  EXPECT_EQ(Stats().read_back_total, 1u);
  EXPECT_EQ(Delta(10, 20, 2).rejected_points, 0) << "the same again is no fault";
  Restart();
  // What was counted before the restart is known by its time.
  const OtlpOutcome again = Delta(10, 20, 2);
  EXPECT_EQ(again.rejected_points, 1);
  EXPECT_THAT(again.message, HasSubstr("delta_out_of_order"));
  EXPECT_EQ(store_.Last(kRequests), 7);
}

// Who they are from is told by their own attributes, not by a resource.
TEST_F(DeltaSumsTest, OfAnIdentityOfTheirOwnGoOnAfterARestart) {
  for (int64_t end_ms = 10; end_ms <= 30; end_ms += 10) {
    Builder builder(otlp_testing::Texts{});
    auto* const point = Builder::Point(builder.Sum("requests", true, kDelta), end_ms, end_ms - 10);
    point->set_as_double(5);
    otlp_testing::AddTexts({{"job", "own"}, {"instance", "i"}}, point);
    Send(builder);
    Restart();
  }
  EXPECT_EQ(store_.Last(R"(requests_total{instance="i", job="own"})"), 15);
}

TEST_F(DeltaSumsTest, GoOnAfterAStaleMarker) {
  Delta(0, 10, 5);
  Builder ends;
  Builder::Point(ends.Sum("requests", true, kDelta), 15)->set_flags(1);
  Send(ends);
  EXPECT_TRUE(model::IsStaleNan(store_.Last(kRequests)));
  Restart();
  Delta(15, 20, 1);
  EXPECT_EQ(store_.Last(kRequests), 6);
}

TEST_F(DeltaSumsTest, CountAnIntervalOnce) {
  Delta(0, 10, 5);
  Delta(0, 10, 5);
  EXPECT_EQ(Stats().duplicates_total, 1u);
  EXPECT_EQ(Delta(0, 9, 1).rejected_points, 1) << "it came too late to tell";
  EXPECT_EQ(Delta(5, 20, 2).rejected_points, 0) << "a second sender under one identity";
  EXPECT_EQ(Stats().overlaps_total, 1u);
  EXPECT_EQ(store_.Last(kRequests), 7);
}

TEST_F(DeltaSumsTest, RefuseWhatCannotBeAdded) {
  const OtlpOutcome outcome = Delta(0, 10, std::nan(""));
  EXPECT_EQ(outcome.rejected_points, 1);
  EXPECT_THAT(outcome.message, HasSubstr("bad_value"));
  Delta(10, 20, 3);
  EXPECT_EQ(store_.Last(kRequests), 3);
}

TEST_F(DeltaSumsTest, ForgetWhatTheStoreDidNotTake) {
  Delta(0, 10, 1);
  store_.Hold();
  Delta(10, 20, 2);  // fails
  Delta(20, 30, 4);  // was told on top of it, and fails, too
  store_.Fail();
  EXPECT_TRUE(absl::IsUnavailable(outcomes_.back().status));
  EXPECT_TRUE(absl::IsUnavailable(Delta(10, 20, 2).status)) << "while the other is under way";
  store_.Fail();
  ASSERT_EQ(store_.held(), 0u);
  Delta(10, 20, 2);
  store_.Release();
  Delta(20, 30, 4);
  store_.Release();
  EXPECT_EQ(store_.Of(kRequests).at(kNowMs + 20).value, 3);
  EXPECT_EQ(store_.Last(kRequests), 7);
  EXPECT_EQ(Stats().recoveries_total, 1u);
}

TEST_F(DeltaSumsTest, KeepTheTotalWhenOnlyTheFirstOfTwoFails) {
  store_.Hold();
  Delta(0, 10, 1);   // fails
  Delta(10, 20, 2);  // holds both and is stored
  store_.Fail();
  store_.Release();
  EXPECT_EQ(store_.Last(kRequests), 3);
  Delta(0, 10, 1);  // sent again: its interval is covered
  EXPECT_EQ(store_.held(), 0u);
  Delta(20, 30, 4);
  store_.Release();
  EXPECT_EQ(store_.Last(kRequests), 7);
}

TEST_F(DeltaSumsTest, AskToSendAgainWhenTheStoreCannotBeRead) {
  Delta(0, 10, 5);
  Restart();
  store_.FailSelects(true);
  EXPECT_TRUE(absl::IsUnavailable(Delta(10, 20, 2).status));
  store_.FailSelects(false);
  Delta(10, 20, 2);
  EXPECT_EQ(store_.Last(kRequests), 7);
}

TEST_F(DeltaSumsTest, WaitUntilTheStoreCanBeReadWhole) {
  Delta(0, 10, 5);
  bool complete = false;
  DeltaOptions options;
  options.store_is_complete = [&complete] { return complete; };
  Restart(options);
  EXPECT_TRUE(absl::IsUnavailable(Delta(10, 20, 2).status));
  EXPECT_TRUE(Send(Builder().Gauge("up", 0, 1)).status.ok()) << "only deltas wait";
  complete = true;
  Delta(10, 20, 2);
  EXPECT_EQ(store_.Last(kRequests), 7);
}

TEST_F(DeltaSumsTest, ForgetIdleSeriesAndTakeThemUpAgain) {
  DeltaOptions options;
  options.idle_ms = 600'000;
  Restart(options);
  Delta(0, 10, 5);
  clock_.AdvanceMs(700'000);
  Send(Builder().Delta("other", 0, 10, 1));
  EXPECT_EQ(Stats().series, 1u);
  EXPECT_EQ(Stats().evicted_total, 1u);
  Delta(700'000, 700'010, 2);
  EXPECT_EQ(store_.Last(kRequests), 7);
}

TEST_F(DeltaSumsTest, KeepNoMoreSeriesThanTheyMay) {
  DeltaOptions options;
  options.series_max = 2;
  Restart(options);
  Builder builder;
  builder.Delta("a", 0, 10, 1).Delta("b", 0, 10, 1).Delta("c", 0, 10, 1);
  const OtlpOutcome outcome = Send(builder);
  EXPECT_EQ(outcome.rejected_points, 1);
  EXPECT_THAT(outcome.message, HasSubstr("delta_limit"));
  clock_.AdvanceMs(400'000);
  EXPECT_EQ(Send(Builder().Delta("c", 10, 400'000, 1)).rejected_points, 0)
      << "a and b have been idle";
}

TEST_F(DeltaSumsTest, ReadBackAMetricAtATime) {
  Builder builder;
  auto* const sum = builder.Sum("requests", true, kDelta);
  for (int i = 0; i < 50; ++i) {
    auto* const point = Builder::Point(sum, 10, 0);
    otlp_testing::AddTexts({{"n", std::to_string(i).c_str()}}, point);
    point->set_as_int(i);
  }
  Send(builder);
  Restart();
  store_.selects = 0;
  for (auto& point : *sum->mutable_data_points()) {
    point.set_start_time_unix_nano(Builder::Ns(10));
    point.set_time_unix_nano(Builder::Ns(20));
  }
  Send(builder);
  EXPECT_EQ(store_.selects, 1);
  EXPECT_EQ(store_.Last(R"(requests_total{instance="i-1", job="shop", n="49"})"), 98);
  // A new series of a metric that has been read back is new.
  Builder fresh;
  auto* const point = Builder::Point(fresh.Sum("requests", true, kDelta), 20, 10);
  otlp_testing::AddTexts({{"n", "new"}}, point);
  point->set_as_int(1);
  Send(fresh);
  EXPECT_EQ(store_.selects, 1);
}

TEST_F(DeltaSumsTest, AddHistograms) {
  const auto send = [this](int64_t start_ms, std::initializer_list<uint64_t> counts) {
    Builder builder;
    auto* const histogram = builder.Metric("h")->mutable_histogram();
    histogram->set_aggregation_temporality(kDelta);
    auto* const point = Builder::Point(histogram, start_ms + 10, start_ms);
    for (const double bound : {1.0, 2.0}) point->add_explicit_bounds(bound);
    uint64_t count = 0;
    for (const uint64_t each : counts) {
      point->add_bucket_counts(each);
      count += each;
    }
    point->set_count(count);
    point->set_sum(static_cast<double>(count) / 2);
    return Send(builder);
  };
  send(0, {1, 2, 3});
  Restart();
  send(10, {1, 0, 1});
  EXPECT_EQ(send(10, {1, 0, 1}).rejected_points, 0);
  EXPECT_EQ(store_.Last(R"(h_bucket{instance="i-1", job="shop", le="1"})"), 2);
  EXPECT_EQ(store_.Last(R"(h_bucket{instance="i-1", job="shop", le="2"})"), 4);
  EXPECT_EQ(store_.Last(R"(h_bucket{instance="i-1", job="shop", le="+Inf"})"), 8);
  EXPECT_EQ(store_.Last(R"(h_count{instance="i-1", job="shop"})"), 8);
  EXPECT_EQ(store_.Last(R"(h_sum{instance="i-1", job="shop"})"), 4);
  EXPECT_EQ(send(5, {1, 0, 0}).rejected_points, 1) << "one point, whatever its series";
}

TEST_F(DeltaSumsTest, AddExponentialHistograms) {
  const auto send = [this](int64_t start_ms, int32_t scale, std::vector<uint64_t> counts) {
    Builder builder;
    auto* const histogram = builder.Metric("e")->mutable_exponential_histogram();
    histogram->set_aggregation_temporality(kDelta);
    auto* const point = Builder::Point(histogram, start_ms + 10, start_ms);
    point->set_scale(scale);
    uint64_t count = 0;
    for (const uint64_t each : counts) {
      point->mutable_positive()->add_bucket_counts(each);
      count += each;
    }
    point->set_count(count);
    point->set_sum(1);
    return Send(builder);
  };
  send(0, 2, {1, 1, 1, 1});
  Restart();
  send(10, 1, {1, 1, 1});
  const auto points = store_.Of(R"(e{instance="i-1", job="shop"})");
  ASSERT_EQ(points.size(), 2u);
  const model::Histogram& total = *points.rbegin()->second.histogram;
  EXPECT_EQ(total.schema, 1);
  EXPECT_EQ(total.count, 7);
  EXPECT_EQ(total.sum, 2);
  EXPECT_EQ(total.positive, (std::vector<model::Histogram::Bucket>{{1, 3}, {2, 3}, {3, 1}}));
}

// Senders retry, the store fails now and then, the process restarts: what is stored in the end is
// the sum of all that was sent.
TEST_F(DeltaSumsTest, LoseAndDoubleNothing) {
  const char* const given = std::getenv("BARO_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : base::RandomSeed();
  SCOPED_TRACE(testing::Message() << "BARO_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::map<std::string, double> sent;
  std::map<std::string, int64_t> at_ms;
  store_.Hold();
  for (int round = 0; round < 3'000; ++round) {
    const std::string name(1, static_cast<char>('a' + random() % 5));
    const auto value = static_cast<double>(random() % 100);
    const int64_t start_ms = at_ms[name];
    at_ms[name] += 1 + static_cast<int64_t>(random() % 1'000);
    Builder builder;
    builder.Delta(name.c_str(), start_ms, at_ms[name], value);
    sent[name] += value;
    while (true) {  // a sender that tries until it hears that it is stored
      if (random() % 20 == 0) Restart();
      Send(builder);
      if (store_.held() == 0) break;
      const bool fails = random() % 10 == 0;
      fails ? store_.Fail() : store_.Release();
      const bool answer_is_lost = random() % 10 == 0;
      if (!fails && !answer_is_lost) break;
    }
  }
  for (const auto& [name, total] : sent) {
    EXPECT_EQ(store_.Last(name + R"(_total{instance="i-1", job="shop"})"), total) << name;
  }
}

}  // namespace
}  // namespace baro::collector
